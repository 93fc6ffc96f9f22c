"""The chain in a store: one document a record, inserted and never changed."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, timedelta

from shared import crashpoint
from shared.audit.chain import Head, Link, link_id, stamp
from shared.audit.topic import origin
from shared.clock import Clock, city_date
from shared.contracts.acts import NotedAct
from shared.messaging.envelope import Event
from shared.store.collection import Collection, Document, DuplicateKey, Filter, Index
from shared.store.repository import Contention

INDEXES = (
    # No two records follow the same one, so there is one chain, however many write it; and no event is in it twice.
    Index([("prev", 1)], unique=True),
    Index([("event", 1)], unique=True),
    Index([("day", 1), ("n", 1)]),
    Index([("record.by.account", 1), ("_id", -1)]),
    Index([("record.on", 1), ("_id", -1)]),
    Index([("record.act", 1), ("_id", -1)]),
)
ATTEMPTS = 12
PAUSE_SECONDS = 0.002
PLACE = ("day", "n", "hash")


class Book:
    """Appends, pages and drops. `sealed`: a place up to which the chain is known to go, so that its end is found by
    looking at little; `keeps`: for how long records are kept."""

    def __init__(
        self, collection: Collection, clock: Clock, keeps: timedelta, sealed: Callable[[], Awaitable[Head]]
    ) -> None:
        self._c, self._clock, self._sealed, self.keeps = collection, clock, sealed, keeps
        self._end: Head | None = None
        self._appending = asyncio.Lock()

    @property
    def today(self) -> str:
        """The day of the city's calendar."""
        return city_date(self._clock.now()).isoformat()

    async def append(self, event: Event[NotedAct]) -> None:
        """Put a noted act at the end, once: an event that is there already is passed over.

        So is one from before everything that is kept: it was there, and was dropped. Raises `Contention` where others
        append too much at once.
        """
        if origin(event)[0] < self._clock.now() - self.keeps:
            return
        async with self._appending:
            for attempt in range(ATTEMPTS):
                # Whatever comes between, also a write whose outcome is unknown: the next one asks the store.
                end, self._end = self._end or await self.head(), None
                link = self._following(end, event)
                try:
                    await self._c.insert({"_id": link.head.id, **link.model_dump()})
                except DuplicateKey:
                    if await self._c.find({"event": event.id}, only=("_id",), limit=1):
                        return
                    await asyncio.sleep(random.uniform(0, PAUSE_SECONDS * 2**attempt))  # noqa: S311 - jitter
                    continue
                crashpoint.reached("after-write")
                self._end = link.head
                return
        raise Contention(self._c.name)

    def _following(self, end: Head, event: Event[NotedAct]) -> Link:
        """Days only go on: a replica whose clock is behind stays with the day that another has begun."""
        at, trace = origin(event)
        today = max(self.today, end.day)
        return Link(
            day=today,
            n=end.n + 1 if today == end.day else 1,
            prev=end.hash,
            event=event.id,
            at=stamp(at),
            kept_at=stamp(self._clock.now()),
            trace=trace,
            record=event.data.model_dump(mode="json"),
        ).hashed()

    async def head(self) -> Head:
        """The end of the chain, as the store has it.

        Where the store lacks what was sealed, the seal is the end: nothing is put again in its place.
        """
        end = await self._sealed()
        for day in self._days(end.day or self.today):
            end = await self._last_of(day, end.n if day == end.day else 0) or end
        while followers := await self._c.find({"prev": end.hash}, only=PLACE, limit=1):
            end = _head(followers[0])
        return end

    def _days(self, first: str) -> Iterator[str]:
        """From a day to tomorrow: a replica's clock may be a little ahead."""
        day = first
        while day < self._behind_tomorrow:
            yield day
            day = _next(day)

    @property
    def _behind_tomorrow(self) -> str:
        return _next(_next(self.today))

    async def _last_of(self, day: str, behind: int) -> Head | None:
        found = await self._c.find({"day": day, "n": {"$gt": behind}}, sort=[("n", -1)], limit=1, only=PLACE)
        return _head(found[0]) if found else None

    async def last_of(self, day: str) -> Head | None:
        """The last record of a day."""
        return await self._last_of(day, 0)

    async def page(self, first: str, n: int, limit: int) -> list[Document]:
        """At most `limit` records behind the `n`th of a day, of that day and the next ones."""
        found = list[Document]()
        for day in self._days(first):
            while len(found) < limit and (more := await self._stretch(day, n, limit - len(found))):
                found, n = found + more, more[-1]["n"]
            if len(found) == limit:
                return found
            n = 0
        # No record of ours is of a later day: what somebody put there is shown like the rest.
        later = {"day": {"$gte": max(first, self._behind_tomorrow)}}
        strange = await self._c.find(later, sort=[("day", 1), ("n", 1)], limit=limit)
        return (found + [one for one in strange if (one["day"], one["n"]) > (first, n)])[:limit]

    async def _stretch(self, day: str, n: int, limit: int) -> list[Document]:
        """Records of one day. Some stores fetch all that match: no more than wanted are asked for."""
        found = await self._c.find({"day": day, "n": {"$gt": n, "$lte": n + limit}}, sort=[("n", 1)], limit=limit)
        # Numbers go without a gap, unless somebody took some out: then the rest is shown, and the gap found.
        return found or await self._c.find({"day": day, "n": {"$gt": n}}, sort=[("n", 1)], limit=limit)

    async def newest(self, wanted: Filter, since: str, before: str | None, limit: int) -> list[Document]:
        """At most `limit` records that match, of `since` (a day) or later, the newest first, before an id."""
        stretch = {"$gte": link_id(since, 0), **({} if before is None else {"$lt": before})}
        return await self._c.find({**wanted, "_id": stretch}, sort=[("_id", -1)], limit=limit)

    async def back(self, since: str, before: str | None, limit: int) -> list[Document]:
        """The same of all records, a stretch of a day at a time."""
        end = await self.head()
        day, n = (before[:10], int(before[11:]) - 1) if before else (end.day, end.n)
        if day >= self._behind_tomorrow:
            day, n = self._behind_tomorrow, 0
        found = list[Document]()
        while day and day >= since and len(found) < limit:
            lowest = max(0, n - (limit - len(found)))
            found += await self._c.find({"day": day, "n": {"$gt": lowest, "$lte": n}}, sort=[("n", -1)], limit=limit)
            n = lowest
            if n <= 0:
                day = _next(day, -1)
                n = last.n if day >= since and (last := await self.last_of(day)) is not None else 0
        return found

    async def drop(self, day: str) -> int:
        """Drop the records of a day and all before it; how many."""
        return await self._c.delete({"day": {"$lte": day}})


def _next(day: str, days: int = 1) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def _head(document: Document) -> Head:
    return Head(document["day"], document["n"], document["hash"])
