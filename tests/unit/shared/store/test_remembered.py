"""Aggregates that are remembered for a moment."""

import asyncio

import pytest

from shared.store.collection import Document
from shared.store.memory import MemoryDatabase
from shared.store.remembered import Remembered
from shared.store.repository import Repository
from shared.testing.clock import FakeClock
from tests.petitions import Petition


async def _filed(petitions: Repository[Petition], clock: FakeClock) -> Petition:
    petition = Petition.file("petition-1", clock.now())
    await petitions.add(petition)
    return petition


async def test_the_store_is_asked_once_in_a_while(petitions: Repository[Petition], clock: FakeClock) -> None:
    await _filed(petitions, clock)
    remembered = Remembered(petitions, seconds=60)
    first = await remembered.find("petition-1")
    await petitions.change("petition-1", lambda p: p.answer("by another replica", clock.now()))
    assert first is not None
    assert await remembered.find("petition-1") is first


async def test_what_is_older_than_its_time_is_read_anew(petitions: Repository[Petition], clock: FakeClock) -> None:
    await _filed(petitions, clock)
    remembered = Remembered(petitions, seconds=0)
    await remembered.find("petition-1")
    await petitions.change("petition-1", lambda p: p.answer("by another replica", clock.now()))
    found = await remembered.find("petition-1")
    assert found is not None
    assert found.v == 2


async def test_what_is_not_there_is_not_remembered(petitions: Repository[Petition], clock: FakeClock) -> None:
    remembered = Remembered(petitions, seconds=60)
    assert await remembered.find("petition-1") is None
    await _filed(petitions, clock)
    assert await remembered.find("petition-1") is not None


async def test_a_change_of_this_process_is_seen_at_once(petitions: Repository[Petition], clock: FakeClock) -> None:
    await _filed(petitions, clock)
    remembered = Remembered(petitions, seconds=60)
    await remembered.find("petition-1")
    await petitions.change("petition-1", lambda p: p.answer("here", clock.now()))
    remembered.forget("petition-1")
    found = await remembered.find("petition-1")
    assert found is not None
    assert found.v == 2


async def test_what_was_read_before_a_change_is_not_remembered_after_it(
    petitions: Repository[Petition], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _filed(petitions, clock)
    remembered, was_read, go_on = Remembered(petitions, seconds=60), asyncio.Event(), asyncio.Event()
    get = petitions.collection.get

    async def slowly(id_: str, *, without: tuple[str, ...] = ()) -> Document | None:
        found = await get(id_, without=without)
        was_read.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(petitions.collection, "get", slowly)
    reading = asyncio.create_task(remembered.find("petition-1"))
    await was_read.wait()
    monkeypatch.undo()
    await petitions.change("petition-1", lambda p: p.answer("meanwhile", clock.now()))
    remembered.forget("petition-1")
    go_on.set()
    await reading
    found = await remembered.find("petition-1")
    assert found is not None
    assert found.v == 2


async def test_it_does_not_grow_for_ever(
    database: MemoryDatabase, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.store.remembered.MOST", 2)
    petitions = Repository(database, "petitions", Petition)
    remembered = Remembered(petitions, seconds=60)
    for n in range(4):
        await petitions.add(Petition.file(f"petition-{n}", clock.now()))
        await remembered.find(f"petition-{n}")
    assert list(remembered._known) == ["petition-2", "petition-3"]
