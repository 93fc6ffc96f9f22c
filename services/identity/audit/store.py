"""Where the chain is known to go, and how records are found."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from services.identity.audit.domain import Seal, seal_id
from shared.audit.book import Book
from shared.audit.chain import GENESIS, Head
from shared.clock import Clock, city_date
from shared.store import Repository
from shared.store.collection import Filter

Kept = dict[str, Any]
"""A record with its place in the chain, as it lies in the store: whoever verifies takes nothing else."""
OFTEN, MOST = timedelta(days=7), 100_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records: of an account, on a thing, of a kind, since a day."""

    since: date
    by: str | None = None
    on: str | None = None
    act: str | None = None

    @property
    def filter(self) -> Filter:
        """For the store."""
        asked = {"record.by.account": self.by, "record.on": self.on, "record.act": self.act}
        return {field: value for field, value in asked.items() if value is not None}


async def sealed(seals: Repository[Seal], clock: Clock) -> Head:
    """The furthest place that was sealed. Of late there is one, nearly always."""
    recent = seal_id((city_date(clock.now()) - OFTEN).isoformat())
    for stretch in ({"_id": {"$gte": recent}}, {}):
        found = await seals.collection.find(stretch, only=("day", "count", "hash"), limit=MOST)
        heads = [Head(one["day"], one["count"], one["hash"]) for one in found if one["count"]]
        if heads:
            return max(heads)
    return GENESIS


async def days(seals: Repository[Seal]) -> list[str]:
    """The days of which records may be there."""
    found = await seals.collection.find({}, only=("day", "dropped_at"), limit=MOST)
    return [one["day"] for one in found if one["dropped_at"] is None]


async def all_seals(seals: Repository[Seal]) -> list[Seal]:
    """How far each day was sealed."""
    found = await seals.collection.find({}, sort=[("_id", 1)], limit=MOST)
    return [one for one in map(seals.load, found) if one.count]


async def newest(book: Book, wanted: Wanted, before: str | None, limit: int) -> list[Kept]:
    """At most `limit` records, the newest first, before an id."""
    if wanted.filter:
        return await book.newest(wanted.filter, wanted.since.isoformat(), before, limit)
    return await book.back(wanted.since.isoformat(), before, limit)
