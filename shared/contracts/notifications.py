"""What notifications says: whether people were told. No address and no text."""

from typing import Literal

from shared.contracts.registry import EventModel, published

EVENTS = "notifications.events"


@published("tongban.notifications.message-sent.v1", on=EVENTS)
class MessageSent(EventModel):
    """The mail server took the message. `repeats`: how often it may have been handed over before."""

    message: str
    person: str
    template: str
    case: str
    channel: Literal["mail"]
    attempts: int
    repeats: int


@published("tongban.notifications.message-failed.v1", on=EVENTS)
class MessageFailed(EventModel):
    """The message was given up, and on which ground."""

    message: str
    person: str
    template: str
    case: str
    channel: Literal["mail"]
    attempts: int
    ground: str
