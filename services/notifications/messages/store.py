"""Where messages are kept and how they are found."""

from collections.abc import Sequence

from services.notifications.messages.domain import Message
from shared.store import Repository
from shared.store.collection import Index
from shared.store.newest import newest
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
        before=window.after.moment() if window.after is not None else None,
        keep=lambda message: person in (None, message.person),
    )


def place(message: Message) -> Cursor:
    """Where a message stands in the list."""
    return Cursor.of(message.queued_at, message.id)


async def held_by(messages: Repository[Message], holder: str) -> Sequence[str]:
    """Ids of the messages whose attempt this holder has not ended; at most as many as it has lines."""
    return [str(document["_id"]) for document in await messages.collection.find({"holder": holder}, only=("_id",))]
