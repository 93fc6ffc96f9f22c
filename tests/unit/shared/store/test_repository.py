"""Repository: one document, one write, its events in the same write."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from shared import telemetry
from shared.errors import Conflict, NotFound, PreconditionFailed
from shared.store.collection import Unavailable
from shared.store.memory import MemoryDatabase
from shared.store.repository import PERSONAL_RETENTION, WRITTEN_SIZE, AlreadyThere, Contention, Repository
from shared.testing.clock import FakeClock
from tests.petitions import Letter, Petition, PetitionAnswered, PetitionFiled, State
from tests.unit.shared.store.conftest import Cause

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
Petitions = Repository[Petition]


@pytest.fixture
async def filed(petitions: Petitions, clock: FakeClock) -> Petition:
    petition = Petition.file("petition-1", clock.now())
    await petitions.add(petition)
    return petition


async def _kernel(petitions: Petitions) -> dict[str, Any]:
    document = await petitions.collection.get("petition-1")
    assert document is not None
    return {name: document[name] for name in ("v", "seq", "sent", "pending")}


# -- add and read ------------------------------------------------------------------------------------------


async def test_what_is_added_is_found_as_it_was(petitions: Petitions, clock: FakeClock) -> None:
    petition = Petition.file("petition-1", clock.now())
    petition.form = {"land.lot": {"$price": 3}}
    petition.letters = [Letter(text="…", received_on=clock.now().date(), received_at=clock.now())]
    await petitions.add(petition)
    found = await petitions.get("petition-1")
    assert found.model_dump() == petition.model_dump()
    assert found.state is State.OPEN
    assert found.letters[0].received_at.utcoffset() == timedelta(0)
    assert (found.v, found.seq) == (petition.v, petition.seq) == (1, 1)


async def test_a_second_add_of_an_id_changes_nothing(petitions: Petitions, filed: Petition, clock: FakeClock) -> None:
    other = Petition.file("petition-1", clock.now(), matter="dust")
    with pytest.raises(AlreadyThere):
        await petitions.add(other)
    assert [json.loads(e.data or "")["matter"] for e in await petitions.journal("petition-1")] == ["noise"]


async def test_what_is_not_there_is_told(petitions: Petitions, clock: FakeClock) -> None:
    assert await petitions.find("petition-1") is None
    for asked in (
        petitions.get("petition-1"),
        petitions.journal("petition-1"),
        petitions.change("petition-1", lambda _: None),
    ):
        with pytest.raises(NotFound, match="petition-1"):
            await asked


# -- change ------------------------------------------------------------------------------------------------


async def test_a_change_writes_state_and_events_together(
    petitions: Petitions, filed: Petition, clock: FakeClock
) -> None:
    changed = await petitions.change("petition-1", lambda p: p.answer("done", clock.now()))
    assert (changed.v, changed.seq, changed.answers) == (2, 2, ["done"])
    assert (await petitions.get("petition-1")).model_dump() == changed.model_dump()
    assert await _kernel(petitions) == {"v": 2, "seq": 2, "sent": 0, "pending": 2}


async def test_the_journal_is_kept_in_order_with_time_trace_and_digest(
    petitions: Petitions, filed: Petition, clock: FakeClock
) -> None:
    clock.forward(timedelta(hours=1))
    with telemetry.bind(TRACE):
        await petitions.change("petition-1", lambda p: p.answer("one", clock.now()))
    for _ in range(10):
        await petitions.change("petition-1", lambda p: p.answer("more", clock.now()))
    journal = await petitions.journal("petition-1")
    assert [entry.sequence for entry in journal] == list(range(1, 13)), "by number, not by text"
    assert [entry.type for entry in journal[:2]] == [PetitionFiled.type, PetitionAnswered.type]
    assert (journal[1].time, journal[1].trace, journal[1].topic) == (clock.now(), TRACE, "east.petitions")
    assert json.loads(journal[1].data or "") == {"petition": "petition-1", "text": "one"}
    assert len(journal[1].sha256) == 64


async def test_a_change_that_changes_nothing_writes_nothing(petitions: Petitions, filed: Petition) -> None:
    await petitions.change("petition-1", lambda _: None)
    assert await _kernel(petitions) == {"v": 1, "seq": 1, "sent": 0, "pending": 1}


async def test_a_refusal_writes_nothing(petitions: Petitions, filed: Petition, clock: FakeClock) -> None:
    def refuse(petition: Petition) -> None:
        petition.answer("half", clock.now())
        petition.answer_once("whole", clock.now())

    with pytest.raises(Conflict):
        await petitions.change("petition-1", refuse)
    assert (await petitions.get("petition-1")).answers == []
    assert await _kernel(petitions) == {"v": 1, "seq": 1, "sent": 0, "pending": 1}


async def test_writers_at_the_same_time_lose_nothing(petitions: Petitions, filed: Petition, clock: FakeClock) -> None:
    async def write(who: int) -> None:
        for n in range(5):
            await petitions.change("petition-1", lambda p, n=n: p.answer(f"{who}-{n}", clock.now()))  # type: ignore[misc]

    await asyncio.gather(*map(write, range(4)))
    petition = await petitions.get("petition-1")
    assert sorted(petition.answers) == sorted(f"{who}-{n}" for who in range(4) for n in range(5))
    texts = [json.loads(e.data or "")["text"] for e in (await petitions.journal("petition-1"))[1:]]
    assert texts == petition.answers, "events are in the order of the changes"
    assert await _kernel(petitions) == {"v": 21, "seq": 21, "sent": 0, "pending": 21}


async def test_of_two_who_answer_once_the_second_meets_the_rule(
    petitions: Petitions, filed: Petition, clock: FakeClock
) -> None:
    answers = (petitions.change("petition-1", lambda p, n=n: p.answer_once(n, clock.now())) for n in "ab")  # type: ignore[misc]
    results = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(result) for result in results] == [Petition, Conflict]
    assert (await petitions.get("petition-1")).answers == ["a"]


async def test_put_inserts_then_revises_then_changes_nothing(petitions: Petitions, clock: FakeClock) -> None:
    def wanted() -> Petition:
        return Petition.file("petition-3", clock.now())

    async def put(reminders: int, version: int | None = None) -> tuple[int, bool]:
        kept, changed = await petitions.put(wanted(), lambda p: setattr(p, "reminders", reminders), version=version)
        return kept.v, changed

    assert [await put(0), await put(2), await put(2), await put(3, 2)] == [(1, True), (2, True), (2, False), (3, True)]
    with pytest.raises(PreconditionFailed):
        await put(4, 2)


async def test_whoever_is_always_too_slow_is_told_in_the_end(
    petitions: Petitions, filed: Petition, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: Any, **__: Any) -> bool:
        return False

    monkeypatch.setattr(petitions.collection, "update", lost)
    monkeypatch.setattr("shared.store.repository.PAUSE_SECONDS", 0.0)
    with pytest.raises(Contention, match="petitions petition-1"):
        await petitions.change("petition-1", lambda p: p.answer("late", clock.now()))


async def test_another_version_than_the_caller_saw_is_refused(
    petitions: Petitions, filed: Petition, clock: FakeClock
) -> None:
    changed = await petitions.change("petition-1", lambda p: p.answer("a", clock.now()), version=1)
    with pytest.raises(PreconditionFailed):
        await petitions.change("petition-1", lambda p: p.answer("b", clock.now()), version=1)
    await petitions.change("petition-1", lambda p: p.answer("b", clock.now()), version=changed.v)
    assert (await petitions.get("petition-1")).answers == ["a", "b"]


async def test_a_version_that_is_overtaken_while_we_write_is_refused(
    petitions: Petitions, filed: Petition, clock: FakeClock
) -> None:
    changes = (petitions.change("petition-1", lambda p: p.answer("x", clock.now()), version=1) for _ in range(2))
    results = await asyncio.gather(*changes, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Petition", "PreconditionFailed"]


# -- what a process has just written itself ----------------------------------------------------------------


@pytest.fixture
def replica(database: MemoryDatabase) -> Petitions:
    """The same aggregates in another process."""
    return Repository(database, "petitions", Petition)


@pytest.fixture
def reads(petitions: Petitions, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that `petitions` reads from the store."""
    read, get = list[str](), petitions.collection.get

    async def noted(id_: str, **options: Any) -> Any:
        read.append(id_)
        return await get(id_, **options)

    monkeypatch.setattr(petitions.collection, "get", noted)
    return read


