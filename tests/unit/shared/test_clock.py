"""The clocks."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from shared.clock import SystemClock
from shared.testing.clock import FakeClock


def test_the_system_clock_tells_aware_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_moment_reads_the_same_after_it_was_stored() -> None:
    """The store keeps milliseconds: an answer given before and one given after must not differ."""
    assert all(SystemClock().now().microsecond % 1000 == 0 for _ in range(20))


@dataclass
class Machine:
    """A wall clock that jumps and a time that passes evenly."""

    wall: float = 1_000_000.0
    even: float = 5.0

    def later(self, seconds: float) -> None:
        self.wall += seconds
        self.even += seconds


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_jumps_alone_moves_nobody(jump: float) -> None:
    machine = Machine()
    clock = SystemClock(lambda: machine.wall, lambda: machine.even)
    machine.wall += jump
    machine.later(60)
    assert clock.now() == at(1_000_060)
    assert clock.compare(at(1_000_060)) == (jump, 0.0)
    assert clock.now() == at(1_000_060)


def test_an_adjustment_that_others_share_is_followed() -> None:
    machine = Machine()
    clock = SystemClock(lambda: machine.wall, lambda: machine.even)
    machine.wall += 3600
    assert clock.compare(at(1_003_601)) == (-1.0, -1.0)
    assert clock.now() == at(1_003_600)


def test_a_clock_that_was_wrong_at_the_start_is_told_and_mended_by_the_machines() -> None:
    machine = Machine()
    clock = SystemClock(lambda: machine.wall, lambda: machine.even)
    assert clock.compare(at(1_003_600)) == (-3600.0, -3600.0)
    machine.wall += 3600
    assert clock.compare(at(1_003_600)) == (0.0, 0.0)
    assert clock.now() == at(1_003_600)


def test_a_fake_clock_goes_on_only_when_told() -> None:
    clock = FakeClock()
    before = clock.now()
    assert clock.now() == before
    clock.forward(timedelta(minutes=5))
    assert clock.now() - before == timedelta(minutes=5)
