"""Acts that change nothing else, a refused sign-in say: each on a sheet of its own; where many come, the rest counted.

What is noted lies in the store before the answer goes out. Somebody who makes very many acts on purpose must not make
as many records: so the first ones from a place in a while are noted each, and of the others is noted, when the while
is over, how many there were. That number is in the memory of this process until then, and a kill loses it.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from shared.aggregate import Aggregate
from shared.clock import Clock
from shared.contracts.acts import NotedAct
from shared.ids import new_id
from shared.store import Repository, Unavailable

KEPT = timedelta(days=2)
"""How long a sheet outlives its act, which is in the chain a second later."""
EVERY_SECONDS = 5.0
ELSEWHERE = "elsewhere"
log = structlog.get_logger(__name__)


class Sheet(Aggregate):
    """A document for the sake of its journal: that brings the act onto its topic."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` acts of one kind from one place are noted each in a while of `seconds`. So many `places` are told apart,
    all others share."""

    free: int
    seconds: float
    places: int


@dataclass(slots=True)
class _While:
    """What came of one kind from one place."""

    until: datetime
    rest: NotedAct
    noted: int = 0
    more: int = 0


class Sheets:
    """Notes acts for a service."""

    def __init__(self, sheets: Repository[Sheet], clock: Clock) -> None:
        self._sheets, self._clock = sheets, clock
        self._whiles: dict[str, dict[tuple[str, str], _While]] = {}

    async def note(self, act: NotedAct) -> None:
        """Note an act; it lasts when this returns."""
        now = self._clock.now()
        sheet = Sheet(id=new_id("sheet"), wake_at=now + KEPT)
        sheet.record(act, now)
        await self._sheets.add(sheet)

    async def note_some(self, act: NotedAct, limit: Limit, rest: NotedAct) -> None:
        """Note an act, or count it where too many come. `rest` is what is noted of those, with their number; its `on`
        and the act's kind and place say which belong together."""
        found = self._while(act, limit, rest)
        if found.until <= self._clock.now():
            await self.close()
            found = self._while(act, limit, rest)
        if found.noted >= limit.free:
            found.more += 1
            return
        found.noted += 1
        await self.note(act)

    def _while(self, act: NotedAct, limit: Limit, rest: NotedAct) -> _While:
        alike = self._whiles.setdefault(act.act, {})
        key = rest.on, act.by.place or ""
        if key not in alike and len(alike) >= limit.places:
            key = rest.on, ELSEWHERE
            rest = rest.model_copy(update={"by": rest.by.model_copy(update={"place": ELSEWHERE})})
        if key not in alike:
            alike[key] = _While(self._clock.now() + timedelta(seconds=limit.seconds), rest)
        return alike[key]

    async def close(self, *, all_: bool = False) -> int:
        """Note how many more there were in each while that is over; how many such."""
        now, told = self._clock.now(), 0
        for alike in list(self._whiles.values()):
            for key in [key for key, one in alike.items() if all_ or one.until <= now]:
                told += await self._close(alike, key)
        return told

    async def _close(self, alike: dict[tuple[str, str], _While], key: tuple[str, str]) -> bool:
        if (over := alike.pop(key, None)) is None or not over.more:
            return False
        try:
            await self.note(over.rest.model_copy(update={"count": over.more}))
        except Exception:  # told the next time, with those that came meanwhile
            over.more += alike[key].more if key in alike else 0
            alike[key] = over
            raise
        return True

    async def close_all(self) -> None:
        """The process ends."""
        await self.close(all_=True)

    async def run(self) -> None:
        """Close what is over, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.close()
            except Unavailable as exc:
                log.warning("sheets.store-away", error=str(exc))

    async def forget(self, id_: str) -> bool:
        """A sheet whose act has long been in the chain goes."""
        due = {"_id": id_, "pending": 0, "wake_at": {"$lte": self._clock.now()}}
        return await self._sheets.collection.delete(due) > 0