async def test_what_was_just_written_here_is_changed_without_reading_it_again(
    petitions: Petitions, filed: Petition, clock: FakeClock, reads: list[str]
) -> None:
    for n in "abc":
        changed = await petitions.change("petition-1", lambda p, n=n: p.answer(n, clock.now()))  # type: ignore[misc]
    assert reads == []
    assert (await petitions.get("petition-1")).model_dump() == changed.model_dump()
    assert await _kernel(petitions) == {"v": 4, "seq": 4, "sent": 0, "pending": 4}


async def test_what_another_process_wrote_meanwhile_is_not_lost(
    petitions: Petitions, filed: Petition, replica: Petitions, clock: FakeClock, reads: list[str]
) -> None:
    await replica.change("petition-1", lambda p: p.answer("theirs", clock.now()))
    changed = await petitions.change("petition-1", lambda p: p.answer("ours", clock.now()))
    assert (changed.answers, changed.v) == (["theirs", "ours"], 3)
    assert reads == ["petition-1"] * 2, "the other one, and ours when its own was overtaken"


async def test_an_event_that_another_process_applied_meanwhile_is_not_applied_again(
    petitions: Petitions, filed: Petition, replica: Petitions, clock: FakeClock
) -> None:
    for cause in (Cause(1), Cause(None, "a"), Cause(2), Cause(None, "b")):
        for repository in (replica, petitions, replica, petitions):
            await repository.change("petition-1", lambda p: p.answer("once", clock.now()), cause=cause)
    assert (await petitions.get("petition-1")).answers == ["once"] * 4


