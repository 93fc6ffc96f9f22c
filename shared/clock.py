"""Time as an argument: whoever needs the time is given a clock, and a test gives a fake one."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol


class Clock(Protocol):
    """Tells the time, always aware and in UTC."""

    def now(self) -> datetime:
        """The current moment in UTC."""
        ...


class SystemClock:
    """The clock of the machine, to the millisecond: that is what the store keeps, and a moment must read the same
    before it was stored and after."""

    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


CITY_TIME = timezone(timedelta(hours=8), "CST")
"""China has one time zone and no summer time."""


def city_date(moment: datetime) -> date:
    """The calendar day in the city at that moment: what a dated receipt and a term in days mean."""
    return moment.astimezone(CITY_TIME).date()
