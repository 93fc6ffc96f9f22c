"""Journals grow old: long ones are moved, personal ones forgotten, and all can be published again."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from shared.messaging.journals import JOURNAL_LIMIT, forget
from shared.messaging.relay import Relay
from shared.store.collection import Unavailable
from shared.store.memory import MemoryCollection, MemoryDatabase
from shared.store.repository import PERSONAL_RETENTION, Repository
from shared.testing.clock import FakeClock
from shared.testing.waiting import eventually
from tests.petitions import Petition
from tests.unit.shared.messaging.conftest import FakeBroker, relay_over

Petitions = Repository[Petition]
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def patient(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:  # after the fixture that makes sweeps short
    """A sweep brings a long journal to its end, however slow the machine is: these tests are not about time."""
    monkeypatch.setattr("shared.messaging.relay.CARRY_SECONDS", 60.0)


@pytest.fixture
async def long(petitions: Petitions, clock: FakeClock) -> int:
    """A petition with one entry more than a journal may have; how many that are."""
    petition = Petition.file("petition-1", clock.now())
    for n in range(JOURNAL_LIMIT):
        petition.answer(f"{n}", clock.now())
    await petitions.add(petition)
    return JOURNAL_LIMIT + 1


async def _in_document(petitions: Petitions) -> list[int]:
    document = await petitions.collection.get("petition-1")
    assert document is not None
    return sorted(int(n) for n in document["journal"])


async def _is_whole(petitions: Petitions, count: int) -> None:
    journal = await petitions.journal("petition-1")
    assert [entry.sequence for entry in journal] == list(range(1, count + 1))
    texts = [json.loads(entry.data or "")["text"] for entry in journal[1:]]
    assert texts == (await petitions.get("petition-1")).answers


# -- long journals -----------------------------------------------------------------------------------------


async def test_a_long_journal_moves_into_the_archive_and_nothing_is_lost(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock, long: int
) -> None:
    assert await relay.sweep() == long
    assert await _in_document(petitions) == []
    await _is_whole(petitions, long)
    await petitions.change("petition-1", lambda p: p.answer("later", clock.now()))
    await relay.sweep()
    assert await _in_document(petitions) == [long + 1]
    await _is_whole(petitions, long + 1)
    assert broker.ids() == [f"petition-1:{n}" for n in range(1, long + 2)]


async def test_a_journal_of_just_the_limit_stays(relay: Relay, petitions: Petitions, clock: FakeClock) -> None:
    petition = Petition.file("petition-1", clock.now())
    for n in range(JOURNAL_LIMIT - 1):
        petition.answer(f"{n}", clock.now())
    await petitions.add(petition)
    await relay.sweep()
    assert len(await _in_document(petitions)) == JOURNAL_LIMIT


async def test_a_crash_while_the_journal_moves_loses_nothing(
    relay: Relay, petitions: Petitions, database: MemoryDatabase, long: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [0]
    insert = MemoryCollection.insert

    async def crashing(self: MemoryCollection, document: dict[str, object]) -> None:
        written[0] += 1
        if written[0] == 500:
            raise Unavailable("power cut")
        await insert(self, document)

    monkeypatch.setattr(MemoryCollection, "insert", crashing)
    with pytest.raises(Unavailable):
        await relay.sweep()
    assert await petitions.archive.count({}) == 499
    await _is_whole(petitions, long)
    await petitions.change("petition-1", lambda p: p.answer("later", p.filed_at))
    await relay.sweep()
    assert await _in_document(petitions) == []
    assert await petitions.archive.count({}) == long + 1
    await _is_whole(petitions, long + 1)


async def test_what_is_not_confirmed_does_not_move(
    relay: Relay, petitions: Petitions, broker: FakeBroker, long: int
) -> None:
    broker.refused = {"petition-1"}
    await relay.sweep()
    assert len(await _in_document(petitions)) == long
    assert await petitions.archive.count({}) == 0


async def test_a_personal_entry_does_not_move_before_it_is_forgotten(
    relay: Relay, petitions: Petitions, clock: FakeClock, long: int
) -> None:
    await petitions.change("petition-1", lambda p: p.forward("my letter", clock.now()))
    await relay.sweep()
    assert await _in_document(petitions) == [long + 1]
    clock.forward(PERSONAL_RETENTION)
    await forget([petitions], clock.now())
    assert [entry.data for entry in await petitions.journal("petition-1")][-1] is None


# -- personal entries --------------------------------------------------------------------------------------


@pytest.fixture
async def letters(relay: Relay, petitions: Petitions, clock: FakeClock) -> Petitions:
    """A petition with two letters, a day apart, both sent."""
    petition = Petition.file("petition-1", clock.now())
    petition.forward("first letter", clock.now())
    await petitions.add(petition)
    clock.forward(DAY)
    await petitions.change("petition-1", lambda p: p.forward("second letter", clock.now()))
    await relay.sweep()
    return petitions


async def _letters(petitions: Petitions) -> list[bool]:
    return [entry.data is not None for entry in await petitions.journal("petition-1")]


async def test_letters_are_forgotten_each_on_its_day_and_their_digest_stays(
    relay: Relay, letters: Petitions, clock: FakeClock
) -> None:
    before = await letters.journal("petition-1")
    clock.forward(PERSONAL_RETENTION - DAY - timedelta(seconds=1))
    assert await forget([letters], clock.now()) == 0
    assert await _letters(letters) == [True, True, True]
    clock.forward(timedelta(seconds=1))
    assert await forget([letters], clock.now()) == 1
    assert await _letters(letters) == [True, False, True]
    clock.forward(DAY)
    assert await forget([letters], clock.now()) == 1
    assert await _letters(letters) == [True, False, False]
    assert [entry.sha256 for entry in await letters.journal("petition-1")] == [entry.sha256 for entry in before]
    document = await letters.collection.get("petition-1")
    assert "letter" not in json.dumps(document["journal"] if document else "letter", default=str)
    assert "forget_at" not in (document or {"forget_at": "?"}), "it is not looked at again"


async def test_an_unsent_letter_is_sent_before_it_is_forgotten(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    petition = Petition.file("petition-1", clock.now())
    petition.forward("first letter", clock.now())
    await petitions.add(petition)
    clock.forward(PERSONAL_RETENTION)
    await forget([petitions], clock.now())
    assert await _letters(petitions) == [True, True]
    await relay.sweep()
    assert json.loads(broker.taken[1][3])["letter"] == "first letter"
    clock.forward(timedelta(minutes=1))
    await forget([petitions], clock.now())
    assert await _letters(petitions) == [True, False]


async def test_a_letter_that_comes_while_others_are_forgotten_keeps_its_day(
    relay: Relay, letters: Petitions, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.forward(PERSONAL_RETENTION)
    update_each = letters.collection.update_each

    async def overtaken(updates: object) -> int:
        monkeypatch.undo()
        await letters.change("petition-1", lambda p: p.forward("third letter", clock.now()))
        return await update_each(updates)  # type: ignore[arg-type]

    monkeypatch.setattr(letters.collection, "update_each", overtaken)
    await forget([letters], clock.now())
    await relay.sweep()
    await forget([letters], clock.now())
    assert await _letters(letters) == [True, False, False, True]
    clock.forward(PERSONAL_RETENTION)
    await forget([letters], clock.now())
    assert await _letters(letters) == [True, False, False, False]


async def test_a_petition_whose_marks_were_put_back_goes_on_without_its_forgotten_letters(
    relay: Relay, letters: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    clock.forward(PERSONAL_RETENTION)
    await forget([letters], clock.now())
    broker.taken = []
    await letters.collection.update({"_id": "petition-1"}, {"$set": {"sent": 0, "pending": 3}})
    assert await relay.sweep() == 3
    assert broker.ids() == ["petition-1:1"]


# -- replay ------------------------------------------------------------------------------------------------


async def test_a_replay_publishes_what_was_sent_again_under_its_old_ids(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    for id_ in ("petition-1", "petition-2"):
        await petitions.add(Petition.file(id_, clock.now()))
    clock.forward(DAY)
    since = clock.now()
    for id_ in ("petition-1", "petition-2"):
        await petitions.change(id_, lambda p: p.answer("yes", clock.now()))
    await relay.sweep()
    sent, broker.taken = _by_id(broker), []
    assert [n async for n in relay.replay(since - DAY)] == [2, 4]
    await relay.sweep()
    assert _by_id(broker) == sent, "the same bytes, the same trace, the same ids"
    broker.taken = []
    assert [n async for n in relay.replay(since)][-1] == 2
    await relay.sweep()
    assert sorted(broker.ids()) == ["petition-1:2", "petition-2:2"]


def _so(probe: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def ask() -> bool:
        return probe()

    return ask


def _by_id(broker: FakeBroker) -> list[tuple[str, str, dict[str, str], bytes]]:
    return sorted(broker.taken, key=lambda record: record[2]["ce_id"])


async def test_a_replay_reaches_into_the_archive_and_what_is_unsent_comes_after_it(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock, long: int
) -> None:
    await relay.sweep()
    await petitions.change("petition-1", lambda p: p.answer("unsent", clock.now()))
    broker.taken = []
    assert [n async for n in relay.replay(clock.now() - DAY)] == [long]
    await relay.sweep()
    assert broker.ids() == [f"petition-1:{n}" for n in range(1, long + 2)]
    await _is_whole(petitions, long + 1)


async def test_what_is_forgotten_is_not_published_again(
    relay: Relay, letters: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    clock.forward(PERSONAL_RETENTION)
    await forget([letters], clock.now())
    broker.taken = []
    assert [n async for n in relay.replay(clock.now() - 30 * DAY)] == [1]
    await relay.sweep()
    assert broker.ids() == ["petition-1:1"]


async def test_a_replay_wins_over_what_is_on_its_way_just_now(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    """Somebody on another replica asks for it while the holder of the lease waits for a confirmation."""
    await petitions.add(Petition.file("petition-1", clock.now()))
    await relay.sweep()
    await petitions.change("petition-1", lambda p: p.answer("yes", clock.now()))
    broker.waiting["petition-1"] = asyncio.Event()
    on_its_way = asyncio.create_task(relay.sweep())
    await eventually(_so(lambda: bool(relay._flying)))
    assert [n async for n in relay.replay(clock.now() - DAY)] == [1]
    broker.waiting.pop("petition-1").set()
    await on_its_way
    broker.taken = []
    await relay.sweep()
    assert broker.ids() == ["petition-1:1", "petition-1:2"]


# -- a broker that lost its data ---------------------------------------------------------------------------


async def test_another_broker_is_told_everything_again_before_what_is_new(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    """A reader may not have had the last entries: were a newer one to come first, they would be ignored for good."""
    relay.connected("broker-a")
    await petitions.add(Petition.file("petition-1", clock.now()))
    await petitions.add(Petition.file("petition-2", clock.now()))
    await relay.sweep()
    await petitions.change("petition-1", lambda p: p.answer("unsent", clock.now()))
    broker.taken = []
    relay.connected("broker-b")
    await relay.sweep()
    assert sorted(broker.ids()) == ["petition-1:1", "petition-1:2", "petition-2:1"]
    assert broker.ids("petition-1") == ["petition-1:1", "petition-1:2"]


async def test_the_same_broker_is_told_nothing_again(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    for _ in range(2):
        relay.connected("broker-a")
        await petitions.add(Petition.file(f"petition-{len(broker.taken) + 1}", clock.now()))
        await relay.sweep()
    assert broker.ids() == ["petition-1:1", "petition-2:1"]


async def test_a_broker_that_came_back_empty_is_recognised_when_the_relay_connects_anew(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    relay.connected("broker-a")
    await petitions.add(Petition.file("petition-1", clock.now()))
    await relay.sweep()
    broker.away, broker.name = True, "broker-b"
    await petitions.change("petition-1", lambda p: p.answer("yes", clock.now()))
    await relay.sweep()
    broker.away, broker.taken = False, []
    await relay.sweep()
    await relay.sweep()
    assert broker.ids() == ["petition-1:1", "petition-1:2"]


async def test_who_takes_the_relay_over_looks_which_broker_it_is(
    relay: Relay, petitions: Petitions, broker: FakeBroker, database: MemoryDatabase, clock: FakeClock
) -> None:
    """Its own connection may be older than the broker."""
    relay.connected("broker-a")
    other = relay_over(petitions, broker, database, clock, holder="other")
    other.connected("broker-a")
    await petitions.add(Petition.file("petition-1", clock.now()))
    await relay.sweep()
    broker.name = "broker-b"
    holder, waiting = asyncio.create_task(relay.run()), asyncio.create_task(other.run())
    await eventually(_so(lambda: bool(relay._lease._until)))
    holder.cancel()
    await relay.stop()
    broker.taken = []
    await eventually(_so(lambda: broker.ids() == ["petition-1:1"]))
    waiting.cancel()
