"""Where messages are kept and how they are found."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from services.notifications.messages.domain import Message
from shared.errors import Invalid
from shared.store import Repository
from shared.store.collection import Index
from shared.store.repository import EPOCH
from shared.web.paging import Cursor, Window

INDEXES = (Index([("case", 1)]), Index([("person", 1), ("queued_at", -1)]), Index([("holder", 1)]))


async def page(messages: Repository[Message], window: Window, *, case: str | None, person: str | None) -> list[Message]:
    """Messages of a case, of a person or of both, the newest first; one more than the window shows."""
    wanted: dict[str, Any] = {"case": case, "person": person}
    filter_ = {field: value for field, value in wanted.items() if value is not None} | _after(window.after)
    sort = [("queued_at", -1), ("_id", 1)]
    found = await messages.collection.find(filter_, sort=sort, limit=window.limit + 1)
    return [messages.load(document) for document in found]


def place(message: Message) -> Cursor:
    """Where a message stands in the list."""
    return Cursor(key=(message.queued_at - EPOCH) // timedelta(milliseconds=1), id=message.id)


def _after(cursor: Cursor | None) -> dict[str, Any]:
    if cursor is None:
        return {}
    try:
        at = EPOCH + timedelta(milliseconds=int(cursor.key))
    except (ValueError, OverflowError) as exc:
        raise Invalid("The cursor is not one of ours", code="cursor_invalid") from exc
    return {"$or": [{"queued_at": {"$lt": at}}, {"queued_at": at, "_id": {"$gt": cursor.id}}]}


async def held_by(messages: Repository[Message], holder: str) -> Sequence[str]:
    """Ids of the messages whose attempt this holder has not ended; at most as many as it has lines."""
    return [str(document["_id"]) for document in await messages.collection.find({"holder": holder}, only=("_id",))]
