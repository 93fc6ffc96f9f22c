"""Poison: records that cannot be handled, of every kind, and who has to find them on which topic."""

import json
from importlib import import_module
from typing import Any

HEADERS = {"ce_specversion": "1.0", "ce_source": "/dalian/x", "content-type": "application/json", "ce_sequence": "1"}
SERVICES = ("identity", "intake", "sharing", "notifications")
EXAMPLE = {"tongban.department.case-decided.v1": "police", "tongban.department.question-answered.v1": "hrss"}
"""The department that writes the event here."""


def _read_by_services() -> dict[tuple[str, str], tuple[str, frozenset[str]]]:
    """Each event type that a service's lane or table reads, with its topic: its writer, and who reads it there."""
    found: dict[tuple[str, str], tuple[str, frozenset[str]]] = {}
    for service in SERVICES:
        for model in import_module(f"services.{service}.contracts").READS:
            topic = model.topic.format(member=service, department=EXAMPLE.get(model.type))
            _, others = found.get((model.type, topic), ("", frozenset[str]()))
            found[model.type, topic] = topic.partition(".")[0], others | {service}
    return found


READ = _read_by_services()
READERS = {
    topic: frozenset[str]().union(*(who for (_, at), (_, who) in READ.items() if at == topic)) for _, topic in READ
}
BIG = json.dumps({"text": "A" * 10_000_000}).encode()
POISON: dict[str, tuple[bytes | None, dict[str, Any] | None, str]] = {
    # value, changes to the headers (None: no headers at all), reason
    "not JSON": (b"\x00{", {}, "wrong-shape"),
    "wrong schema": (b'{"surprise": 1}', {}, "wrong-shape"),
    "no headers": (b"{}", None, "no-envelope"),
    "null header": (b"{}", {"ce_type": None}, "no-envelope"),
    "10 MB": (BIG, {}, "too-large"),
    "unknown version": (b"{}", {"version": "v9"}, "unknown-version"),
}


JUDGED_BY_ALL = frozenset({"no headers", "null header"})
"""A service skips, without cost, event types that are not its business: there only what nobody can judge parks."""


def headers(type_: str, key: str, changes: dict[str, Any] | None) -> list[tuple[str, Any]]:
    """The headers of a poisonous record of that type; none at all where `changes` is None."""
    if changes is None:
        return []
    told = HEADERS | {"ce_id": f"{key}:1", "ce_subject": key, "ce_type": type_} | changes
    if version := told.pop("version", None):
        told["ce_type"] = f"{type_.rpartition('.')[0]}.{version}"
    return list(told.items())
