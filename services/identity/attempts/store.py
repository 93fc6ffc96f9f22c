"""How wrong attempts are counted."""

from datetime import datetime

from services.identity.attempts.domain import Attempts
from shared.store import DuplicateKey, Repository

# What every aggregate's document has (`Repository.add`).
NEW = {"v": 1, "seq": 0, "sent": 0, "pending": 0, "journal": {}, "heard": {}, "seen": []}


async def add_wrong(attempts: Repository[Attempts], id_: str, now: datetime, until: datetime) -> None:
    """One more. The store adds up by itself: a flood of attempts at one thing has no version to fight for."""
    counted = {"$inc": {"wrong": 1}, "$max": {"last": now, "wake_at": until}, "$setOnInsert": NEW}
    try:
        await attempts.collection.update({"_id": id_}, counted, upsert=True)
    except DuplicateKey:  # another was the first at the same moment
        await attempts.collection.update({"_id": id_}, counted)


async def forget(attempts: Repository[Attempts], id_: str) -> None:
    """There were none."""
    await attempts.collection.delete({"_id": id_})


async def forget_old(attempts: Repository[Attempts], id_: str, now: datetime) -> None:
    """There were none, if their time is over."""
    await attempts.collection.delete({"_id": id_, "wake_at": {"$lte": now}})
