"""The runtime: the parts of a service start when they can, run while broker and store come and go, and stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from shared.clock import SystemClock
from shared.contracts import registry
from shared.messaging.envelope import Event
from shared.runtime import Runtime
from shared.settings import ServiceSettings
from shared.store.memory import MemoryDatabase
from shared.store.repository import Repository
from shared.testing.bus import MemoryBus
from shared.testing.clock import FakeClock
from shared.testing.waiting import eventually
from tests.petitions import OfficeListed, Petition, PetitionAnswered, PetitionFiled, PetitionForwarded


class OfficeSettings(ServiceSettings):
    """An office that takes petitions."""

    service: ClassVar[str] = "petitions"


def _settings() -> OfficeSettings:
    return OfficeSettings.model_validate(
        {
            "http_port": 8100,
            "issuer": "http://127.0.0.1:8101",
            "kafka_bootstrap": "127.0.0.1:1",
            "kafka_username": "petitions",
            "kafka_password": "-",
            "mongo_uri": "mongodb://127.0.0.1:1",
        }
    )


@dataclass
class Office:
    """A whole service: it reads what petitioners say and answers."""

    runtime: Runtime
    bus: MemoryBus
    database: MemoryDatabase
    clock: FakeClock
    petitions: Repository[Petition]


@pytest.fixture
async def office(monkeypatch: pytest.MonkeyPatch) -> Office:
    for name in ("relay.LOOK_SECONDS", "relay.SWEEP_SECONDS", "relay.AGAIN_SECONDS", "relay.REST_SECONDS"):
        monkeypatch.setattr(f"shared.messaging.{name}", 0.01)
    monkeypatch.setattr("shared.timers.SWEEP_SECONDS", 0.01)
    monkeypatch.setattr("shared.runtime.RETRY_SECONDS", 0.01)
    monkeypatch.setattr("shared.runtime.TEND_SECONDS", 0.01)
    monkeypatch.setattr("shared.runtime.FORGET_SECONDS", 0.01)
    for model in (PetitionFiled, PetitionAnswered, PetitionForwarded, OfficeListed):
        monkeypatch.setitem(registry._types, model.type, model)  # the bus holds everybody to the registry
    database, clock, bus = MemoryDatabase(), FakeClock(), MemoryBus()
    runtime = Runtime(_settings(), database, clock, outlet=bus)
    petitions = runtime.repository("petitions", Petition)
    runtime.table(OfficeListed, lambda office: office.code)

    async def answer(event: Event[Any]) -> None:
        if event.data.matter == "poison":
            raise ValueError("poison")
        await petitions.change(event.subject, lambda p: p.answer("heard", clock.now()), cause=event)

    runtime.read(lambda: ["east.petitions"], {PetitionFiled: answer})
    runtime.wake(petitions)
    runtime.wire()
    return Office(runtime, bus, database, clock, petitions)


@asynccontextmanager
async def _running(office: Office) -> AsyncIterator[None]:
    async with office.runtime.running():
        await eventually(lambda: _prepared(office.runtime), within=2.0, every=0.002)
        yield


async def _prepared(runtime: Runtime) -> bool:
    return await runtime.store_fault() is None


async def test_what_is_written_is_published_at_once_while_the_service_runs(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.relay.SWEEP_SECONDS", 60.0)
    async with _running(office):
        await asyncio.sleep(0.02)
        await office.petitions.add(Petition.file("petition-1", office.clock.now()))
        await eventually(lambda: _said(office, PetitionFiled), within=2.0, every=0.002)


async def _said(office: Office, model: type[Any]) -> bool:
    return bool(office.bus.said(model))


async def test_who_is_due_is_woken_and_letters_are_forgotten_while_the_service_runs(office: Office) -> None:
    async with _running(office):
        petition = Petition.file("petition-1", office.clock.now())
        petition.forward("letter", office.clock.now())
        petition.remind_at(office.clock.now() + timedelta(days=8))
        await office.petitions.add(petition)
        office.clock.forward(timedelta(days=8))
        await eventually(lambda: _reminded_and_forgotten(office), within=2.0, every=0.005)


async def _reminded_and_forgotten(office: Office) -> bool:
    letter = (await office.petitions.journal("petition-1"))[1]
    return (await office.petitions.get("petition-1")).reminders == 1 and letter.data is None


async def test_what_a_service_says_comes_back_to_it_in_a_test(office: Office) -> None:
    await office.bus.join(office.runtime)
    await office.petitions.add(Petition.file("petition-1", office.clock.now()))
    await office.bus.settle()
    assert office.bus.said(PetitionAnswered) == [{"petition": "petition-1", "text": "heard"}]


async def test_a_service_waits_for_its_store_and_prepares_then(office: Office) -> None:
    prepared: list[str] = []

    async def load() -> None:
        await office.petitions.add(Petition.file("petition-0", office.clock.now()))
        prepared.append("loaded")

    office.runtime.at_start(load)
    office.database.down = True
    async with office.runtime.running():
        await asyncio.sleep(0.03)
        assert prepared == []
        office.database.down = False
        await eventually(lambda: _said(office, PetitionFiled), within=2.0, every=0.005)
    assert prepared == ["loaded"]


async def test_a_preparation_that_fails_is_tried_again(office: Office) -> None:
    tries: list[int] = []

    async def load() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError

    office.runtime.at_start(load)
    async with office.runtime.running():
        await eventually(lambda: _prepared(office.runtime), within=2.0, every=0.005)
    assert len(tries) == 3


async def test_a_parked_key_is_released_while_the_service_runs_and_a_store_that_blinks_changes_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[int] = []
    assert office.runtime.lane is not None
    start = office.runtime.lane.start

    async def counted() -> None:
        starts.append(1)
        await start()

    monkeypatch.setattr(office.runtime.lane, "start", counted)
    async with _running(office):
        poison = await office.bus.say(
            "east.petitions", PetitionFiled(petition="p", matter="poison"), key="p", id_="p:1", ce_sequence="1"
        )
        await office.bus.hand(office.runtime, poison)
        assert await office.runtime.parked.count() == 1
        office.database.down = True
        await asyncio.sleep(0.03)
        office.database.down = False
        await office.runtime.parked.release("east.petitions", "p")
        await eventually(lambda: _tried_again(office), within=2.0, every=0.005)
    assert len(starts) == 1, "the lane did not leave its group for it"


async def _tried_again(office: Office) -> bool:
    (record,) = await office.runtime.parked.show("east.petitions", "p")
    return record.attempts == 2


async def test_a_bad_row_is_released_in_a_service_that_handles_no_events(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    floors = ["ground"]
    runtime = Runtime(_settings(), office.database, office.clock, outlet=office.bus)
    offices = runtime.table(OfficeListed, lambda o: floors[o.floor])
    runtime.wire()
    async with runtime.running():
        await eventually(lambda: _prepared(runtime), within=2.0, every=0.002)
        row = await office.bus.say(
            "petitions.offices", OfficeListed(code="east", floor=1), key="o", id_="o:1", ce_sequence="1"
        )
        await office.bus.hand(runtime, row)
        floors.append("first")
        await runtime.parked.release("petitions.offices", "o")
        await eventually(lambda: _there(offices), within=2.0, every=0.005)


async def _there(offices: Any) -> bool:
    return list(offices) == ["first"]


async def test_a_service_that_stops_publishes_what_is_pending(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.messaging.relay.SWEEP_SECONDS", 60.0)
    elsewhere = Repository(office.database, "petitions", Petition)
    async with _running(office):
        await asyncio.sleep(0.01)
        await elsewhere.add(Petition.file("petition-1", office.clock.now()))
        assert office.bus.said(PetitionFiled) == []
    assert len(office.bus.said(PetitionFiled)) == 1


async def test_one_part_that_cannot_stop_keeps_no_other_from_stopping(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []

    async def broken() -> None:
        raise ConnectionError("the broker is away")

    async def close() -> None:
        closed.append("database")

    assert office.runtime.lane is not None
    monkeypatch.setattr(office.runtime.lane, "stop", broken)
    monkeypatch.setattr(office.database, "close", close)
    office.runtime.at_stop(broken)
    elsewhere = Repository(office.database, "petitions", Petition)
    async with office.runtime.running():
        await eventually(lambda: _prepared(office.runtime), within=2.0, every=0.002)
        await elsewhere.add(Petition.file("petition-1", office.clock.now()))
    assert closed == ["database"]
    assert len(office.bus.said(PetitionFiled)) == 1


async def test_readiness_names_what_is_missing() -> None:
    runtime = Runtime(_settings(), MemoryDatabase(), FakeClock())
    runtime.table(OfficeListed, lambda office: office.code)
    runtime.read(lambda: ["east.petitions"], {})
    runtime.wire()
    assert await runtime.store_fault() == "not prepared yet"
    assert await runtime.broker_fault() == "does not answer"
    assert await runtime.tables_fault() == "petitions.offices: not caught up yet"
    assert await runtime.lanes_fault() == "not connected"


class TimedDatabase(MemoryDatabase):
    """A store with a clock."""

    def __init__(self, ahead: timedelta) -> None:
        super().__init__()
        self.ahead = ahead

    async def time(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def test_a_process_whose_clock_is_wrong_says_so_until_it_agrees_with_the_stores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.runtime.COMPARE_SECONDS", 0.01)
    database = TimedDatabase(timedelta(hours=1))
    runtime = Runtime(_settings(), database, SystemClock(), outlet=MemoryBus())
    comparing = asyncio.create_task(runtime._compare_clocks())

    async def faulty() -> bool:
        return await runtime.clock_fault() == "-3600 s against the store's"

    async def well() -> bool:
        return await runtime.clock_fault() is None

    await eventually(faulty, within=5.0, every=0.01)
    database.down = True
    database.ahead = timedelta()
    await eventually(well, within=5.0, every=0.01)
    comparing.cancel()
