"""Time as an argument: whoever needs the time is given a clock, and a test gives a fake one."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol

AGREEMENT_SECONDS = 5.0
"""Clocks that differ by less agree: as much as tokens allow."""


class Clock(Protocol):
    """Tells the time, always aware and in UTC."""

    def now(self) -> datetime:
        """The current moment in UTC."""
        ...


class SystemClock:
    """The clock of the machine, without its jumps, to the millisecond: that is what the store keeps, and a moment must
    read the same before it was stored and after.

    It was read once and goes on by the process's even time. `compare` with another's clock lets it follow the
    machine's again, as long as the two agree: then it was an adjustment. A clock that jumps alone moves nobody.
    """

    def __init__(self, wall: Callable[[], float] = time.time, even: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._even = wall, even
        self._offset = wall() - even()

    def now(self) -> datetime:
        now = datetime.fromtimestamp(self._offset + self._even(), UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def compare(self, other: datetime) -> tuple[float, float]:
        """Seconds by which the machine's clock and then this one are ahead of the other."""
        even, wall = self._even(), self._wall()
        machine = wall - other.timestamp()
        if abs(machine) < AGREEMENT_SECONDS:
            self._offset = wall - even
        return machine, self._offset + even - other.timestamp()


CITY_TIME = timezone(timedelta(hours=8), "CST")
"""China has one time zone and no summer time."""


def city_date(moment: datetime) -> date:
    """The calendar day in the city at that moment: what a dated receipt and a term in days mean."""
    return moment.astimezone(CITY_TIME).date()
