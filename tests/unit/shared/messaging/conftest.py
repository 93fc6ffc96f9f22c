"""A relay over the twin in memory, and a broker that can be told to misbehave."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.messaging.notes import Notes
from shared.messaging.parked import Parked
from shared.messaging.relay import Relay
from shared.store.lease import Lease
from shared.store.memory import MemoryDatabase
from shared.store.repository import Repository
from shared.testing.clock import FakeClock
from tests.petitions import Petition


@dataclass
class FakeBroker:
    """Takes what the relay publishes. It can refuse a subject, keep one waiting, or lose its confirmation.

    `in_batches`: as on the real one, a refused record takes those down that are on their way with it.
    """

    taken: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    unconfirmed: set[str] = field(default_factory=set)
    waiting: dict[str, asyncio.Event] = field(default_factory=dict)
    away: bool = False
    in_batches: bool = False
    rebuilt: int = 0
    name: str | None = None
    _on_its_way: Counter[str] = field(default_factory=Counter)

    async def publish(self, topic: str, key: str, headers: dict[str, str], value: bytes) -> None:
        if self.away:
            raise ConnectionError("not connected to Kafka")
        if key in self.waiting:
            await self.waiting[key].wait()
        self._on_its_way[key] += 1
        await asyncio.sleep(0)
        together = {one for one, count in self._on_its_way.items() if count} if self.in_batches else {key}
        await asyncio.sleep(0)
        self._on_its_way[key] -= 1
        if together & self.refused:
            raise PermissionError("topic authorization failed")
        self.taken.append((topic, key, headers, value))
        if key in self.unconfirmed:
            raise TimeoutError

    async def rebuild(self) -> str | None:
        if self.away:
            raise ConnectionError("unable to bootstrap")
        self.rebuilt += 1
        return self.name

    def ids(self, key: str | None = None) -> list[str]:
        """The `ce_id`s in the order they were taken."""
        return [headers["ce_id"] for _, k, headers, _ in self.taken if key in (None, k)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
async def petitions(database: MemoryDatabase) -> Repository[Petition]:
    repository = Repository(database, "petitions", Petition)
    await repository.ensure()
    return repository


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
def relay(
    petitions: Repository[Petition],
    broker: FakeBroker,
    database: MemoryDatabase,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Relay:
    for name in ("LOOK_SECONDS", "SWEEP_SECONDS", "AGAIN_SECONDS"):
        monkeypatch.setattr(f"shared.messaging.relay.{name}", 0.01)
    monkeypatch.setattr("shared.messaging.relay.CARRY_SECONDS", 0.2)
    monkeypatch.setattr("shared.messaging.relay.STOP_SECONDS", 0.01)
    monkeypatch.setattr("shared.messaging.relay.REST_SECONDS", 0.0)
    return relay_over(petitions, broker, database, clock)


def relay_over(
    petitions: Repository[Any],
    broker: FakeBroker,
    database: MemoryDatabase,
    clock: FakeClock,
    holder: str = "one",
) -> Relay:
    """A relay of the office."""
    lease = Lease(database.collection("leases"), "relay", holder)
    notes = Notes(database)
    return Relay([petitions], broker, lease, clock, "/dalian/petitions", notes=notes)


@pytest.fixture
async def parked(database: MemoryDatabase, clock: FakeClock) -> Parked:
    parked = Parked(database.collection("parked"), clock)
    await parked.ensure()
    return parked
