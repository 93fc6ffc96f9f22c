"""Timers: who asked to be woken is woken, once, whatever else happens."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.store.collection import Unavailable
from shared.store.memory import MemoryDatabase
from shared.store.repository import Repository
from shared.testing.clock import FakeClock
from shared.testing.waiting import eventually
from shared.timers import Timers
from tests.petitions import Petition

Petitions = Repository[Petition]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
async def petitions(database: MemoryDatabase) -> Petitions:
    repository = Repository(database, "petitions", Petition)
    await repository.ensure()
    return repository


@pytest.fixture
def timers(petitions: Petitions, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Timers:
    monkeypatch.setattr("shared.timers.SWEEP_SECONDS", 0.01)
    timers = Timers(clock)
    timers.watch(petitions)
    return timers


async def _file(petitions: Petitions, clock: FakeClock, *ids: str) -> None:
    for id_ in ids:
        petition = Petition.file(id_, clock.now())
        petition.remind_at(clock.now() + timedelta(hours=1))
        await petitions.add(petition)


async def _reminders(petitions: Petitions, *ids: str) -> list[int]:
    return [(await petitions.get(id_)).reminders for id_ in ids]


async def test_who_is_due_is_woken_and_nobody_else(timers: Timers, petitions: Petitions, clock: FakeClock) -> None:
    await _file(petitions, clock, "a")
    clock.forward(timedelta(hours=1))
    await _file(petitions, clock, "b")
    assert [await timers.sweep(), await timers.sweep()] == [1, 0]
    assert await _reminders(petitions, "a", "b") == [1, 0]
    clock.forward(timedelta(days=7))
    assert await timers.sweep() == 2
    assert await _reminders(petitions, "a", "b") == [2, 1]


async def test_two_replicas_wake_each_once(timers: Timers, petitions: Petitions, clock: FakeClock) -> None:
    replica = Timers(clock)
    replica.watch(petitions)
    ids = [f"p{n}" for n in range(10)]
    await _file(petitions, clock, *ids)
    clock.forward(timedelta(hours=2))
    await asyncio.gather(timers.sweep(), replica.sweep())
    assert await _reminders(petitions, *ids) == [1] * 10


async def test_more_than_one_batch_is_woken_without_waiting(
    timers: Timers, petitions: Petitions, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.timers.SWEEP_SECONDS", 60.0)
    monkeypatch.setattr("shared.timers.BATCH", 3)
    ids = [f"p{n}" for n in range(10)]
    await _file(petitions, clock, *ids)
    clock.forward(timedelta(hours=1))
    running = asyncio.create_task(timers.run())
    await eventually(lambda: _all_reminded(petitions, ids), within=2.0, every=0.01)
    running.cancel()


async def test_a_long_backlog_is_not_read_again_for_each_batch_of_it(
    timers: Timers, petitions: Petitions, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store goes through all that is due, however few are wanted: ten thousand mails went out at a third of their
    speed after an outage."""
    monkeypatch.setattr("shared.timers.BATCH", 5)
    ids = [f"petition-{n}" for n in range(100)]
    await _file(petitions, clock, *ids)
    clock.forward(timedelta(hours=1))
    due, looks = petitions.due, 0

    async def counted(*of: Any) -> list[str]:
        nonlocal looks
        looks += 1
        return await due(*of)

    monkeypatch.setattr(petitions, "due", counted)
    woken = [await timers.sweep() for _ in range(20)]
    assert sum(woken) == 100
    assert looks == 2
    assert set(await _reminders(petitions, *ids)) == {1}


async def _all_reminded(petitions: Petitions, ids: list[str]) -> bool:
    return all(await _reminders(petitions, *ids))


