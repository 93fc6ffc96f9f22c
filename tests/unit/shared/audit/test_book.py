"""The chain in a store: one chain, each act once, whoever writes it and whatever breaks."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shared.audit.book import INDEXES, Book
from shared.audit.chain import GENESIS, Head
from shared.audit.verify import Verifier
from shared.store import Unavailable
from shared.store.collection import Document
from shared.store.memory import MemoryCollection, MemoryDatabase
from shared.testing.clock import FakeClock
from tests.unit.shared.audit.chains import BEGAN, noted, sealed

KEEPS = timedelta(days=400)
Books = Callable[..., Book]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(BEGAN)


@pytest.fixture
async def collection() -> MemoryCollection:
    found = MemoryDatabase().collection("audit")
    await found.ensure(*INDEXES)
    return found


@pytest.fixture
def books(collection: MemoryCollection, clock: FakeClock) -> Books:
    """Makes one more writer of the same chain, with a memory and a clock of its own if wanted."""

    def made(clock: FakeClock = clock, at: Head = GENESIS) -> Book:
        async def last() -> Head:
            return at

        return Book(collection, clock, KEEPS, last)

    return made


async def chain(collection: MemoryCollection) -> list[Document]:
    return await collection.find({}, sort=[("day", 1), ("n", 1)], limit=10_000)


async def holds(collection: MemoryCollection, wanted: int, *seals: Head) -> bool:
    verifier = Verifier(map(sealed, seals))
    for link in await chain(collection):
        verifier.take(link)
    report = verifier.report(BEGAN)
    assert report.holds, report.findings
    return report.records == wanted


async def test_each_record_follows_the_one_before(books: Books, collection: MemoryCollection) -> None:
    book = books()
    for n in range(5):
        await book.append(noted(n))
    assert await holds(collection, 5)
    (first, *_, last) = await chain(collection)
    assert (first["_id"], first["prev"]) == ("2026-03-02/000000001", GENESIS.hash)
    assert await book.head() == Head("2026-03-02", 5, last["hash"])
    assert last["record"]["on"] == "session-4"


async def test_an_event_that_comes_again_is_passed_over(books: Books, collection: MemoryCollection) -> None:
    book = books()
    for n in (0, 1, 0, 2, 1, 2):
        await book.append(noted(n))
    again = books()
    for n in (2, 0, 3):
        await again.append(noted(n))
    await book.append(noted(4))
    assert await holds(collection, 5)


async def test_many_writers_make_one_chain(books: Books, collection: MemoryCollection) -> None:
    """Two replicas, each with acts of its own and some of the other's, all at once."""
    one, two = books(), books()
    await asyncio.gather(*(one.append(noted(n)) for n in range(20)), *(two.append(noted(n)) for n in range(10, 30)))
    assert await holds(collection, 30)


async def test_days_begin_anew_and_the_chain_goes_on(
    books: Books, collection: MemoryCollection, clock: FakeClock
) -> None:
    book = books()
    for n in range(3):
        await book.append(noted(n, clock.now()))
        clock.forward(timedelta(hours=20))
    assert [link["_id"] for link in await chain(collection)] == [
        "2026-03-02/000000001", "2026-03-03/000000001", "2026-03-04/000000001",
    ]  # fmt: skip
    assert await holds(collection, 3)


async def test_a_writer_whose_clock_is_behind_stays_with_the_day_that_has_begun(
    books: Books, collection: MemoryCollection
) -> None:
    ahead, behind = FakeClock(BEGAN + timedelta(hours=7)), FakeClock(BEGAN + timedelta(hours=6, minutes=59))
    one, two = books(ahead), books(behind)
    await two.append(noted(0))
    await asyncio.gather(*(book.append(noted(n)) for n, book in enumerate([one, two, one, two, two, one], 1)))
    days = [link["day"] for link in await chain(collection)]
    assert days == sorted(days)
    assert set(days) == {"2026-03-02", "2026-03-03"}
    assert await holds(collection, 7)


