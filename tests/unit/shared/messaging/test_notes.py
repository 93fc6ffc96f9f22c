"""Replicas tell the one that publishes of their writes; nobody asks every journal all the time."""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest

from shared.messaging.notes import Notes
from shared.store.collection import Unavailable
from shared.store.memory import MemoryDatabase
from shared.store.repository import Repository
from shared.testing.clock import FakeClock
from shared.testing.waiting import eventually
from tests.petitions import Petition
from tests.unit.shared.messaging.conftest import FakeBroker, relay_over

Petitions = Repository[Petition]


async def _file(petitions: Petitions, clock: FakeClock, id_: str) -> None:
    await petitions.add(Petition.file(id_, clock.now()))


async def _taken(broker: FakeBroker, count: int) -> bool:
    return len(broker.taken) >= count


async def _so(what: object) -> bool:
    return bool(what)


async def test_who_holds_the_lease_is_told_of_writes_elsewhere(
    database: MemoryDatabase, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in {"LOOK_SECONDS": 0.01, "TELL_SECONDS": 0.01, "SWEEP_SECONDS": 60.0}.items():
        monkeypatch.setattr(f"shared.messaging.relay.{name}", seconds)
    here: Petitions = Repository(database, "petitions", Petition)
    elsewhere: Petitions = Repository(database, "petitions", Petition, lambda _: other.nudge("petitions"))
    holder, other = relay_over(here, broker, database, clock), relay_over(elsewhere, broker, database, clock, "two")
    assert await holder._lease.hold()
    running = [asyncio.create_task(relay.run()) for relay in (holder, other)]
    for n in range(1, 4):
        await _file(elsewhere, clock, f"petition-{n}")
        await eventually(partial(_taken, broker, n), within=2.0, every=0.002)
    for task in running:
        task.cancel()


async def test_a_replica_that_leaves_tells_what_it_wrote_last(
    database: MemoryDatabase, broker: FakeBroker, clock: FakeClock
) -> None:
    elsewhere: Petitions = Repository(database, "petitions", Petition, lambda _: other.nudge("petitions"))
    other = relay_over(elsewhere, broker, database, clock, "two")
    assert await relay_over(elsewhere, broker, database, clock)._lease.hold()
    await _file(elsewhere, clock, "petition-1")
    await other.stop()
    assert await Notes(database).heard() == {"petitions"}


async def test_what_could_not_be_told_is_told_when_the_store_is_back(
    database: MemoryDatabase, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.relay.AGAIN_SECONDS", 0.01)
    told, away = list[set[str]](), [True]

    class Hindered(Notes):
        async def tell(self, collections: Iterable[str]) -> None:
            if away:
                away.clear()
                raise Unavailable
            told.append(set(collections))

    monkeypatch.setattr("tests.unit.shared.messaging.conftest.Notes", Hindered)
    elsewhere: Petitions = Repository(database, "petitions", Petition, lambda _: other.nudge("petitions"))
    other = relay_over(elsewhere, broker, database, clock, "two")
    assert await relay_over(elsewhere, broker, database, clock)._lease.hold()
    running = asyncio.create_task(other.run())
    await _file(elsewhere, clock, "petition-1")
    await eventually(lambda: _so(told), within=2.0, every=0.002)
    assert told == [{"petitions"}]
    running.cancel()


async def test_a_document_that_has_rested_goes_without_a_sweep(
    database: MemoryDatabase, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in {"LOOK_SECONDS": 0.01, "REST_SECONDS": 0.02, "SWEEP_SECONDS": 60.0}.items():
        monkeypatch.setattr(f"shared.messaging.relay.{name}", seconds)
    broker.refused.add("petition-1")
    petitions: Petitions = Repository(database, "petitions", Petition)
    await _file(petitions, clock, "petition-1")
    relay = relay_over(petitions, broker, database, clock)
    running = asyncio.create_task(relay.run())
    await eventually(lambda: _so(relay._resting), within=2.0, every=0.001)
    broker.refused.clear()
    await eventually(lambda: _taken(broker, 1), within=2.0, every=0.002)
    running.cancel()


async def test_a_question_to_every_journal_is_rare_at_rest(
    database: MemoryDatabase, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service with twenty collections asked twenty times a second and was never at rest."""
    monkeypatch.setattr("shared.messaging.relay.LOOK_SECONDS", 0.001)
    petitions: Petitions = Repository(database, "petitions", Petition)
    find, looks = petitions.collection.find, list[int]()

    async def counted(*of: Any, **options: Any) -> Any:
        looks.append(1)
        return await find(*of, **options)

    heard, told = Notes.heard, list[int]()

    async def hearing(notes: Notes) -> set[str]:
        told.append(1)
        return await heard(notes)

    monkeypatch.setattr(petitions.collection, "find", counted)
    monkeypatch.setattr(Notes, "heard", hearing)
    running = asyncio.create_task(relay_over(petitions, broker, database, clock).run())
    await eventually(lambda: _so(len(told) >= 20), within=2.0, every=0.001)
    assert len(looks) == 1
    running.cancel()


async def test_what_is_written_to_a_document_on_its_way_goes_when_that_has_landed(
    database: MemoryDatabase, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not with the next sweep: its own nudge came while nothing could be done."""
    monkeypatch.setattr("shared.messaging.relay.SWEEP_SECONDS", 60.0)
    monkeypatch.setattr("shared.messaging.relay.CARRY_SECONDS", 0.01)
    broker.waiting["petition-1"] = asyncio.Event()
    petitions: Petitions = Repository(database, "petitions", Petition, lambda _: relay.nudge("petitions"))
    relay = relay_over(petitions, broker, database, clock)
    running = asyncio.create_task(relay.run())
    await _file(petitions, clock, "petition-1")
    await eventually(lambda: _so(relay._flying), within=2.0, every=0.001)
    await petitions.change("petition-1", lambda one: one.answer("yes", clock.now()))
    await eventually(lambda: _so(not relay._nudged), within=2.0, every=0.001)
    await asyncio.sleep(0.1)  # it was looked at in vain
    broker.waiting["petition-1"].set()
    await eventually(lambda: _taken(broker, 2), within=2.0, every=0.005)
    running.cancel()


async def test_the_broker_that_an_earlier_version_noted_is_still_known(database: MemoryDatabase) -> None:
    """One that is renewed with the upgrade would not be told everything again."""
    await database.collection("brokers").update({"_id": "broker"}, {"$set": {"name": "one"}}, upsert=True)
    assert await Notes(database).broker() == "one"