async def test_an_event_is_remembered_with_what_was_written(
    petitions: Petitions, clock: FakeClock, reads: list[str]
) -> None:
    await petitions.add(Petition.file("petition-1", clock.now()), cause=Cause(1))
    for cause in (Cause(1), Cause(2), Cause(2), Cause(None, "a"), Cause(None, "a"), Cause(1)):
        await petitions.change("petition-1", lambda p: p.answer("once", clock.now()), cause=cause)
    assert (await petitions.get("petition-1")).answers == ["once"] * 2


async def test_what_may_not_be_is_said_of_what_is_there_now(
    petitions: Petitions, filed: Petition, replica: Petitions, clock: FakeClock
) -> None:
    def reopen(petition: Petition) -> None:
        petition.state = State.OPEN

    await petitions.change("petition-1", lambda p: p.answer("ours", clock.now()))
    await replica.change("petition-1", reopen)
    await petitions.change("petition-1", lambda p: p.answer_once("again", clock.now()))
    assert (await petitions.get("petition-1")).answers == ["ours", "again"]


async def test_that_there_is_nothing_to_change_is_said_of_what_is_there_now(
    petitions: Petitions, filed: Petition, replica: Petitions
) -> None:
    def count(petition: Petition) -> None:
        petition.reminders = max(petition.reminders, 1)

    def forget(petition: Petition) -> None:
        petition.reminders = 0

    await petitions.change("petition-1", count)
    await replica.change("petition-1", forget)
    assert (await petitions.change("petition-1", count)).reminders == 1
    assert (await petitions.get("petition-1")).reminders == 1


async def test_a_write_of_which_nobody_knows_whether_it_was_done_is_looked_up(
    petitions: Petitions, filed: Petition, database: MemoryDatabase, clock: FakeClock
) -> None:
    update = petitions.collection.update

    async def done_and_not_told(*args: Any, **options: Any) -> bool:
        await update(*args, **options)
        raise Unavailable

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(petitions.collection, "update", done_and_not_told)
        with pytest.raises(Unavailable):
            await petitions.change("petition-1", lambda p: p.answer("a", clock.now()), cause=Cause(1))
    await petitions.change("petition-1", lambda p: p.answer("a", clock.now()), cause=Cause(1))
    assert (await petitions.get("petition-1")).answers == ["a"]


async def test_what_the_caller_does_with_what_he_got_changes_nothing_that_is_remembered(
    petitions: Petitions, clock: FakeClock
) -> None:
    petition = Petition.file("petition-1", clock.now())
    petition.form = {"plot": {"number": 1}}
    await petitions.add(petition)
    petition.form["plot"]["number"] = 2
    changed = await petitions.change("petition-1", lambda p: p.answer("a", clock.now()))
    changed.form["plot"]["number"] = 3
    changed.answers.append("never said")
    changed = await petitions.change("petition-1", lambda p: p.answer("b", clock.now()))
    assert (changed.form, changed.answers) == ({"plot": {"number": 1}}, ["a", "b"])
    assert (await petitions.get("petition-1")).model_dump() == changed.model_dump()


