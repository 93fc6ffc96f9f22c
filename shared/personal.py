"""Which fields are about a person: marked in the classes of aggregates and events, sealed by the store. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from shared.errors import DomainError


@dataclass(frozen=True, slots=True)
class Personal:
    """The mark: `mail: Annotated[str | None, PERSONAL]`.

    `searched`: the kind of value it is (`shared.lookup`); a keyed hash of it is kept as `<field>_hash`, to be found by.
    """

    searched: str | None = None


PERSONAL = Personal()


class Forgotten(DomainError):
    """The person was forgotten: nothing can be kept about them any more."""

    status = 410
    code = "forgotten"

    def __init__(self) -> None:
        super().__init__("This person was forgotten")


@cache
def personal_fields(model: type[BaseModel]) -> Mapping[str, Personal]:
    """The marked fields. Raises `TypeError` for a mark deeper inside, where the store would not see it."""
    found: dict[str, Personal] = {}
    for name, field in model.model_fields.items():
        if any(_marks_within(field.annotation)):
            raise TypeError(f"{model.__name__}.{name}: mark the whole field, Annotated[…, PERSONAL]")
        for mark in field.metadata:
            if isinstance(mark, Personal):
                found[name] = mark
    return found


def blank(model: type[BaseModel], name: str) -> Any:
    """What a personal field holds once it is forgotten: its default, an empty text where it has none."""
    field = model.model_fields[name]
    return "" if field.is_required() else field.get_default(call_default_factory=True)


def _marks_within(annotation: Any) -> Iterator[Personal]:
    for part in (annotation, *get_args(annotation)):
        yield from (mark for mark in getattr(part, "__metadata__", ()) if isinstance(mark, Personal))
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield from personal_fields(part).values()
        elif part is not annotation:
            yield from _marks_within(part)
