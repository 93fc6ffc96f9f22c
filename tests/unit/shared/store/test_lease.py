"""A lease has one holder at a time, whatever the clocks of the processes say."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from shared.store.collection import Unavailable
from shared.store.lease import LOOK_SECONDS, WATCHED, Lease, Watch
from shared.store.memory import MemoryDatabase
from shared.testing.waiting import eventually

Later = Callable[[float], None]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Lets seconds pass."""
    passed = [0.0]
    monkeypatch.setattr("shared.store.lease.time", SimpleNamespace(monotonic=lambda: passed[0]))

    def go(seconds: float) -> None:
        passed[0] += seconds

    return go


@pytest.fixture
def first(database: MemoryDatabase) -> Lease:
    return Lease(database.collection("leases"), "relay", "first", seconds=5)


@pytest.fixture
def second(database: MemoryDatabase) -> Lease:
    return Lease(database.collection("leases"), "relay", "second", seconds=5)


async def test_one_of_two_holds_it(first: Lease, second: Lease) -> None:
    assert [await first.hold(), await second.hold(), await first.hold()] == [True, False, True]


async def test_it_is_taken_over_when_it_was_seen_unrenewed_for_a_whole_term(
    first: Lease, second: Lease, later: Later
) -> None:
    await first.hold()
    later(60)
    assert not await second.hold(), "it looks for the first time: who knows when it was renewed"
    later(4.999)
    assert not await second.hold()
    later(0.001)
    assert await second.hold()
    assert not await first.hold()


async def test_a_renewal_begins_the_watch_anew(first: Lease, second: Lease, later: Later) -> None:
    await first.hold()
    await second.hold()
    later(4)
    await first.hold()
    await second.hold()
    later(4)
    assert not await second.hold()
    assert await first.hold()


async def test_who_waits_asks_again_just_when_the_term_is_over(first: Lease, second: Lease, later: Later) -> None:
    await first.hold()
    await second.hold()
    assert second.pause == LOOK_SECONDS
    later(4.8)
    await second.hold()
    assert second.pause == pytest.approx(0.2)


async def test_the_holder_stops_believing_before_anybody_takes_over(first: Lease, second: Lease, later: Later) -> None:
    await first.hold()
    assert not first.lost
    await second.hold()
    later(5)
    assert first.lost
    assert await second.hold()
    assert not await first.hold()
    assert first.lost


async def test_who_asks_often_enough_keeps_it(first: Lease, second: Lease, later: Later) -> None:
    for _ in range(10):
        assert await first.hold()
        assert not await second.hold()
        later(2)
        assert not first.lost


async def test_two_who_watched_the_same_turn_do_not_both_get_it(
    first: Lease, second: Lease, database: MemoryDatabase, later: Later
) -> None:
    third = Lease(database.collection("leases"), "relay", "third", seconds=5)
    await first.hold()
    await second.hold()
    await third.hold()
    later(5)
    assert [await second.hold(), await third.hold()] == [True, False]


async def test_who_gives_it_up_makes_room_at_once(first: Lease, second: Lease) -> None:
    await first.hold()
    await second.release()
    assert not await second.hold(), "only the holder can give it up"
    await first.release()
    assert await second.hold()


async def test_a_turn_never_comes_twice(first: Lease, second: Lease, later: Later) -> None:
    """Given up and taken again between two looks, it is not the turn that was watched."""
    await first.hold()
    await second.hold()
    later(4)
    await first.release()
    await first.hold()
    later(1)
    assert not await second.hold()


async def test_a_holder_that_was_started_again_goes_on_at_once(first: Lease, database: MemoryDatabase) -> None:
    await first.hold()
    assert await Lease(database.collection("leases"), "relay", "first", seconds=5).hold()


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
    later(3.3)
    assert first.lost


async def test_it_is_renewed_beside_work_that_takes_longer_than_a_term(database: MemoryDatabase) -> None:
    first = Lease(database.collection("leases"), "relay", "first", seconds=1.0)
    second = Lease(database.collection("leases"), "relay", "second", seconds=1.0)
    assert await first.hold()
    keeping = asyncio.create_task(first.keep())

    async def turned() -> bool:
        assert not await second.hold()
        return await database.collection("leases").count({"turn": {"$gte": 6}}) == 1

    await eventually(turned, within=15.0, every=0.02)
    assert not first.lost
    keeping.cancel()


async def test_a_lease_that_was_never_held_or_is_lost_is_not_taken_by_keeping_it(
    first: Lease, second: Lease, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 3:
            raise asyncio.CancelledError

    # Only here: servers of other tests run in the same loop.
    monkeypatch.setattr("shared.store.lease.asyncio", SimpleNamespace(sleep=sleep))
    await second.hold()
    later(5)
    for lease in (first, second):
        slept.clear()
        with pytest.raises(asyncio.CancelledError):
            await lease.keep()
    assert second.lost


async def test_a_watch_keeps_no_more_than_it_may(later: Later) -> None:
    watch = Watch()
    for n in range(WATCHED + 1):
        watch.unchanged(f"{n}", "mark")
    later(1)
    assert [watch.unchanged("0", "mark"), watch.unchanged(f"{WATCHED}", "mark")] == [0.0, 1.0]
