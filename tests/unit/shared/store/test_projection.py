"""Read models follow a topic, whatever is delivered again."""

import asyncio

import pytest

from shared.store.memory import MemoryDatabase
from shared.store.projection import project


@pytest.mark.parametrize("delivered", [(1, 2, 3), (1, 2, 3, 3, 2, 1), (3, 2, 1), (3,) * 10])
async def test_a_row_shows_the_latest_event(database: MemoryDatabase, delivered: tuple[int, ...]) -> None:
    contacts = database.collection("contacts")
    for sequence in delivered:
        await project(contacts, "person-1", sequence, {"mail": f"{sequence}@tongban"})
    assert await contacts.get("person-1") == {"_id": "person-1", "mail": "3@tongban", "at": 3}


async def test_a_projection_says_whether_it_wrote(database: MemoryDatabase) -> None:
    contacts = database.collection("contacts")
    assert [await project(contacts, "person-1", n, {}) for n in (1, 1, 3, 2)] == [True, False, True, False]


async def test_replicas_that_write_at_once_agree(database: MemoryDatabase) -> None:
    contacts = database.collection("contacts")
    await asyncio.gather(*(project(contacts, "person-1", n, {"n": n}) for n in (2, 5, 3, 1, 4)))
    assert await contacts.get("person-1") == {"_id": "person-1", "n": 5, "at": 5}
