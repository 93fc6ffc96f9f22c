"""A lease has one holder at a time."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest

from shared.store.collection import Unavailable
from shared.store.lease import Lease
from shared.store.memory import MemoryDatabase
from shared.testing.clock import FakeClock

Later = Callable[[float], None]


@pytest.fixture
def later(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass on the wall and in the process."""
    passed = [0.0]
    monkeypatch.setattr("shared.store.lease.time", SimpleNamespace(monotonic=lambda: passed[0]))

    def go(seconds: float) -> None:
        passed[0] += seconds
        clock.forward(timedelta(seconds=seconds))

    return go


@pytest.fixture
def first(database: MemoryDatabase, clock: FakeClock) -> Lease:
    return Lease(database.collection("leases"), "relay", "first", clock, seconds=5)


@pytest.fixture
def second(database: MemoryDatabase, clock: FakeClock) -> Lease:
    return Lease(database.collection("leases"), "relay", "second", clock, seconds=5)


async def test_one_of_two_holds_it(first: Lease, second: Lease) -> None:
    assert [await first.hold(), await second.hold(), await first.hold()] == [True, False, True]


async def test_it_is_free_when_its_time_is_over(first: Lease, second: Lease, later: Later) -> None:
    await first.hold()
    later(5)
    assert not await second.hold()
    later(0.001)
    assert await second.hold()


async def test_a_holder_that_slept_too_long_notices_that_it_lost_it(first: Lease, second: Lease, later: Later) -> None:
    await first.hold()
    later(6)
    await second.hold()
    assert not await first.hold()


async def test_who_asks_often_enough_keeps_it(first: Lease, second: Lease, later: Later) -> None:
    for _ in range(10):
        assert await first.hold()
        assert not await second.hold()
        later(2)


async def test_who_gives_it_up_makes_room_at_once(first: Lease, second: Lease) -> None:
    await first.hold()
    await second.release()
    assert not await second.hold(), "only the holder can give it up"
    await first.release()
    assert await second.hold()


async def test_a_holder_that_was_started_again_goes_on_at_once(
    first: Lease, database: MemoryDatabase, clock: FakeClock
) -> None:
    await first.hold()
    assert await Lease(database.collection("leases"), "relay", "first", clock, seconds=5).hold()


async def test_the_store_is_asked_again_after_a_third_of_the_term(
    first: Lease, database: MemoryDatabase, later: Later
) -> None:
    await first.hold()
    database.down = True
    later(1.6)
    assert await first.hold()
    later(0.1)
    with pytest.raises(Unavailable):
        await first.hold()
