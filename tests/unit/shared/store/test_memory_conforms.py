"""The twin in memory does what the real store does; `tests/city/test_kernel_store.py` runs the same on that one."""

import pytest

from shared.store.collection import Unavailable
from shared.store.memory import MemoryDatabase
from shared.testing.conformance import StoreConformance, things

__all__ = ["things"]


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


class TestMemoryConforms(StoreConformance):
    """Every test of the suite."""


async def test_a_store_that_is_away_says_so_and_keeps_what_it_has(database: MemoryDatabase) -> None:
    things = database.collection("things")
    await things.insert({"_id": "a"})
    database.down = True
    with pytest.raises(Unavailable):
        await things.get("a")
    with pytest.raises(Unavailable):
        await things.update({"_id": "a"}, {"$set": {"n": 1}})
    with pytest.raises(Unavailable):
        await database.ping()
    database.down = False
    assert await things.get("a") == {"_id": "a"}


async def test_what_the_twin_does_not_know_it_refuses(database: MemoryDatabase) -> None:
    things = database.collection("things")
    await things.insert({"_id": "a", "rows": [{"n": 1}]})
    with pytest.raises(ValueError, match="regex"):
        await things.find({"_id": {"$regex": "a"}})
    with pytest.raises(ValueError, match="addToSet"):
        await things.update({"_id": "a"}, {"$addToSet": {"rows": 1}})
    with pytest.raises(TypeError, match="lists"):
        await things.find({"rows.n": 1})
