"""Forms are JSON Schema 2020-12: an item's schema is checked when published, an application against it."""

from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from shared.errors import Fault
from shared.keepable import unkeepable

SHOWN = 50


def schema_faults(schema: dict[str, Any]) -> list[Fault]:
    """What is wrong with a form's schema. References outside the schema itself are refused, none is ever fetched."""
    try:
        Draft202012Validator.check_schema(schema)
        for _ in _validator(schema).iter_errors({}):
            break
    except SchemaError as exc:
        return [Fault(_pointer("/form", list(exc.absolute_path)), "bad-schema", exc.message[:300])]
    except Unresolvable:
        return [Fault("/form", "unresolvable-reference", "A $ref leads out of the schema")]
    return _unchecked_formats(schema)


def _unchecked_formats(schema: Any, at: str = "/form") -> list[Fault]:
    """A format nobody checks would be a promise not kept: use a pattern instead."""
    if isinstance(schema, list):
        return [fault for n, one in enumerate(schema) for fault in _unchecked_formats(one, f"{at}/{n}")]
    if not isinstance(schema, dict):
        return []
    faults = []
    named = schema.get("format")
    if isinstance(named, str) and named not in Draft202012Validator.FORMAT_CHECKER.checkers:
        faults.append(Fault(f"{at}/format", "unchecked-format", f"{named} is not checked here, use a pattern"))
    below = {name: one for name, one in schema.items() if name not in ("enum", "const", "default", "examples")}
    return faults + [f for name, one in below.items() for f in _unchecked_formats(one, _pointer(at, [name]))]


def form_faults(schema: dict[str, Any], form: dict[str, Any]) -> list[Fault]:
    """Everything that does not fit, by place and rule; values are not repeated, they may be personal."""
    faults = [_fault(error) for error in _validator(schema).iter_errors(form)]
    return [*unkeepable(form, "/form"), *sorted(faults, key=lambda f: (f.pointer, f.code))][:SHOWN]


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema, registry=Registry(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def _fault(error: ValidationError) -> Fault:
    place, rule = list(error.absolute_path), str(error.validator)
    if rule == "required":
        # jsonschema reports each missing name in an error of its own and says which only in its message.
        missing = error.message.split("'")[1]
        return Fault(_pointer("/form", [*place, missing]), "required", "is missing")
    if rule == "additionalProperties":
        return Fault(_pointer("/form", place), rule, "has a field the form does not know")
    limit = error.validator_value
    told = f"does not meet {rule}" if isinstance(limit, dict | list) else f"does not meet {rule} {limit}"
    return Fault(_pointer("/form", place), rule, told[:200])


def _pointer(root: str, path: list[Any]) -> str:
    return "".join([root, *(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)])
