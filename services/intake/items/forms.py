"""Forms are JSON Schema 2020-12: an item's schema is checked when published, an application against it."""

import re
from collections import OrderedDict
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from shared.errors import Fault
from shared.keepable import unkeepable

SHOWN = 50
MADE = 256
NAME_LENGTH = 100
"""An unknown field is told by its name up to this length; a longer one by the object it is in."""


_made: OrderedDict[int, Draft202012Validator] = OrderedDict()


def schema_faults(schema: dict[str, Any]) -> list[Fault]:
    """What is wrong with a form's schema. References outside the schema itself are refused, none is ever fetched."""
    try:
        Draft202012Validator.check_schema(schema)
        for _ in _validator(schema).iter_errors({}):
            break
    except SchemaError as exc:
        return [Fault(_pointer("/form", list(exc.absolute_path)), "bad_schema", exc.message[:300])]
    except Unresolvable:
        return [Fault("/form", "unresolvable_reference", "A $ref leads out of the schema")]
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
        faults.append(Fault(f"{at}/format", "unchecked_format", f"{named} is not checked here, use a pattern"))
    below = {name: one for name, one in schema.items() if name not in ("enum", "const", "default", "examples")}
    return faults + [f for name, one in below.items() for f in _unchecked_formats(one, _pointer(at, [name]))]


def form_faults(schema: dict[str, Any], form: dict[str, Any]) -> list[Fault]:
    """Everything that does not fit, by place and rule; values are not repeated, they may be personal."""
    faults = [fault for error in _validator(schema).iter_errors(form) for fault in _faults(error)]
    return [*unkeepable(form, "/form"), *sorted(faults, key=lambda f: (f.pointer, f.code))][:SHOWN]


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    """The validator of a schema. Made once for an object that is asked for again and again."""
    made = _made.get(id(schema))
    if made is None or made.schema is not schema:
        checker = Draft202012Validator.FORMAT_CHECKER
        made = _made[id(schema)] = Draft202012Validator(schema, registry=Registry(), format_checker=checker)
        if len(_made) > MADE:
            _made.popitem(last=False)
    return made


def _faults(error: ValidationError) -> list[Fault]:
    place, rule = list(error.absolute_path), str(error.validator)
    if rule == "required":
        # jsonschema reports each missing name in an error of its own and says which only in its message.
        missing = error.message.split("'")[1]
        return [Fault(_pointer("/form", [*place, missing]), "required", "is missing")]
    if rule == "additionalProperties":
        schema, given = cast("dict[str, Any]", error.schema), cast("dict[str, Any]", error.instance)
        unknown = [name for name in given if name not in schema.get("properties", ())]
        places = {_pointer("/form", [*place, name] if _tellable(name) else place) for name in unknown}
        return [Fault(at, "unknown_field", "is not a field of the form") for at in places]
    limit = error.validator_value
    told = f"does not meet {rule}" if isinstance(limit, dict | list) else f"does not meet {rule} {limit}"
    return [Fault(_pointer("/form", place), re.sub("(?=[A-Z])", "_", rule).lower(), told[:200])]


def _tellable(name: str) -> bool:
    return len(name) <= NAME_LENGTH and name.isprintable()


def _pointer(root: str, path: list[Any]) -> str:
    return "".join([root, *(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)])