class Failing:
    """A collection whose answers get lost now and then."""

    def __init__(self, collection: MemoryCollection, *, after: bool) -> None:
        self._c, self._after, self.failures = collection, after, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._c, name)

    async def insert(self, document: Document) -> None:
        self.failures += 1
        if self.failures % 2 and not self._after:
            raise Unavailable("away")
        await self._c.insert(document)
        if self.failures % 2:
            raise Unavailable("the answer is lost")


@pytest.mark.parametrize("after", [False, True], ids=["not written", "written, and nobody knows"])
async def test_an_outage_loses_nothing_and_repeats_nothing(
    collection: MemoryCollection, clock: FakeClock, after: bool
) -> None:
    async def last() -> Head:
        return GENESIS

    book = Book(Failing(collection, after=after), clock, KEEPS, last)
    for n in range(6):
        for _ in range(3):  # as the lane does
            try:
                await book.append(noted(n))
                break
            except Unavailable:
                continue
    assert await holds(collection, 6)


async def test_what_was_sealed_and_is_gone_is_not_filled_up(books: Books, collection: MemoryCollection) -> None:
    """A store that lost its end, a backup say: the chain goes on behind what was sealed, and the hole stays."""
    for n in range(6):
        await books().append(noted(n))
    end = await books().head()
    await collection.delete({"n": {"$gt": 3}})
    await books(at=end).append(noted(9))
    assert [link["n"] for link in await chain(collection)] == [1, 2, 3, 7]
    verifier = Verifier([sealed(end)])
    for link in await chain(collection):
        verifier.take(link)
    assert verifier.report(BEGAN).found == {"gap": 2}


async def test_what_was_dropped_by_its_age_does_not_come_back_by_a_replay(
    books: Books, collection: MemoryCollection, clock: FakeClock
) -> None:
    old = noted(0, clock.now())
    await books().append(old)
    clock.forward(KEEPS)
    await books().append(noted(1, clock.now()))
    assert await books().drop("2026-03-02") == 1
    await books().append(old)
    assert len(await chain(collection)) == 2, "it is as old as may be"
    await collection.delete({"event": old.id})
    clock.forward(timedelta(seconds=1))
    await books().append(old)
    assert [link["event"] for link in await chain(collection)] == ["session-1:1"]


@pytest.mark.parametrize("limit", [1, 3, 4, 100])
async def test_pages_hold_all_in_order_over_days_without_records(
    books: Books, collection: MemoryCollection, clock: FakeClock, limit: int
) -> None:
    book = books()
    for n, pause in enumerate([0, 1, 1, 24 * 5, 0, 0, 24, 0, 0, 0]):
        clock.forward(timedelta(hours=pause))
        await book.append(noted(n, clock.now()))
    found: list[Document] = []
    day, n = "2026-03-01", 0
    while page := await book.page(day, n, limit):
        assert len(page) <= limit
        found += page
        day, n = page[-1]["day"], page[-1]["n"]
    assert found == await chain(collection)
    back: list[Document] = []
    while page := await book.back("2026-03-02", back[-1]["_id"] if back else None, limit):
        back += page
    assert back == found[::-1]


async def test_a_record_that_somebody_puts_into_the_future_stops_nobody_and_is_shown(
    books: Books, collection: MemoryCollection
) -> None:
    book = books()
    await book.append(noted(0))
    end = await book.head()
    planted = {"day": "2099-01-01", "n": 1, "prev": end.hash, "event": "session-x:1", "hash": "0" * 63 + "1"}
    await collection.insert({"_id": "2099-01-01/000000001", **planted})
    for n in range(1, 4):
        await book.append(noted(n))
    assert [link["event"] for link in await chain(collection)] == [f"session-{n}:1" for n in "0x123"]
    verifier, day, n = Verifier([]), "2026-03-02", 0
    while page := await book.page(day, n, 2):
        for link in page:
            verifier.take(link)
        day, n = page[-1]["day"], page[-1]["n"]
    assert verifier.report(BEGAN).found["edited"] == 1


async def test_a_page_shows_what_is_left_around_a_hole(books: Books, collection: MemoryCollection) -> None:
    book = books()
    for n in range(9):
        await book.append(noted(n))
    await collection.delete({"n": {"$gte": 3, "$lte": 7}})
    assert [link["n"] for link in await book.page("2026-03-02", 2, 2)] == [8, 9]
