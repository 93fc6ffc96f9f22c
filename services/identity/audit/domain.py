"""Seals: up to where the chain of noted acts had come, said where nobody can change it."""

from datetime import date, datetime, time, timedelta
from operator import itemgetter

from shared.aggregate import Aggregate
from shared.clock import CITY_TIME
from shared.contracts.identity import AuditSealed

PREFIX = "seal-"
EVERY = timedelta(minutes=10)


class Seal(Aggregate):
    """One for each day of the city, whatever the number of replicas. It stays when the day's records go."""

    day: str
    count: int = 0
    hash: str = ""
    closed: bool = False
    """The day has no more records."""
    dropped_at: datetime | None = None

    def seal(self, count: int, hash_: str, *, closed: bool, now: datetime) -> None:
        """Say how far the day has come, where that is new. What is closed stays as it is, and what was sealed is not
        taken back, whatever has become of the records."""
        if self.closed:
            return
        self.wake_at = now + EVERY
        count, hash_ = max((count, hash_), (self.count, self.hash), key=itemgetter(0))
        if (count, closed) == (self.count, self.closed):
            return
        self.count, self.hash, self.closed = count, hash_, closed
        if count:
            self.record(AuditSealed(day=self.day, count=count, hash=hash_, closed=closed), now)

    def keep(self, days: int) -> None:
        """Be woken again when the day is to be dropped; an empty one need not be."""
        if self.closed:
            self.wake_at = self.ends_at + timedelta(days=days) if self.count and self.dropped_at is None else None

    def drop(self, now: datetime) -> None:
        """The day's records are dropped."""
        self.dropped_at, self.wake_at = now, None

    @property
    def ends_at(self) -> datetime:
        """Midnight behind the day, in the city."""
        return datetime.combine(date.fromisoformat(self.day) + timedelta(days=1), time(), CITY_TIME)


def seal_id(day: str) -> str:
    """The id of a day's seal; ids sort by day."""
    return PREFIX + day
