"""Where messages are kept and how they are found."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.notifications.messages.domain import Message
from shared.errors import Invalid
from shared.store import Repository
from shared.store.collection import Index
from shared.store.newest import newest
from shared.store.repository import EPOCH
from shared.web.paging import Cursor, Window

INDEXES = (Index([("case", 1), ("queued_at", -1)]), Index([("person", 1), ("queued_at", -1)]), Index([("holder", 1)]))


async def page(messages: Repository[Message], window: Window, *, case: str | None, person: str | None) -> list[Message]:
    """Messages of a case, of a person or of both, the newest first; one more than the window shows."""
    wanted = {"person": person} if case is None else {"case": case}
    return await newest(
        messages,
        wanted,
        "queued_at",
        window.limit + 1,
        before=_before(window.after),
        keep=lambda message: person in (None, message.person),
    )


def place(message: Message) -> Cursor:
    """Where a message stands in the list."""
    return Cursor(key=(message.queued_at - EPOCH) // timedelta(milliseconds=1), id=message.id)


def _before(cursor: Cursor | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    try:
        return EPOCH + timedelta(milliseconds=int(cursor.key)), cursor.id
    except (ValueError, OverflowError) as exc:
        raise Invalid("The cursor is not one of ours", code="cursor_invalid") from exc


async def held_by(messages: Repository[Message], holder: str) -> Sequence[str]:
    """Ids of the messages whose attempt this holder has not ended; at most as many as it has lines."""
    return [str(document["_id"]) for document in await messages.collection.find({"holder": holder}, only=("_id",))]