async def test_one_that_fails_rests_and_holds_up_no_other(
    petitions: Petitions, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.timers.BATCH", 2)
    calls: list[str] = []

    async def waking(id_: str) -> None:
        calls.append(id_)
        if id_ != "z":
            raise ZeroDivisionError
        await petitions.wake(id_, clock.now())

    timers = Timers(clock)
    timers.watch(petitions, waking)
    await _file(petitions, clock, *"abcdez")
    clock.forward(timedelta(hours=1))
    for _ in range(4):
        await timers.sweep()
    assert sorted(calls) == list("abcdez"), "each failed one is left in peace for a while"
    assert await _reminders(petitions, "z") == [1]


async def test_one_that_met_an_outage_is_woken_at_the_next_round(petitions: Petitions, clock: FakeClock) -> None:
    calls: list[str] = []

    async def waking(id_: str) -> None:
        calls.append(id_)
        if len(calls) == 1:
            raise Unavailable
        await petitions.wake(id_, clock.now())

    timers = Timers(clock)
    timers.watch(petitions, waking)
    await _file(petitions, clock, "a")
    clock.forward(timedelta(hours=1))
    await timers.sweep()
    await timers.sweep()
    assert await _reminders(petitions, "a") == [1]


async def test_a_store_that_comes_and_goes_does_not_end_the_timers(
    timers: Timers, petitions: Petitions, database: MemoryDatabase, clock: FakeClock
) -> None:
    await _file(petitions, clock, "a")
    clock.forward(timedelta(hours=1))
    database.down = True
    running = asyncio.create_task(timers.run())
    await asyncio.sleep(0.02)
    database.down = False
    await eventually(lambda: _all_reminded(petitions, ["a"]), within=2.0, every=0.005)
    running.cancel()


async def test_what_is_due_at_once_does_not_wait_for_the_sweep(
    timers: Timers, petitions: Petitions, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.timers.SWEEP_SECONDS", 60.0)
    running = asyncio.create_task(timers.run())
    await asyncio.sleep(0.01)
    await _file(petitions, clock, "a")
    clock.forward(timedelta(hours=1))
    timers.nudge("petitions")
    await eventually(lambda: _all_reminded(petitions, ["a"]), within=2.0, every=0.005)
    running.cancel()


async def test_for_one_that_is_named_the_store_is_not_asked_what_is_due(
    timers: Timers, petitions: Petitions, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.timers.SWEEP_SECONDS", 60.0)
    await _file(petitions, clock, "a", "b")
    clock.forward(timedelta(hours=1))
    due, looks = petitions.due, list[int]()

    async def counted(*of: Any) -> list[str]:
        found = await due(*of)
        looks.append(len(found))
        return []

    monkeypatch.setattr(petitions, "due", counted)
    running = asyncio.create_task(timers.run())
    await eventually(lambda: _told(looks, 2), within=2.0, every=0.001)
    timers.nudge("petitions", "a")
    await eventually(lambda: _all_reminded(petitions, ["a"]), within=2.0, every=0.001)
    assert (looks, await _reminders(petitions, "b")) == ([2], [0])
    timers.nudge("petitions")
    await eventually(lambda: _told(looks, 1), within=2.0, every=0.001)
    running.cancel()


async def test_so_many_that_are_named_are_left_to_the_store(
    timers: Timers, petitions: Petitions, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.timers.SWEEP_SECONDS", 60.0)
    monkeypatch.setattr("shared.timers.BATCH", 3)
    ids = [f"p{n}" for n in range(10)]
    running = asyncio.create_task(timers.run())
    await asyncio.sleep(0.01)
    await _file(petitions, clock, *ids)
    clock.forward(timedelta(hours=1))
    for id_ in ids:
        timers.nudge("petitions", id_)
    await eventually(lambda: _all_reminded(petitions, ids), within=2.0, every=0.001)
    running.cancel()


async def test_who_is_named_does_not_pass_a_backlog_nor_make_more_at_once_than_a_batch(
    petitions: Petitions, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage of the mail server new mails came as fast as mails could go: the old ones waited for ever."""
    monkeypatch.setattr("shared.timers.SWEEP_SECONDS", 60.0)
    monkeypatch.setattr("shared.timers.BATCH", 4)
    old, busiest, flying = [f"old{n}" for n in range(20)], 0, 0

    async def waking(id_: str) -> None:
        nonlocal busiest, flying
        flying += 1
        busiest = max(busiest, flying)
        await petitions.wake(id_, clock.now())
        flying -= 1
        if any(id_ in old for id_ in await petitions.due(clock.now())):  # while old ones wait, a new one for each done
            await _file(petitions, clock, new := f"new{id_}")
            await petitions.change(new, lambda p: p.remind_at(clock.now()))
            ours.nudge("petitions", new)

    ours = Timers(clock)
    ours.watch(petitions, waking)
    await _file(petitions, clock, *old)
    clock.forward(timedelta(hours=1))
    running = asyncio.create_task(ours.run())
    await eventually(lambda: _all_reminded(petitions, old), within=5.0, every=0.005)
    assert busiest <= 4
    running.cancel()


async def test_what_becomes_due_bit_by_bit_makes_no_more_at_once_than_a_batch_either(
    petitions: Petitions, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mails came a little faster than they went: there were 28,000 tasks after twenty minutes, and each look at what is
    due went through all of them."""
    monkeypatch.setattr("shared.timers.SWEEP_SECONDS", 0.001)
    monkeypatch.setattr("shared.timers.BATCH", 4)
    begun, gate = 0, asyncio.Event()
    ids = [f"petition-{n}" for n in range(30)]

    async def waking(id_: str) -> None:
        nonlocal begun
        begun += 1
        await gate.wait()
        await petitions.wake(id_, clock.now())

    ours = Timers(clock)
    ours.watch(petitions, waking)
    running = asyncio.create_task(ours.run())
    for n in range(0, 30, 3):
        await _file(petitions, clock, *ids[n : n + 3])
        clock.forward(timedelta(hours=1))
        ours.nudge("petitions")
        for _ in range(50):
            await asyncio.sleep(0)
    assert begun == 4
    gate.set()
    await eventually(lambda: _all_reminded(petitions, ids), within=5.0, every=0.005)
    assert begun == 30
    running.cancel()


async def test_one_that_was_named_while_the_store_was_away_is_found_there(
    timers: Timers, petitions: Petitions, database: MemoryDatabase, clock: FakeClock
) -> None:
    running = asyncio.create_task(timers.run())
    await _file(petitions, clock, "a")
    clock.forward(timedelta(hours=1))
    database.down = True
    timers.nudge("petitions", "a")
    await asyncio.sleep(0.03)
    database.down = False
    await eventually(lambda: _all_reminded(petitions, ["a"]), within=2.0, every=0.005)
    running.cancel()


async def test_a_slow_effect_holds_up_neither_its_own_kind_nor_another(
    petitions: Petitions, database: MemoryDatabase, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.timers.SWEEP_SECONDS", 60.0)
    others = Repository(database, "others", Petition)
    freed, begun = asyncio.Event(), list[str]()

    async def waking(id_: str) -> None:
        begun.append(id_)
        if id_ == "slow":
            await freed.wait()
        await petitions.wake(id_, clock.now())

    timers = Timers(clock)
    timers.watch(petitions, waking)
    timers.watch(others)
    await _file(petitions, clock, "slow")
    clock.forward(timedelta(hours=1))
    running = asyncio.create_task(timers.run())
    await eventually(lambda: _told(begun, "slow"), within=2.0, every=0.001)
    await _file(petitions, clock, "quick")
    await _file(others, clock, "other")
    clock.forward(timedelta(hours=1))
    timers.nudge("petitions")
    timers.nudge("others")
    await eventually(lambda: _all_reminded(petitions, ["quick"]), within=2.0, every=0.001)
    await eventually(lambda: _all_reminded(others, ["other"]), within=2.0, every=0.001)
    assert begun == ["slow", "quick"], "and it is not begun twice"
    freed.set()
    await eventually(lambda: _all_reminded(petitions, ["slow"]), within=2.0, every=0.001)
    running.cancel()


async def _told(begun: list[Any], one: Any) -> bool:
    return one in begun


async def test_who_is_due_again_while_he_is_being_woken_is_woken_again_at_once(
    petitions: Petitions, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.timers.SWEEP_SECONDS", 60.0)
    freed, begun = asyncio.Event(), list[str]()

    async def waking(id_: str) -> None:
        begun.append(id_)
        await freed.wait()
        if len(begun) == 2:
            await petitions.wake(id_, clock.now())

    timers = Timers(clock)
    timers.watch(petitions, waking)
    await _file(petitions, clock, "a")
    clock.forward(timedelta(hours=1))
    running = asyncio.create_task(timers.run())
    await eventually(lambda: _told(begun, "a"), within=2.0, every=0.001)
    timers.nudge("petitions")
    for _ in range(10):
        await asyncio.sleep(0)
    freed.set()
    await eventually(lambda: _all_reminded(petitions, ["a"]), within=2.0, every=0.001)
    assert begun == ["a", "a"]
    running.cancel()


async def test_where_only_clearing_away_is_to_be_done_the_store_is_seldom_asked(
    petitions: Petitions, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service of many timers that asked each second used three percent of a core while nothing happened."""
    monkeypatch.setattr("shared.timers.SWEEP_SECONDS", 0.001)
    timers, due, looks = Timers(clock), petitions.due, 0

    async def counted(*of: Any) -> list[str]:
        nonlocal looks
        looks += 1
        return await due(*of)

    monkeypatch.setattr(petitions, "due", counted)
    timers.watch(petitions, every=3600.0)
    running = asyncio.create_task(timers.run())
    await _file(petitions, clock, "a")
    clock.forward(timedelta(hours=1))
    timers.nudge("petitions", "a")

    async def is_reminded() -> bool:
        return await _reminders(petitions, "a") == [1]

    await eventually(is_reminded, within=2.0, every=0.01)
    assert looks == 1, "at the beginning; who is named is woken at once all the same"
    running.cancel()
