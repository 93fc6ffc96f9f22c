"""Event types and where they are written: the map that both sides of a topic agree on."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field

TYPE_PATTERN = re.compile(r"tongban\.(?P<owner>[a-z][a-z0-9]{1,15})\.[a-z]+(-[a-z]+)+\.v[1-9][0-9]*")


class EventModel(BaseModel):
    """Payload of one event type. Readers ignore fields they do not know, and take no wrong types.

    `type` is the `ce_type`; `topic` is the topic's name or a template such as `intake.to.{department}`;
    `personal` marks a topic with data about people, `table` a compacted one. Journals keep personal payloads for the
    topic's retention; the rows of a table are its writer's own state and stay.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    type: ClassVar[str]
    topic: ClassVar[str]
    personal: ClassVar[bool] = False
    table: ClassVar[bool] = False


class Text(BaseModel):
    """A text in the two languages of the pages and mails."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    zh: str = Field(min_length=1, max_length=4000)
    en: str = Field(min_length=1, max_length=4000)

    def within(self, language: str) -> str:
        """The text in `language` (`zh` or `en`); Chinese for any other."""
        return self.en if language == "en" else self.zh


E = TypeVar("E", bound=EventModel)
_types: dict[str, type[EventModel]] = {}


def published(type_: str, *, on: str, personal: bool = False, table: bool = False) -> Callable[[type[E]], type[E]]:
    """Class decorator: `model` is the payload of `type_`, written on the topic `on`."""
    if TYPE_PATTERN.fullmatch(type_) is None:
        raise ValueError(f"{type_!r} is not of the form tongban.<owner>.<noun>-<past tense>.v<N>")

    def register(model: type[E]) -> type[E]:
        if type_ in _types:
            raise ValueError(f"{type_} is published twice: {_types[type_].__name__} and {model.__name__}")
        model.type, model.topic, model.personal, model.table = type_, on, personal, table
        _types[type_] = model
        return model

    return register


def registered() -> Mapping[str, type[EventModel]]:
    """All event types of the network, by `ce_type`."""
    import shared.contracts.everything  # noqa: F401, PLC0415  the owners register themselves on import

    return MappingProxyType(_types)


def stem(type_: str) -> str:
    """A type without its version: `tongban.intake.case-submitted`."""
    return type_.rpartition(".v")[0] or type_
