"""A clock that stands still until it is told to go on."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Begins at 2026-03-02 09:00 UTC (a Monday)."""

    def __init__(self, at: datetime = datetime(2026, 3, 2, 9, tzinfo=UTC)) -> None:
        self._at = at

    def now(self) -> datetime:
        """The moment it stands at."""
        return self._at

    def forward(self, by: timedelta) -> None:
        """Go on by this much."""
        self._at += by
