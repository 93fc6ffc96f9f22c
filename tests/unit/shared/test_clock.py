"""The clocks."""

from datetime import UTC, datetime, timedelta

from shared.clock import SystemClock
from shared.testing.clock import FakeClock


def test_the_system_clock_tells_aware_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_moment_reads_the_same_after_it_was_stored() -> None:
    """The store keeps milliseconds: an answer given before and one given after must not differ."""
    assert all(SystemClock().now().microsecond % 1000 == 0 for _ in range(20))


def test_a_fake_clock_goes_on_only_when_told() -> None:
    clock = FakeClock()
    before = clock.now()
    assert clock.now() == before
    clock.forward(timedelta(minutes=5))
    assert clock.now() - before == timedelta(minutes=5)
