"""Keeping canaries."""

from contextlib import suppress

from services.identity.canaries.domain import Canary, canary_id
from services.identity.desk import Desk
from shared.errors import NotFound
from shared.store import AlreadyThere


async def ensure_canary(desk: Desk) -> None:
    """There is one that sings."""
    now = desk.clock.now()
    canary = Canary(id=canary_id(now))
    canary.sing(now)
    with suppress(AlreadyThere):
        await desk.canaries.add(canary)


async def tend_canary(desk: Desk, id_: str) -> bool:
    """It sings; or another one follows it, and it goes once it was heard. Whether there was anything to do."""
    now = desk.clock.now()
    if id_ != canary_id(now):
        await ensure_canary(desk)
        canary = await desk.canaries.find(id_)
        if canary is None or canary.is_over(now):
            return await desk.canaries.collection.delete({"_id": id_, "pending": 0, "wake_at": {"$lte": now}}) > 0
    with suppress(NotFound):
        await desk.canaries.wake(id_, now)
    return True
