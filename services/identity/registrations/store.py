"""How often something was tried of late, the same for all replicas: one small document each."""

from datetime import datetime, timedelta

from shared.store import Collection, DuplicateKey
from shared.store.collection import Index

TRIES_INDEXES = (Index([("_id", 1), ("n", 1)]), Index([("until", 1)]))


class Tries:
    """What is counted is named by its keyed digest."""

    def __init__(self, tries: Collection) -> None:
        self._tries = tries

    @staticmethod
    def wait(period: timedelta, now: datetime) -> int:
        """Whole seconds until the next period begins."""
        return int(period.total_seconds() - now.timestamp() % period.total_seconds()) + 1

    async def take(self, what: str, most: int, period: timedelta, now: datetime) -> bool:
        """Count one more try within this period; whether it was not too many before."""
        id_ = f"{what}:{int(now.timestamp() // period.total_seconds())}"
        try:
            await self._tries.insert({"_id": id_, "n": 1, "until": now + period})
        except DuplicateKey:
            return await self._tries.update({"_id": id_, "n": {"$lt": most}}, {"$inc": {"n": 1}})
        await self._tries.delete({"until": {"$lte": now}})
        return True
