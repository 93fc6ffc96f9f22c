"""Sealed entries: published in plain text, kept as ciphertext everywhere, passed over when nobody can open them."""

import json

import bson
import pytest

from shared.messaging.relay import Relay
from shared.store.memory import MemoryDatabase
from shared.store.repository import EPOCH, Repository
from shared.testing.clock import FakeClock
from tests.petitioners import FakeDataKeys, Petitioner, Visit
from tests.unit.shared.messaging.conftest import FakeBroker, relay_over

LI = "petitioner-li"
People = Repository[Petitioner]


@pytest.fixture
def keys() -> FakeDataKeys:
    return FakeDataKeys()


@pytest.fixture
async def people(database: MemoryDatabase, keys: FakeDataKeys, clock: FakeClock) -> People:
    """One petitioner, just listed."""
    people = Repository(database, "people", Petitioner, keys=keys)
    await people.ensure()
    await people.add(Petitioner.of(LI, "canary", clock.now()))
    return people


@pytest.fixture
def relay(
    people: People, broker: FakeBroker, database: MemoryDatabase, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Relay:
    monkeypatch.setattr("shared.messaging.relay.REST_SECONDS", 0.0)
    return relay_over(people, broker, database, clock)


def names(broker: FakeBroker) -> list[str]:
    return [json.loads(value)["name"] for _, _, _, value in broker.taken]


async def test_readers_get_plain_text(relay: Relay, people: People, broker: FakeBroker, clock: FakeClock) -> None:
    await people.change(LI, lambda one: one.call("newer", clock.now()))
    assert await relay.sweep() == 2
    assert names(broker) == ["canary", "newer"]
    assert broker.ids() == [f"{LI}:1", f"{LI}:2"]


async def test_what_is_published_again_is_the_same(relay: Relay, people: People, broker: FakeBroker) -> None:
    await relay.sweep()
    assert [n async for n in relay.replay(EPOCH)] == [1]
    await relay.sweep()
    (_, _, one, first), (_, _, other, second) = broker.taken
    assert (one, first) == (other, second)


async def test_what_nobody_can_open_any_more_is_passed_over_and_holds_nothing_up(
    relay: Relay, people: People, broker: FakeBroker, keys: FakeDataKeys, database: MemoryDatabase, clock: FakeClock
) -> None:
    keys.destroy(LI)
    await Repository(database, "people", Petitioner, keys=keys).change(LI, lambda one: one.remind(clock.now()))
    assert await relay.sweep() == 2
    assert broker.ids() == [f"{LI}:2"]
    async for _ in relay.replay(EPOCH):
        pass
    await relay.sweep()
    assert broker.ids() == [f"{LI}:2", f"{LI}:2"]


async def test_without_its_key_an_entry_waits_and_is_not_lost(
    relay: Relay, people: People, broker: FakeBroker, keys: FakeDataKeys, clock: FakeClock
) -> None:
    kept = keys.keys.pop(LI)
    await people.add(Petitioner.of("petitioner-wang", "canary two", clock.now()))
    await relay.sweep()
    assert names(broker) == ["canary two"], "the others go on"
    keys.keys[LI] = kept
    await relay.sweep()
    assert names(broker) == ["canary two", "canary"]


async def test_the_archive_is_sealed_as_well(
    relay: Relay, people: People, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.relay.JOURNAL_LIMIT", 3)
    for n in range(3):
        await people.change(LI, lambda one, n=n: one.call(f"canary {n}", clock.now()))  # type: ignore[misc]
    await relay.sweep()
    archived = await people.archive.find({})
    assert len(archived) == 4
    assert all(b"canary" not in bson.encode(one) for one in archived)
    assert [json.loads(one.data or "")["name"] for one in await people.journal(LI)] == [
        "canary",
        "canary 0",
        "canary 1",
        "canary 2",
    ]
    async for _ in relay.replay(EPOCH):
        pass
    await relay.sweep()
    assert names(broker)[4:] == names(broker)[:4]


async def test_documents_about_a_person_are_published_with_that_person_s_key(
    broker: FakeBroker, keys: FakeDataKeys, database: MemoryDatabase, clock: FakeClock
) -> None:
    visits = Repository(database, "visits", Visit, keys=keys)
    visit = Visit(id="visit-1", petitioner=LI, words="canary")
    visit.tell(clock.now())
    await visits.add(visit)
    assert set(keys.keys) == {LI}
    relay = relay_over(visits, broker, database, clock)
    await relay.sweep()
    assert names(broker) == ["canary"]
