"""A repository of petitions over the twin in memory."""

from dataclasses import dataclass

import pytest

from shared.store.memory import MemoryDatabase
from shared.store.repository import Repository
from shared.testing.clock import FakeClock
from tests.petitions import Petition


@dataclass(frozen=True)
class Cause:
    """An event that somebody else published."""

    sequence: int | None = 1
    id: str = "case-9:1"
    topic: str = "intake.events"
    subject: str = "case-9"


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
