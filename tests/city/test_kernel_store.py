"""The real store does what its twin does, keeps what it acknowledged, and is told to be away when it is."""

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

from deploy.local.city import City
from shared.clock import AGREEMENT_SECONDS, SystemClock
from shared.messaging.relay import Relay
from shared.store.collection import Unavailable
from shared.store.lease import Lease
from shared.store.mongo import MongoDatabase
from shared.store.repository import Repository
from shared.testing.conformance import StoreConformance, things
from shared.testing.waiting import eventually
from tests.city.platform import Ground
from tests.petitions import Petition

__all__ = ["things"]


@pytest.fixture
async def database(platform: City) -> AsyncIterator[MongoDatabase]:
    database = MongoDatabase(platform.platform.store.uri, "conformance")
    yield database
    await database.close()


class TestStoreConforms(StoreConformance):
    """Every test of the suite."""


@pytest.fixture
async def petitions(ground: Ground) -> AsyncIterator[Repository[Petition]]:
    database = ground.database()
    repository = Repository(database, "petitions", Petition)
    await repository.ensure()
    yield repository
    await database.close()


async def test_writers_at_the_same_time_lose_nothing(petitions: Repository[Petition]) -> None:
    await petitions.add(Petition.file("petition-1", datetime.now(UTC)))

    async def write(who: int) -> None:
        for n in range(10):
            text = f"{who}-{n}"
            await petitions.change("petition-1", lambda p, text=text: p.answer(text, datetime.now(UTC)))  # type: ignore[misc]

    await asyncio.gather(*map(write, range(6)))
    petition = await petitions.get("petition-1")
    assert sorted(petition.answers) == sorted(f"{who}-{n}" for who in range(6) for n in range(10))
    assert len(await petitions.journal("petition-1")) == 61


async def test_everything_acknowledged_outlives_a_kill(ground: Ground, petitions: Repository[Petition]) -> None:
    acknowledged: list[str] = []
    killed = asyncio.Event()

    async def write(who: int) -> None:
        for n in itertools.count():
            id_ = f"petition-{who}-{n}"
            try:
                await petitions.add(Petition.file(id_, datetime.now(UTC)))
            except Unavailable:
                continue
            acknowledged.append(id_)
            if killed.is_set():
                return

    writing = [asyncio.create_task(write(who)) for who in range(4)]
    await eventually(lambda: _more_than(acknowledged, 200), every=0.005)
    ground.kill("store")
    killed.set()
    await asyncio.wait_for(asyncio.gather(*writing), timeout=60)
    await eventually(lambda: _pings(ground.database()), within=30)  # the last answers may have come before the end
    there = {document["_id"] async for document in petitions.collection.scan({})}
    assert set(acknowledged) <= there


async def test_a_change_whose_answer_was_lost_is_told_and_never_made_twice(
    ground: Ground, petitions: Repository[Petition]
) -> None:
    """Found by the simulation: the driver sent it again by itself, met the version that somebody else had written
    since, and the change was made once more."""
    await petitions.add(Petition.file("petition-1", datetime.now(UTC)))

    async def meanwhile() -> None:
        await petitions.change("petition-1", lambda p: p.answer("said by somebody else", datetime.now(UTC)))

    async with _losing_the_answer_to_a_change(ground.city.platform.store.uri, meanwhile) as uri:
        database = MongoDatabase(uri, ground.service)
        with pytest.raises(Unavailable):
            await Repository(database, "petitions", Petition).change(
                "petition-1", lambda p: p.answer("once", datetime.now(UTC))
            )
        await database.close()
    assert (await petitions.get("petition-1")).answers == ["once", "said by somebody else"]


async def test_what_the_kernel_asks_takes_no_longer_among_many_documents(ground: Ground) -> None:
    """The store goes through a whole collection where a filter names one field beside those of an index."""
    database = ground.database()
    few, many = [await _filled(database, name, size) for name, size in (("few", 20), ("many", 5_000))]
    longer: dict[str, float] = {}
    for name, (before, ask) in _ASKED.items():
        took = {repository: await _median(before, ask, repository) for repository in (few, many)}
        longer[name] = took[many] / took[few]
    await database.close()
    assert {name: ratio for name, ratio in longer.items() if ratio > 2.5} == {}


async def test_a_write_takes_no_longer_after_very_many(ground: Ground) -> None:
    """The embedded store kept a log of its last 100,000 changes, and looked for the end of it at each write."""
    database = ground.database()
    petitions = await _filled(database, "few", 20)
    before = await _median(_nothing, _answered, petitions)
    with MongoClient[dict[str, Any]](ground.city.platform.store.uri) as store:
        noise = store[ground.service]["noise"]
        for begin in range(0, 120_000, 1000):
            noise.insert_many([{"_id": n} for n in range(begin, begin + 1000)], ordered=False)
    after = await _median(_nothing, _answered, petitions)
    await database.close()
    assert after < 5 * before