async def test_what_was_written_long_ago_is_read_again(
    petitions: Petitions, filed: Petition, clock: FakeClock, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.store.repository.WRITTEN_SECONDS", 0.0)
    await petitions.change("petition-1", lambda p: p.answer("a", clock.now()))
    assert reads == ["petition-1"]


async def test_what_is_large_is_read_again(
    petitions: Petitions, filed: Petition, clock: FakeClock, reads: list[str]
) -> None:
    await petitions.change("petition-1", lambda p: p.answer("x" * WRITTEN_SIZE, clock.now()))
    await petitions.change("petition-1", lambda p: p.answer("small", clock.now()))
    assert reads == ["petition-1"]


async def test_what_is_remembered_does_not_stay_for_ever(
    petitions: Petitions, filed: Petition, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(petitions._written) == 1
    monkeypatch.setattr("shared.store.repository.WRITTEN_SECONDS", 0.0)
    await petitions.add(Petition.file("petition-2", clock.now()))
    assert list(petitions._written) == ["petition-2"]


async def test_only_so_many_are_remembered(
    petitions: Petitions, clock: FakeClock, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.store.repository.WRITTEN_LIMIT", 2)
    for n in "abc":
        await petitions.add(Petition.file(n, clock.now()))
    for n in "cba":
        await petitions.change(n, lambda p: p.answer("x", clock.now()))
    assert reads == ["a"]


# -- telling -----------------------------------------------------------------------------------------------


async def test_each_write_is_told_to_relay_and_timers(database: MemoryDatabase, clock: FakeClock) -> None:
    told: list[int] = []
    petitions = Repository(database, "petitions", Petition, lambda p: told.append(p.v))
    await petitions.add(Petition.file("petition-1", clock.now()))
    await petitions.change("petition-1", lambda p: p.answer("a", clock.now()))
    await petitions.change("petition-1", lambda _: None)
    assert told == [1, 2]


# -- waking ------------------------------------------------------------------------------------------------


async def test_who_wants_to_be_woken_is_due_then_and_not_before(
    petitions: Petitions, filed: Petition, clock: FakeClock
) -> None:
    assert await petitions.due(clock.now() + timedelta(days=99)) == []
    when = clock.now() + timedelta(days=1)
    await petitions.change("petition-1", lambda p: p.remind_at(when))
    assert await petitions.due(when - timedelta(milliseconds=1)) == []
    assert await petitions.due(when) == ["petition-1"]


async def test_who_no_longer_wants_to_be_woken_leaves_the_index(
    petitions: Petitions, filed: Petition, clock: FakeClock
) -> None:
    await petitions.change("petition-1", lambda p: p.remind_at(clock.now()))
    await petitions.change("petition-1", lambda p: p.answer("done", clock.now()))
    assert await petitions.due(clock.now()) == []
    document = await petitions.collection.get("petition-1")
    assert "wake_at" not in (document or {"wake_at": "?"})


async def test_one_is_woken_once_for_each_time(petitions: Petitions, filed: Petition, clock: FakeClock) -> None:
    await petitions.change("petition-1", lambda p: p.remind_at(clock.now()))
    await asyncio.gather(*(petitions.wake("petition-1", clock.now()) for _ in range(4)))
    assert (await petitions.get("petition-1")).reminders == 1
    clock.forward(timedelta(days=7))
    await asyncio.gather(*(petitions.wake("petition-1", clock.now()) for _ in range(4)))
    assert (await petitions.get("petition-1")).reminders == 2


async def test_one_that_was_added_to_be_woken_is_due(petitions: Petitions, clock: FakeClock) -> None:
    petition = Petition.file("petition-1", clock.now())
    petition.remind_at(clock.now())
    await petitions.add(petition)
    assert await petitions.due(clock.now()) == ["petition-1"]


# -- personal entries --------------------------------------------------------------------------------------


async def test_a_personal_entry_names_the_day_when_it_is_to_be_forgotten(
    petitions: Petitions, filed: Petition, clock: FakeClock
) -> None:
    first = clock.now() + timedelta(days=1)
    await petitions.change("petition-1", lambda p: p.forward("…", first))
    await petitions.change("petition-1", lambda p: p.forward("…", first + timedelta(days=1)))
    document = await petitions.collection.get("petition-1")
    assert document is not None
    assert document["forget_at"] == first + PERSONAL_RETENTION, "the earliest"
    assert [entry.get("personal") for entry in document["journal"].values()] == [None, True, True]


async def test_a_petition_without_personal_entries_is_never_looked_at_again(
    petitions: Petitions, filed: Petition
) -> None:
    document = await petitions.collection.get("petition-1")
    assert "forget_at" not in (document or {"forget_at": "?"})
