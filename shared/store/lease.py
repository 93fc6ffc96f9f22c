"""A lease: one holder at a time, by name, for a while."""

import time
from datetime import timedelta

from shared.clock import Clock
from shared.store.collection import Collection, DuplicateKey


class Lease:
    """`hold()` takes or renews it. The holder's name is stable over restarts, so a restarted one goes on at once."""

    def __init__(self, leases: Collection, name: str, holder: str, clock: Clock, seconds: float = 5.0) -> None:
        self._leases, self._name, self._holder, self._clock = leases, name, holder, clock
        self._seconds = seconds
        self._until = 0.0

    async def hold(self) -> bool:
        """Whether we hold it now. Asks the store again once a third of the term is over."""
        asked = time.monotonic()
        if asked < self._until - self._seconds * 2 / 3:
            return True
        now = self._clock.now()
        mine_or_free = {"_id": self._name, "$or": [{"holder": self._holder}, {"until": {"$lt": now}}]}
        term = {"$set": {"holder": self._holder, "until": now + timedelta(seconds=self._seconds)}}
        try:
            held = await self._leases.update(mine_or_free, term, upsert=True)
        except DuplicateKey:  # the upsert met somebody else's live lease
            held = False
        self._until = asked + self._seconds if held else 0.0
        return held

    async def release(self) -> None:
        """Give it up, so that the next one need not wait."""
        self._until = 0.0
        await self._leases.delete({"_id": self._name, "holder": self._holder})
