"""A canary: each minute it says that it was revoked."""

from datetime import datetime, timedelta

from shared.aggregate import Aggregate
from shared.contracts.identity import CANARY, RevocationPublished

PREFIX = "canary-"
EVERY = timedelta(minutes=1)
KEPT = timedelta(days=2)
"""Longer than its rows lie on their topic, so that no row is there without its journal."""


class Canary(Aggregate):
    """One for each half of a day, whatever the number of replicas: so its journal never grows long."""

    sung: int = 0

    def sing(self, now: datetime) -> None:
        """Go the way that every revocation goes."""
        self.sung += 1
        self.record(RevocationPublished(scope=f"{CANARY}{self.id.removeprefix(PREFIX)}", lowest=self.sung, at=now), now)
        self.wake_at = now + EVERY

    def wake(self, now: datetime) -> None:
        """Sing as long as it is its half of the day, then rest until it goes."""
        if self.wake_at is None or self.wake_at > now:
            return
        if self.id == canary_id(now):
            self.sing(now)
        else:
            self.wake_at = now + KEPT

    def is_over(self, now: datetime) -> bool:
        """Whether it is of no use any more."""
        return self.id < canary_id(now - KEPT)


def canary_id(now: datetime) -> str:
    """Of this half of the day; ids sort by time."""
    return f"{PREFIX}{now:%Y%m%d}-{now.hour // 12}"