async def _filled(database: MongoDatabase, name: str, size: int) -> Repository[Petition]:
    """Documents that have told everything, one of which is asked about."""
    repository = Repository(database, name, Petition)
    await repository.ensure()
    await repository.add(Petition.file("petition-0", datetime.now(UTC)))
    document = await repository.collection.get("petition-0")
    assert document is not None
    told = document | {"sent": 1, "pending": 0, "matter": "noise" * 500}
    await asyncio.gather(*(repository.collection.insert(told | {"_id": f"petition-{n}"}) for n in range(1, size)))
    return repository


async def _told(petitions: Repository[Petition]) -> None:
    lease = Lease(petitions.collection, "lease", "one")
    await Relay([petitions], _Nowhere(), lease, SystemClock(), "/dalian/petitions").sweep()


class _Nowhere:
    """Confirms everything."""

    async def publish(self, *_: Any) -> None:
        return

    async def rebuild(self) -> str | None:
        return None


async def _answered(petitions: Repository[Petition]) -> None:
    await petitions.change("petition-0", lambda p: p.answer(f"{time.monotonic()}", datetime.now(UTC)))


async def _filed(petitions: Repository[Petition]) -> None:
    await petitions.add(Petition.file(f"petition-{time.monotonic()}", datetime.now(UTC)))


async def _nothing(_: Repository[Petition]) -> None:
    return


_Ask = Callable[[Repository[Petition]], Awaitable[Any]]
_ASKED: dict[str, tuple[_Ask, _Ask]] = {
    "read": (_nothing, lambda petitions: petitions.get("petition-0")),
    "change": (_nothing, _answered),
    "tell": (_answered, _told),
    "nothing to tell": (_nothing, _told),
    "wake": (_nothing, lambda petitions: petitions.due(datetime.now(UTC))),
    "journal": (_nothing, lambda petitions: petitions.journal("petition-0")),
    "add": (_nothing, _filed),
}


async def _median(before: _Ask, ask: _Ask, petitions: Repository[Petition]) -> float:
    took = []
    for _ in range(15):
        await before(petitions)
        began = time.perf_counter()
        await ask(petitions)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


@asynccontextmanager
async def _losing_the_answer_to_a_change(uri: str, meanwhile: Callable[[], Awaitable[None]]) -> AsyncIterator[str]:
    """The store behind a wire that breaks after the first change was made, before its answer comes."""
    store, lost = urlsplit(uri), False

    async def through(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        nonlocal lost
        far, there = await asyncio.open_connection(store.hostname, store.port)
        answers = asyncio.create_task(_passed(far, back))
        while asked := await near.read(1 << 20):
            there.write(asked)
            if lost or b"journal.2" not in asked:
                continue
            lost = True
            answers.cancel()
            await asyncio.wait([answers])
            await far.read(1 << 20)
            await meanwhile()
            break
        there.close()
        back.close()

    server = await asyncio.start_server(through, "127.0.0.1", 0)
    async with server:
        yield f"mongodb://127.0.0.1:{server.sockets[0].getsockname()[1]}/?directConnection=true"


async def _passed(answers: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
    while answer := await answers.read(1 << 20):
        back.write(answer)


async def _more_than(acknowledged: list[str], count: int) -> bool:
    return len(acknowledged) > count


async def test_a_store_that_does_not_answer_is_away_within_two_seconds(ground: Ground) -> None:
    database = ground.database()
    await database.ping()
    async with ground.frozen("store"):
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await database.ping()
        assert time.monotonic() - began < 4
    await eventually(lambda: _pings(database))
    await database.close()


async def _pings(database: MongoDatabase) -> bool:
    try:
        await database.ping()
    except Unavailable:
        return False
    return True


async def test_a_store_that_is_not_there_is_away(ground: Ground) -> None:
    database = MongoDatabase("mongodb://127.0.0.1:1/?directConnection=true", "nowhere")
    with pytest.raises(Unavailable):
        await database.collection("things").get("a")
    await database.close()


async def test_the_store_tells_the_time(ground: Ground) -> None:
    database = ground.database()
    assert abs((await database.time() - datetime.now(UTC)).total_seconds()) < AGREEMENT_SECONDS
    await database.close()


async def test_a_lease_has_one_holder(ground: Ground) -> None:
    database = ground.database()
    leases = [Lease(database.collection("leases"), "relay", f"{n}", seconds=1.0) for n in range(5)]
    assert sum(await asyncio.gather(*(lease.hold() for lease in leases))) == 1
    await asyncio.gather(*(lease.release() for lease in leases))
    assert sum(await asyncio.gather(*(lease.hold() for lease in leases))) == 1


async def test_the_kernels_indexes_are_there(petitions: Repository[Petition], ground: Ground) -> None:
    """Without the first the embedded store scans for `{_id, v}`: 100 ms at 100,000 documents."""
    with MongoClient[dict[str, Any]](ground.city.platform.store.uri) as client:
        indexes = client[ground.service]["petitions"].index_information()
    assert {"_id_1_v_1", "pending_1", "wake_at_1", "forget_at_1"} <= set(indexes)
    assert indexes["pending_1"]["partialFilterExpression"] == {"pending": {"$gt": 0}}
