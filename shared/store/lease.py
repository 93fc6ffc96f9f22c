"""A lease: one holder at a time, by name, for a term that is counted by nobody's calendar.

Clocks of machines differ and jump. So nothing is compared with a time that somebody else wrote down: the holder
renews by counting `turn` up, and who wants the lease takes it when it has watched the same turn for a whole term by
its own even time. The holder counts its term from before it asked, the watcher from after it has seen: the holder
stops believing before anybody takes over.
"""

import asyncio
import time
from collections import OrderedDict
from contextlib import suppress

from shared.store.collection import Collection, Document, DuplicateKey, Unavailable

TERM_SECONDS = 2.0
"""How long work stands still when a holder dies and is not started again, beside one look."""
LOOK_SECONDS = 0.5
WATCHED = 1000


class Watch:
    """How long things of others have stood as they stand, as far as this process has seen. The oldest are forgotten."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[object, float]] = OrderedDict()

    def unchanged(self, name: str, mark: object) -> float:
        """Seconds since `name` was first seen with this mark; 0 when it is new."""
        now = time.monotonic()
        seen, since = self._seen.get(name, (None, now))
        if seen != mark:
            self._seen.pop(name, None)
            self._seen[name] = mark, now
            if len(self._seen) > WATCHED:
                self._seen.popitem(last=False)
            return 0.0
        return now - since


class Lease:
    """`hold()` takes or renews it. The holder's name is stable over restarts, so a restarted one goes on at once."""

    def __init__(self, leases: Collection, name: str, holder: str, seconds: float = TERM_SECONDS) -> None:
        self._leases, self._name, self._holder = leases, name, holder
        self._seconds = seconds
        self._until: float | None = None
        self._watch = Watch()
        self.pause = LOOK_SECONDS
        """After a `hold()` in vain: seconds until it is worth asking again."""

    @property
    def lost(self) -> bool:
        """Whether a term of ours is over and was not renewed: what was begun in it must not go on."""
        return self._until is not None and time.monotonic() >= self._until

    async def hold(self) -> bool:
        """Whether we hold it now. Asks the store again once a third of the term is over."""
        asked = time.monotonic()
        if self._until is not None and asked < self._until - self._seconds * 2 / 3:
            return True
        held = await self._renew() or await self._take_over()
        self._until = asked + self._seconds if held else 0.0
        return held

    async def keep(self) -> None:
        """Renew it beside the work that it is held for, which may take longer than a term. Until cancelled."""
        while True:
            await asyncio.sleep(self._seconds / 3)
            if self._until is not None and not self.lost:
                with suppress(Unavailable):
                    await self.hold()

    async def _renew(self) -> bool:
        """Ours, also from a former life, or nobody's."""
        try:
            return await self._leases.update(
                {"_id": self._name, "holder": self._holder}, {"$inc": {"turn": 1}}, upsert=True
            )
        except DuplicateKey:  # the upsert met somebody else's
            return False

    async def _take_over(self) -> bool:
        """Take it when it was given up, or from a holder that we saw not renew it for a whole term."""
        if (found := await self._leases.get(self._name)) is None:
            return False
        left = self._seconds - self._watch.unchanged(self._name, _turn(found))
        if left > 0 and found["holder"] is not None:
            self.pause = min(left, LOOK_SECONDS)
            return False
        taken = {"$set": {"holder": self._holder}, "$inc": {"turn": 1}}
        return await self._leases.update({"_id": self._name, **_turn(found)}, taken)

    async def release(self) -> None:
        """Give it up, so that the next one need not wait."""
        self._until = 0.0
        given_up = {"$set": {"holder": None}, "$inc": {"turn": 1}}  # not deleted: a turn never comes twice
        await self._leases.update({"_id": self._name, "holder": self._holder}, given_up)


def _turn(document: Document) -> Document:
    return {"holder": document["holder"], "turn": document["turn"]}
