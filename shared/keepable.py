"""What a document store can keep of a JSON value that somebody from outside made up. Pure."""

from typing import Any

from shared.errors import Fault

DEEPEST = 20
LARGEST = 2**63


def unkeepable(value: Any, at: str = "", depth: int = 0) -> list[Fault]:
    """Everything in a value that cannot be kept, by JSON pointer; names and values are not repeated.

    Field names that a store takes for operators or paths, whole numbers over 64 bits, text that is no Unicode, and
    nesting nobody means.
    """
    if depth > DEEPEST:
        return [Fault(at, "too_deep", "is nested too deeply")]
    if isinstance(value, dict):
        named = [f for name, one in value.items() for f in unkeepable(one, f"{at}/{_escaped(name)}", depth + 1)]
        return [Fault(at, "bad_name", "has a field with a name that cannot be kept")] * any(map(_bad, value)) + named
    if isinstance(value, list):
        return [fault for n, one in enumerate(value) for fault in unkeepable(one, f"{at}/{n}", depth + 1)]
    if isinstance(value, str) and not _is_unicode(value):
        return [Fault(at, "not_unicode", "is not Unicode text")]
    if isinstance(value, int) and not -LARGEST <= value < LARGEST:
        return [Fault(at, "too_big", "is a whole number of more than 64 bits")]
    return []


def _bad(name: str) -> bool:
    return name.startswith("$") or "." in name or "\0" in name or not _is_unicode(name)


def _is_unicode(text: str) -> bool:
    """A lone surrogate (`\\ud800` in JSON) is a str in Python and cannot be written anywhere."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _escaped(name: str) -> str:
    name = name.encode("utf-8", "replace").decode()
    return name.replace("~", "~0").replace("/", "~1")
