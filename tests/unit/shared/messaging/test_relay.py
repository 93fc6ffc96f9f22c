"""Relay: journal entries go out in order, each at least once, under one stable id."""

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from shared.messaging.relay import Relay
from shared.store.collection import Unavailable
from shared.store.lease import TERM_SECONDS
from shared.store.memory import MemoryDatabase
from shared.store.repository import Repository
from shared.testing.clock import FakeClock
from shared.testing.waiting import eventually
from tests.petitions import Petition, PetitionFiled
from tests.unit.shared.messaging.conftest import FakeBroker, relay_over

Petitions = Repository[Petition]


async def _file(petitions: Petitions, clock: FakeClock, *ids: str, answers: int = 0) -> None:
    for id_ in ids:
        petition = Petition.file(id_, clock.now())
        for n in range(answers):
            petition.answer(f"{n}", clock.now())
        await petitions.add(petition)


async def _answer(petitions: Petitions, clock: FakeClock, id_: str, text: str = "yes") -> None:
    await petitions.change(id_, lambda p: p.answer(text, clock.now()))


async def _marks(petitions: Petitions, id_: str) -> tuple[int, int, int]:
    document = await petitions.collection.get(id_)
    assert document is not None
    return document["seq"], document["sent"], document["pending"]


# -- what goes out -----------------------------------------------------------------------------------------


async def test_an_entry_goes_out_with_its_envelope(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    await _file(petitions, clock, "petition-1")
    entry = (await petitions.journal("petition-1"))[0]
    assert await relay.sweep() == 1
    topic, key, headers, value = broker.taken[0]
    assert (topic, key) == ("east.petitions", "petition-1")
    assert headers == {
        "ce_specversion": "1.0",
        "ce_id": "petition-1:1",
        "ce_source": "/dalian/petitions",
        "ce_type": PetitionFiled.type,
        "ce_subject": "petition-1",
        "ce_time": "2026-03-02T09:00:00.000Z",
        "ce_sequence": "1",
        "traceparent": entry.trace,
        "content-type": "application/json",
    }
    assert json.loads(value) == {"petition": "petition-1", "matter": "noise"}


async def test_the_entries_of_each_petition_go_out_in_order(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    ids = [f"petition-{n}" for n in range(5)]
    await _file(petitions, clock, *ids, answers=11)
    assert await relay.sweep() == 60
    for id_ in ids:
        assert broker.ids(id_) == [f"{id_}:{n}" for n in range(1, 13)]


async def test_petitions_go_out_beside_each_other(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    await _file(petitions, clock, "petition-1", "petition-2", answers=1)
    await relay.sweep()
    assert broker.ids() == ["petition-1:1", "petition-2:1", "petition-1:2", "petition-2:2"]


async def test_what_is_confirmed_is_marked_and_goes_out_once(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    await _file(petitions, clock, "petition-1", answers=2)
    assert [await relay.sweep() for _ in range(3)] == [3, 0, 0]
    assert await _marks(petitions, "petition-1") == (3, 3, 0)
    assert await petitions.collection.find({"pending": {"$gt": 0}}) == []
    await _answer(petitions, clock, "petition-1")
    assert await relay.sweep() == 1
    assert broker.ids() == [f"petition-1:{n}" for n in (1, 2, 3, 4)]


async def test_marking_does_not_stand_in_a_writers_way(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    await _file(petitions, clock, "petition-1")
    seen = await petitions.get("petition-1")
    await relay.sweep()
    await petitions.change("petition-1", lambda p: p.answer("yes", clock.now()), version=seen.v)


async def test_a_petition_that_moved_on_meanwhile_is_finished_by_the_next_round(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    broker.waiting["petition-1"] = asyncio.Event()
    await _file(petitions, clock, "petition-1")
    assert await relay.sweep() == 0
    await _answer(petitions, clock, "petition-1")
    broker.waiting["petition-1"].set()
    await eventually(relay.sweep, within=2.0, every=0.001)
    assert await _marks(petitions, "petition-1") == (2, 1, 2)
    assert await relay.sweep() == 1
    assert await _marks(petitions, "petition-1") == (2, 2, 0)
    assert broker.ids() == ["petition-1:1", "petition-1:2"]


# -- what can go wrong -------------------------------------------------------------------------------------


async def test_one_refused_petition_holds_up_no_other(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    broker.refused = {"petition-2"}
    await _file(petitions, clock, "petition-1", "petition-2", "petition-3", answers=1)
    assert await relay.sweep() == 4
    assert (await _marks(petitions, "petition-2"))[1:] == (0, 2)
    broker.refused.clear()
    assert await relay.sweep() == 2
    assert broker.ids("petition-2") == ["petition-2:1", "petition-2:2"]


async def test_a_petition_that_is_refused_in_the_middle_goes_on_from_there(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    await _file(petitions, clock, "petition-1")
    await relay.sweep()

    def answer_twice(petition: Petition) -> None:
        petition.answer("a", clock.now())
        petition.answer("b", clock.now())

    await petitions.change("petition-1", answer_twice)
    broker.unconfirmed = {"petition-1"}
    await relay.sweep()
    assert (await _marks(petitions, "petition-1"))[1] == 1
    broker.unconfirmed.clear()
    await relay.sweep()
    assert broker.ids() == [f"petition-1:{n}" for n in (1, 2, 2, 3)], "unknown outcome: again, under the same id"


async def test_a_petition_that_hangs_holds_up_no_other_and_is_not_sent_twice(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    broker.waiting["petition-1"] = asyncio.Event()
    await _file(petitions, clock, "petition-1", "petition-2")
    assert await relay.sweep() == 1
    await _file(petitions, clock, "petition-3")
    assert await relay.sweep() == 1
    broker.waiting["petition-1"].set()
    assert await eventually(relay.sweep, within=2.0, every=0.001) == 1, "what landed between two rounds counts"
    assert sorted(broker.ids()) == ["petition-1:1", "petition-2:1", "petition-3:1"]
    assert await relay.sweep() == 0


async def test_many_refused_petitions_do_not_crowd_the_others_out(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.relay.BATCH", 3)
    monkeypatch.setattr("shared.messaging.relay.REST_SECONDS", 60.0)
    refused = [f"petition-{n}" for n in range(7)]
    broker.refused = set(refused)
    await _file(petitions, clock, *refused, "petition-8")
    for _ in range(4):
        await relay.sweep()
    assert broker.ids() == ["petition-8:1"]


async def test_petitions_that_fail_together_are_not_tried_together_for_ever(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.relay.REST_SECONDS", 0.02)
    broker.in_batches, broker.refused = True, {"petition-1"}
    ids = [f"petition-{n}" for n in range(1, 9)]
    await _file(petitions, clock, *ids)

    async def others_are_out() -> bool:
        await relay.sweep()
        return set(broker.ids()) == {f"{id_}:1" for id_ in ids[1:]}

    await eventually(others_are_out, within=5.0, every=0.002)


async def test_what_failed_together_goes_alone_from_then_on(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    broker.in_batches, broker.refused = True, {"petition-1"}
    ids = [f"petition-{n}" for n in range(1, 9)]
    await _file(petitions, clock, *ids)
    assert await relay.sweep() == 0
    assert sum([await relay.sweep() for _ in ids]) == len(ids) - 1, "they come again at the same time"


async def test_what_hangs_does_not_keep_the_producer_from_being_built_anew(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a refused record aiokafka's producer is stuck on its partition: what came behind it never lands."""
    monkeypatch.setattr("shared.messaging.relay.DRAIN_SECONDS", 0.01)
    broker.waiting["petition-1"], broker.refused = asyncio.Event(), {"petition-2"}
    await _file(petitions, clock, "petition-1", "petition-2")
    await relay.sweep()
    await _file(petitions, clock, "petition-3")
    assert await relay.sweep() == 1
    assert broker.rebuilt == 1


async def test_a_document_that_fails_again_and_again_is_left_in_peace_for_longer(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.relay.REST_SECONDS", 0.01)
    monkeypatch.setattr("shared.messaging.relay.LONGEST_REST_SECONDS", 60.0)
    broker.refused = {"petition-1"}
    await _file(petitions, clock, "petition-1")
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        await relay.sweep()
        await asyncio.sleep(0.001)
    assert 3 <= broker.rebuilt <= 7


async def test_after_a_failure_the_producer_is_built_anew_before_anything_else_is_sent(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock
) -> None:
    broker.refused = {"petition-1"}
    await _file(petitions, clock, "petition-1")
    await relay.sweep()
    assert broker.rebuilt == 0
    broker.refused.clear()
    await relay.sweep()
    assert (broker.rebuilt, broker.ids()) == (1, ["petition-1:1"])
    await relay.sweep()
    assert broker.rebuilt == 1, "once"


async def test_while_the_broker_is_away_everything_waits_and_then_goes_out_at_once(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.relay.REST_SECONDS", 60.0)
    broker.away = True
    await _file(petitions, clock, "petition-1", answers=1)
    assert [await relay.sweep() for _ in range(2)] == [0, 0]
    await _file(petitions, clock, "petition-2", answers=1)
    assert await relay.sweep() == 0
    broker.away = False
    assert await relay.sweep() == 4
    assert broker.ids("petition-2") == ["petition-2:1", "petition-2:2"]


async def test_a_crash_between_confirmation_and_mark_repeats_the_same_ids(
    relay: Relay, petitions: Petitions, broker: FakeBroker, database: MemoryDatabase, clock: FakeClock
) -> None:
    await _file(petitions, clock, "petition-1", answers=1)
    gone_down = asyncio.Event()
    broker.waiting["petition-1"] = gone_down

    async def crash() -> None:
        database.down = True
        gone_down.set()

    _, outcome = await asyncio.gather(crash_soon(crash), relay.sweep(), return_exceptions=True)
    assert isinstance(outcome, Unavailable)
    database.down = False
    await relay.sweep()
    assert broker.ids() == [f"petition-1:{n}" for n in (1, 2, 1, 2)]
    assert await _marks(petitions, "petition-1") == (2, 2, 0)


async def crash_soon(crash: Any) -> None:
    """Let the relay read first."""
    for _ in range(4):
        await asyncio.sleep(0)
    await crash()


# -- running -----------------------------------------------------------------------------------------------


async def test_a_write_is_published_at_once_and_one_that_nobody_told_of_within_the_sweep(
    database: MemoryDatabase, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process was killed between the write and the telling."""
    monkeypatch.setattr("shared.messaging.relay.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("shared.messaging.relay.SWEEP_SECONDS", 0.3)
    elsewhere = Repository(database, "petitions", Petition)
    here: Petitions = Repository(database, "petitions", Petition, lambda _: relay.nudge("petitions"))
    relay = relay_over(here, broker, database, clock)
    running = asyncio.create_task(relay.run())
    await asyncio.sleep(0.01)
    await _file(here, clock, "petition-1")
    await eventually(lambda: _taken(broker, 1), within=0.1, every=0.001)
    await _file(elsewhere, clock, "petition-2")
    assert not await _taken(broker, 2)
    await eventually(lambda: _taken(broker, 2), within=2.0, every=0.01)
    running.cancel()


async def test_what_is_written_soon_after_one_another_goes_together(
    database: MemoryDatabase, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.relay.SWEEP_SECONDS", 60.0)
    monkeypatch.setattr("shared.messaging.relay.PACE_SECONDS", 0.1)
    petitions: Petitions = Repository(database, "petitions", Petition, lambda _: relay.nudge("petitions"))
    find, looks = petitions.collection.find, list[int]()

    async def counted(*of: Any, **options: Any) -> Any:
        looks.append(len(found := await find(*of, **options)))
        return found

    monkeypatch.setattr(petitions.collection, "find", counted)
    relay = relay_over(petitions, broker, database, clock)
    running = asyncio.create_task(relay.run())
    await eventually(lambda: _looked(looks, 1), within=2.0, every=0.001)
    for n in range(10):
        await _file(petitions, clock, f"petition-{n}")
        await asyncio.sleep(0.001)
    await eventually(lambda: _taken(broker, 10), within=2.0, every=0.001)
    assert (len(looks), sum(looks)) == (2, 10)
    running.cancel()


async def _looked(looks: list[int], times: int) -> bool:
    return len(looks) >= times


async def test_what_lands_late_is_marked_at_once(
    database: MemoryDatabase, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.relay.SWEEP_SECONDS", 60.0)
    monkeypatch.setattr("shared.messaging.relay.CARRY_SECONDS", 0.01)
    broker.waiting["petition-1"] = asyncio.Event()
    petitions: Petitions = Repository(database, "petitions", Petition)
    await _file(petitions, clock, "petition-1")
    running = asyncio.create_task(relay_over(petitions, broker, database, clock).run())
    await asyncio.sleep(0.05)
    broker.waiting["petition-1"].set()

    async def marked() -> bool:
        return await _marks(petitions, "petition-1") == (1, 1, 0)

    await eventually(marked, within=2.0, every=0.005)
    running.cancel()


async def _taken(broker: FakeBroker, count: int) -> bool:
    return len(broker.taken) >= count


async def test_of_two_relays_the_holder_publishes_and_the_other_takes_over(
    relay: Relay,
    petitions: Petitions,
    broker: FakeBroker,
    database: MemoryDatabase,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed = [0.0]
    monkeypatch.setattr("shared.store.lease.time", SimpleNamespace(monotonic=lambda: passed[0]))
    other_broker = FakeBroker()
    other = relay_over(petitions, other_broker, database, clock, "two")
    first = asyncio.create_task(relay.run())
    await eventually(lambda: database.collection("leases").count({"holder": "one"}), within=2.0, every=0.001)
    second = asyncio.create_task(other.run())
    await _file(petitions, clock, "petition-1")
    await eventually(lambda: _taken(broker, 1), within=2.0, every=0.005)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await _file(petitions, clock, "petition-2")
    assert not await _taken(other_broker, 1), "killed: the lease runs on"
    passed[0] += TERM_SECONDS
    await eventually(lambda: _taken(other_broker, 1), within=2.0, every=0.005)
    second.cancel()
    assert (broker.ids(), other_broker.ids()) == (["petition-1:1"], ["petition-2:1"])


async def test_a_relay_whose_term_is_over_sends_no_further_entry(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was held up: somebody else may be sending these entries by now."""
    passed = [0.0]
    monkeypatch.setattr("shared.store.lease.time", SimpleNamespace(monotonic=lambda: passed[0]))
    broker.waiting["petition-1"] = asyncio.Event()
    await _file(petitions, clock, "petition-1", answers=2)
    assert await relay._lease.hold()
    assert await relay.sweep() == 0, "its first entry is on its way"
    passed[0] += TERM_SECONDS
    broker.waiting["petition-1"].set()
    await eventually(lambda: _taken(broker, 1), within=2.0, every=0.005)
    assert await relay.sweep() == 1
    assert broker.ids() == ["petition-1:1"]
    assert await _marks(petitions, "petition-1") == (3, 1, 3)
    assert await relay._lease.hold()
    assert await relay.sweep() == 2
    assert await _marks(petitions, "petition-1") == (3, 3, 0)


async def test_a_relay_that_is_stopped_leaves_nothing_and_makes_room_at_once(
    relay: Relay, petitions: Petitions, broker: FakeBroker, database: MemoryDatabase, clock: FakeClock
) -> None:
    await _file(petitions, clock, "petition-1")
    await relay.stop()
    assert broker.ids() == ["petition-1:1"]
    assert await _marks(petitions, "petition-1") == (1, 1, 0)
    assert await relay_over(petitions, broker, database, clock, "two")._lease.hold()


async def test_a_relay_without_the_lease_publishes_nothing_when_it_is_stopped(
    relay: Relay, petitions: Petitions, broker: FakeBroker, database: MemoryDatabase, clock: FakeClock
) -> None:
    assert await relay_over(petitions, broker, database, clock, "two")._lease.hold()
    await _file(petitions, clock, "petition-1")
    await relay.stop()
    assert broker.ids() == []


async def test_a_store_that_comes_and_goes_does_not_end_the_relay(
    relay: Relay, petitions: Petitions, broker: FakeBroker, database: MemoryDatabase, clock: FakeClock
) -> None:
    await _file(petitions, clock, "petition-1")
    database.down = True
    running = asyncio.create_task(relay.run())
    await asyncio.sleep(0.02)
    assert broker.ids() == []
    database.down = False
    await eventually(lambda: _taken(broker, 1), within=2.0, every=0.005)
    running.cancel()


async def test_of_a_long_backlog_the_ids_are_read_once(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.relay.BATCH", 3)
    find, looked = petitions.collection.find, list[Any]()

    async def noted(filter_: Any, **how: Any) -> Any:
        looked.append(filter_)
        return await find(filter_, **how)

    monkeypatch.setattr(petitions.collection, "find", noted)
    await _file(petitions, clock, *(f"petition-{n}" for n in range(11)))
    assert [await relay.sweep() for _ in range(4)] == [3, 3, 3, 2]
    assert looked.count({"pending": {"$gt": 0}}) == 2, "the first batch, and the ids of the rest"
    assert sorted(broker.ids()) == sorted(f"petition-{n}:1" for n in range(11))
    await _answer(petitions, clock, "petition-4")
    assert [await relay.sweep() for _ in range(2)] == [1, 0]


async def test_a_mark_that_comes_late_hides_nothing(
    relay: Relay, petitions: Petitions, broker: FakeBroker, clock: FakeClock, database: MemoryDatabase
) -> None:
    await _file(petitions, clock, "petition-1")
    broker.waiting["petition-1"] = asyncio.Event()
    assert await relay.sweep() == 0
    await _answer(petitions, clock, "petition-1")
    await relay_over(petitions, FakeBroker(), database, clock).sweep()  # a rival sends both
    await _answer(petitions, clock, "petition-1")
    broker.waiting["petition-1"].set()
    await eventually(relay.sweep, within=2.0, every=0.001)
    assert (await _marks(petitions, "petition-1"))[:2] == (3, 2), "not put back"
    assert (await _marks(petitions, "petition-1"))[2] > 0, "and the third is still to be sent"
