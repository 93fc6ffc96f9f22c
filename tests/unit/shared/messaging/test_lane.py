"""Lane: one key in order, the keys beside each other; what cannot be handled parks its key and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError
from prometheus_client import CollectorRegistry

from shared import telemetry
from shared.contracts.registry import EventModel
from shared.messaging.envelope import VALUE_LIMIT, Event, Record
from shared.messaging.handling import Handling
from shared.messaging.lane import UNCOMMITTED_LIMIT, Lane
from shared.messaging.metrics import LaneMetrics
from shared.messaging.parked import STORED_LIMIT, Parked
from shared.store.memory import MemoryDatabase
from shared.store.repository import Contention
from shared.testing.waiting import eventually
from tests.petitions import OfficeListed, PetitionAnswered, PetitionFiled

TOPIC = "east.petitions"
OUT = "hrss.petitions"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass
class Office:
    """Handles petitions, and writes down what it did."""

    done: list[str] = field(default_factory=list)
    refuse: dict[str, BaseException] = field(default_factory=dict)
    slow: dict[str, asyncio.Event] = field(default_factory=dict)
    traces: list[str] = field(default_factory=list)
    busy: int = 0
    busiest: int = 0

    async def take(self, event: Event[PetitionAnswered]) -> None:
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        await asyncio.sleep(0)
        if event.id in self.slow:
            await self.slow[event.id].wait()
        self.busy -= 1
        self.traces.append(telemetry.current())
        if event.id in self.refuse:
            raise self.refuse[event.id]
        self.done.append(event.id)


class Journal:
    """Writes records as they would lie on a topic."""

    def __init__(self) -> None:
        self._offsets: Iterator[int] = iter(range(1000))

    def record(
        self,
        id_: str,
        event: EventModel | None = None,
        *,
        topic: str = TOPIC,
        value: bytes | str | None = "",
        key: bytes | str | None = "",
        without: tuple[str, ...] = (),
        **changed: bytes | None,
    ) -> Record:
        subject, _, sequence = id_.partition(":")
        event = event or PetitionAnswered(petition=subject, text="yes")
        headers: dict[str, bytes | None] = {
            "ce_specversion": b"1.0",
            "ce_id": id_.encode(),
            "ce_source": b"/dalian/east",
            "ce_type": event.type.encode(),
            "ce_subject": subject.encode(),
            "ce_sequence": sequence.encode(),
            "traceparent": TRACE.encode(),
        }
        return Record(
            topic=topic,
            partition=0,
            offset=next(self._offsets),
            key=subject.encode() if isinstance(key, str) else key,
            headers=[(name, raw) for name, raw in (headers | changed).items() if name not in without],
            value=event.model_dump_json().encode() if isinstance(value, str) else value,
        )


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def write() -> Callable[..., Record]:
    return Journal().record


@pytest.fixture
def lane(office: Office, parked: Parked) -> Lane:
    return Lane("petitions.main", lambda: [OUT, TOPIC], {PetitionAnswered: office.take}, parked, pause=0)


@pytest.fixture
def replica(office: Office, parked: Parked) -> Lane:
    """The same group in another process."""
    return Lane("petitions.main", lambda: [OUT, TOPIC], {PetitionAnswered: office.take}, parked, pause=0)


async def _reasons(parked: Parked) -> dict[str, list[str]]:
    return {key.key: [r.reason for r in await parked.show(key.topic, key.key)] for key in await parked.keys()}


# -- order -------------------------------------------------------------------------------------------------


async def test_the_events_of_one_key_are_handled_in_order_and_the_keys_beside_each_other(
    lane: Lane, office: Office, write: Callable[..., Record]
) -> None:
    office.slow["a:1"] = asyncio.Event()
    batch = asyncio.create_task(lane.handle([write(id_) for id_ in ("a:1", "b:1", "a:2", "b:2", "a:3")]))
    for _ in range(10):
        await asyncio.sleep(0)
    assert office.done == ["b:1", "b:2"], "a waits for its first, b does not"
    office.slow["a:1"].set()
    await batch
    assert office.done == ["b:1", "b:2", "a:1", "a:2", "a:3"]


async def test_not_more_than_sixty_four_keys_are_handled_at_once(
    lane: Lane, office: Office, write: Callable[..., Record]
) -> None:
    await lane.handle([write("the lane has looked which keys stand still:1")])
    await lane.handle([write(f"k{n}:1") for n in range(100)])
    assert (office.busiest, len(office.done)) == (64, 101)


async def test_one_key_on_two_topics_is_two_keys(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    office.refuse["a:1"], office.slow["a:1"] = ValueError("no"), asyncio.Event()
    batch = asyncio.create_task(lane.handle([write("a:1"), write("a:2", topic=OUT)]))
    for _ in range(10):
        await asyncio.sleep(0)
    assert office.done == ["a:2"], "it does not wait for the other topic"
    office.slow["a:1"].set()
    await batch
    assert await _reasons(parked) == {"a": ["failed"]}


async def test_a_type_that_nobody_handles_is_skipped(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    filed = PetitionFiled(petition="a", matter="noise")
    await lane.handle([write("a:1", filed), write("a:2", filed, value=b"not json"), write("a:3")])
    assert (office.done, await parked.count()) == (["a:3"], 0)


async def test_a_handler_works_in_the_trace_of_its_event(
    lane: Lane, office: Office, write: Callable[..., Record]
) -> None:
    await lane.handle([write("a:1"), write("b:1", traceparent=b"garbage")])
    assert office.traces[0] == TRACE
    assert office.traces[1].startswith("00-")


async def test_who_worked_at_an_event_takes_nothing_of_it_to_the_next(
    parked: Parked, write: Callable[..., Record]
) -> None:
    telemetry.begin(TRACE, lambda: {"event_id": "another"})
    handling = Handling({}, parked, LaneMetrics(CollectorRegistry()))
    assert await handling.tried(write("a:1", PetitionFiled(petition="a", matter="noise"))) is None
    assert (telemetry.bound(), telemetry.about()) == (None, {})


# -- what cannot be handled --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        ({"value": b"not json"}, "wrong-shape"),
        ({"value": b'{"petition": 3}'}, "wrong-shape"),
        ({"value": None}, "no-value"),
        ({"value": b"x" * (VALUE_LIMIT + 1)}, "too-large"),
        ({"value": b"x" * 10_000_000}, "too-large"),
        ({"without": ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject")}, "no-envelope"),
        ({"ce_type": None}, "no-envelope"),
        ({"ce_type": PetitionAnswered.type.replace(".v1", ".v2").encode()}, "unknown-version"),
        ({"ce_source": b"\xff"}, "bad-header"),
        ({"topic": "petitions.offices"}, "wrong-topic"),
        ({"ce_subject": b"other"}, "key-differs"),
        ({"ce_sequence": b"9" * 5000}, "bad-sequence"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_poison_record_parks_its_key_with_the_reason_and_the_neighbours_go_on(
    lane: Lane,
    office: Office,
    parked: Parked,
    write: Callable[..., Record],
    poison: dict[str, Any],
    reason: str,
) -> None:
    bad = write("bad:1", **poison)
    await lane.handle([write("a:1"), bad, write("a:2"), write("b:1")])
    assert sorted(office.done) == ["a:1", "a:2", "b:1"]
    shown = await parked.show(bad.topic, "bad", values=True)
    assert [(r.reason, r.offset, r.attempts) for r in shown] == [(reason, bad.offset, 1)]
    assert await parked.records(bad.topic, "bad") == [bad], "byte for byte"


async def test_a_place_on_the_topic_of_another_broker_is_another_place(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    """A broker that lost its data counts from the beginning again: what was parked there before is not this record."""
    old = write("old:1", value=b"{")
    new = replace(write("new:1", value=b"{"), offset=old.offset)
    await lane.handle([old])
    await parked.drop(TOPIC, "old", by="operator")
    await lane.handle([new, write("new:2")])
    await lane.handle([new])
    assert await _reasons(parked) == {"new": ["wrong-shape", "behind"]}
    assert office.done == []


async def test_a_record_without_a_key_parks_alone(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    await lane.handle([write("a:1", key=None), write("a:2", key=b""), write("a:3")])
    assert await _reasons(parked) == {"@0/0": ["key-differs"], "@0/1": ["key-differs"]}
    assert office.done == ["a:3"]


async def test_a_handler_that_fails_parks_the_key_with_its_traceback(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    office.refuse["a:1"] = ZeroDivisionError("by zero")
    await lane.handle([write("a:1"), write("b:1")])
    (shown,) = await parked.show(TOPIC, "a")
    assert (shown.reason, shown.error, shown.type) == ("failed", "ZeroDivisionError: by zero", PetitionAnswered.type)
    assert "in take" in shown.traceback
    assert office.done == ["b:1"]


async def test_later_records_of_a_parked_key_join_it_and_other_keys_do_not(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    office.refuse["a:2"] = ValueError("no")
    await lane.handle([write("a:1"), write("a:2"), write("a:3")])
    office.refuse.clear()
    await lane.handle([write("b:1"), write("a:4")])
    assert office.done == ["a:1", "b:1"]
    assert await _reasons(parked) == {"a": ["failed", "behind", "behind"]}


async def test_what_does_not_concern_us_does_not_join_a_parked_key(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    office.refuse["a:1"] = ValueError("no")
    filed = PetitionFiled(petition="a", matter="noise")
    await lane.handle([write("a:1"), write("a:2", filed), write("a:3", without=("ce_type",))])
    assert await _reasons(parked) == {"a": ["failed", "behind"]}


async def test_a_key_that_another_replica_parked_is_parked_here_too(
    lane: Lane, replica: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    await replica.handle([write("b:1")])
    office.refuse["a:1"] = ValueError("no")
    await lane.handle([write("a:1")])
    office.refuse.clear()
    await replica.on_partitions_assigned({_partition()})
    await replica.handle([write("a:2")])
    assert await _reasons(parked) == {"a": ["failed", "behind"]}


def _partition() -> Any:
    return type("Partition", (), {"topic": TOPIC, "partition": 0})()


async def test_parking_again_after_a_crash_before_the_commit_changes_nothing(
    lane: Lane, replica: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    office.refuse["a:1"] = ValueError("no")
    batch = [write("a:1"), write("a:2"), write("b:1")]
    await lane.handle(batch)
    await replica.handle(batch)
    assert await _reasons(parked) == {"a": ["failed", "behind"]}
    assert office.done == ["b:1", "b:1"], "b is the handler's own to ignore"


# -- when our own infrastructure is away -------------------------------------------------------------------


@asynccontextmanager
async def _handling(lane: Lane, *records: Record) -> AsyncIterator[asyncio.Task[None]]:
    """A batch that is being handled, and has to be held."""
    batch = asyncio.create_task(lane.handle(records))
    await eventually(lambda: _holds(lane), every=0.001)
    yield batch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.messaging.lane.FINISH_SECONDS", 0)
        await lane.stop()


async def _holds(lane: Lane) -> bool:
    return lane.held is not None


async def test_while_the_store_is_away_the_batch_is_held_and_nothing_is_parked(
    lane: Lane, office: Office, parked: Parked, database: MemoryDatabase, write: Callable[..., Record]
) -> None:
    database.down = True
    async with _handling(lane, write("a:1"), write("b:1")) as batch:
        assert "Unavailable" in (lane.held or "")
        database.down = False
        await batch
    assert (lane.held, sorted(office.done), await parked.count()) == (None, ["a:1", "b:1"], 0)


@pytest.mark.parametrize(
    "error",
    [
        *(ConnectionError(), TimeoutError(), Contention("petition-1")),
        asyncio.CancelledError(),  # somebody was ended for whom it waited too
    ],
    ids=repr,
)
async def test_a_key_that_meets_an_outage_waits_and_the_others_go_on(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record], error: BaseException
) -> None:
    office.refuse["a:1"] = error
    async with _handling(lane, write("a:1"), write("a:2"), write("b:1")) as batch:
        await eventually(lambda: _did(office, "b:1"), every=0.001)
        assert (office.done, await parked.count()) == (["b:1"], 0)
        office.refuse.clear()
        await batch
    assert office.done == ["b:1", "a:1", "a:2"]


async def _did(office: Office, *events: str) -> bool:
    return set(events) <= set(office.done)


async def test_a_record_that_cannot_even_be_parked_is_held(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbidden(*_: Any) -> None:
        raise PermissionError("not authorized on parked")

    office.refuse["a:1"] = ValueError("no")
    monkeypatch.setattr(parked, "park", forbidden)
    async with _handling(lane, write("a:1")):
        assert "PermissionError" in (lane.held or "")


async def test_nothing_is_let_go_when_it_is_not_known_which_keys_stand_still(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbidden(*_: Any) -> None:
        raise PermissionError("not authorized on parked")

    monkeypatch.setattr(parked, "locks", forbidden)
    async with _handling(lane, write("a:1")):
        assert office.done == []


# -- batches that overlap ------------------------------------------------------------------------------------


@dataclass
class Group:
    """A consumer that writes down what is committed of its partitions."""

    ours: set[TopicPartition] = field(default_factory=lambda: {TopicPartition(TOPIC, 0)})
    commits: list[int] = field(default_factory=list)
    away: Exception | None = None

    def assignment(self) -> set[TopicPartition]:
        return self.ours

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        if self.away is not None:
            raise self.away
        self.commits += offsets.values()


async def _committed(group: Group, upto: int) -> bool:
    return group.commits[-1:] == [upto]


def _batch(group: Group, *records: Record) -> Any:
    return SimpleNamespace(raw_message=records, consumer=group)


async def test_a_slow_key_holds_up_no_other_and_nothing_is_committed_before_it(
    lane: Lane, office: Office, write: Callable[..., Record]
) -> None:
    group = Group()
    office.slow["a:1"] = asyncio.Event()
    await lane._consume(_batch(group, write("a:1"), write("b:1")))
    await lane._consume(_batch(group, write("b:2"), write("a:2"), write("c:1")))
    await eventually(lambda: _did(office, "b:1", "b:2", "c:1"), every=0.001)
    assert (office.done, group.commits) == (["b:1", "c:1", "b:2"], []) or office.done == ["b:1", "b:2", "c:1"]
    office.slow["a:1"].set()
    await eventually(lambda: _committed(group, 5), every=0.001)
    assert office.done[3:] == ["a:1", "a:2"]
    assert group.commits in ([2, 5], [5])


async def test_batches_that_are_done_soon_after_one_another_are_committed_together(
    lane: Lane, write: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.lane.COMMIT_SECONDS", 0.1)
    group = Group()
    settling = [lane._begin([write("a:1")], group)]
    await eventually(lambda: _committed(group, 1), every=0.001)  # the first after a quiet moment: at once
    for n in range(2, 10):
        settling.append(lane._begin([write(f"a:{n}")], group))
        await asyncio.sleep(0.001)
    await asyncio.wait_for(asyncio.gather(*settling), 2.0)
    assert group.commits == [1, 9]


async def test_what_is_handled_is_committed_before_the_lane_follows_a_longer_list(
    lane: Lane, office: Office, write: Callable[..., Record]
) -> None:
    """With another subscription nothing is ours until it is given to us anew: what waited came again."""
    group = Group()

    async def topics() -> set[str]:
        return {OUT, TOPIC}

    def subscribe(**_: Any) -> None:
        group.ours = set()

    consumer = SimpleNamespace(topics=topics, subscribe=subscribe, assignment=group.assignment, commit=group.commit)
    lane._subscriber, lane._committed = SimpleNamespace(consumer=consumer), time.monotonic()
    settling = lane._begin([write("a:1")], consumer)
    await eventually(lambda: _did(office, "a:1"), every=0.001)
    await lane.follow()
    await settling
    assert (group.commits, group.ours) == ([1], set())


async def test_the_next_batch_waits_while_too_many_keys_are_under_way(
    lane: Lane, office: Office, write: Callable[..., Record]
) -> None:
    keys = [f"k{n}:1" for n in range(40)]
    office.slow = {key: asyncio.Event() for key in keys}
    taking = asyncio.create_task(lane._consume(_batch(Group(), *map(write, keys))))
    await eventually(lambda: _busy(office, 40), every=0.001)
    assert not taking.done()
    for key in keys[:8]:
        office.slow[key].set()
    await asyncio.wait_for(taking, 5)
    for key in keys[8:]:
        office.slow[key].set()
    await lane.stop()


async def test_the_next_batch_waits_while_one_key_has_very_many_records(
    lane: Lane, office: Office, write: Callable[..., Record]
) -> None:
    office.slow["a:1"] = asyncio.Event()
    second = write("a:2")
    records = [write("a:1"), *(replace(second, offset=n) for n in range(1, 1001))]
    taking = asyncio.create_task(lane._consume(_batch(Group(), *records)))
    await eventually(lambda: _busy(office, 1), every=0.001)
    assert not taking.done()
    office.slow["a:1"].set()
    await asyncio.wait_for(taking, 5)
    await lane.stop()


async def test_what_is_not_ours_any_more_is_not_committed_and_a_failing_commit_is_counted(
    lane: Lane, office: Office, write: Callable[..., Record]
) -> None:
    group = Group(away=CommitFailedError("the group has gone on"))
    for n in range(UNCOMMITTED_LIMIT):
        await lane._consume(_batch(group, write(f"k{n}:1")))
        await lane._finished(5)
    lane._subscriber = SimpleNamespace(consumer=group)
    assert lane.stuck() == f"{UNCOMMITTED_LIMIT} batches could not be committed"
    group.away, group.ours = None, set()
    await lane._consume(_batch(group, write("a:1")))
    await lane._finished(5)
    assert (group.commits, lane.stuck()) == ([], None)


async def test_a_lane_that_stops_finishes_what_is_under_way_and_begins_nothing_more(
    lane: Lane, office: Office, write: Callable[..., Record]
) -> None:
    group = Group()
    office.slow["a:1"] = asyncio.Event()
    await lane._consume(_batch(group, write("a:1")))
    stopping = asyncio.create_task(lane.stop())
    await asyncio.sleep(0)
    await lane._consume(_batch(group, write("b:1")))
    office.slow["a:1"].set()
    await stopping
    assert (office.done, group.commits) == (["a:1"], [1])


async def test_a_lane_that_stops_gives_up_what_does_not_end(
    lane: Lane, office: Office, write: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.lane.FINISH_SECONDS", 0.01)
    group = Group()
    office.slow["a:1"] = asyncio.Event()
    await lane._consume(_batch(group, write("a:1"), write("a:2")))
    await lane._consume(_batch(group, write("a:3"), write("b:1")))
    await lane.stop()
    assert (office.done, group.commits, lane.behind_seconds()) == (["b:1"], [], 0.0)


async def test_a_released_key_has_its_turn_behind_what_is_under_way(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    office.refuse["a:1"] = ValueError("no")
    await lane.handle([write("a:1")])
    office.refuse.clear()
    office.slow["a:1"] = asyncio.Event()
    await parked.release(TOPIC, "a")
    releasing = asyncio.create_task(lane.release_due())
    await eventually(lambda: _busy(office, 1), every=0.001)
    behind = asyncio.create_task(lane.handle([write("a:2"), write("b:1")]))
    await eventually(lambda: _did(office, "b:1"), every=0.001)
    office.slow["a:1"].set()
    assert await releasing == 1
    await behind
    assert office.done == ["b:1", "a:1", "a:2"]


async def test_partitions_taken_away_in_the_middle_of_a_batch_break_nothing(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    office.refuse["a:2"] = ValueError("no")
    office.slow["a:1"] = asyncio.Event()
    batch = asyncio.create_task(lane.handle([write("a:1"), write("a:2"), write("a:3")]))
    await asyncio.sleep(0.001)
    await lane.on_partitions_assigned({_partition()})
    office.slow["a:1"].set()
    await batch
    assert await _reasons(parked) == {"a": ["failed", "behind"]}


# -- releasing ---------------------------------------------------------------------------------------------


@pytest.fixture
async def stuck(lane: Lane, office: Office, write: Callable[..., Record]) -> None:
    """Key a stands still: a:1 failed, a:2 and a:3 are behind it. Key b stands still too."""
    office.refuse |= {"a:1": ValueError("no"), "b:1": ValueError("no")}
    await lane.handle([write(id_) for id_ in ("a:1", "a:2", "b:1", "a:3")])


@pytest.mark.usefixtures("stuck")
async def test_a_released_key_is_handled_in_order_and_goes_on(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    office.refuse.clear()
    assert await lane.release_due() == 0, "nobody released it"
    assert await parked.release(TOPIC, "a") == 3
    assert await lane.release_due() == 3
    await lane.handle([write("a:4")])
    assert office.done == ["a:1", "a:2", "a:3", "a:4"]
    assert await _reasons(parked) == {"b": ["failed"]}


@pytest.mark.usefixtures("stuck")
async def test_a_released_key_that_fails_again_stands_still_with_the_newer_reason(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    office.refuse = {"a:2": KeyError("other")}
    await parked.release(TOPIC, "a")
    assert await lane.release_due() == 1
    shown = await parked.show(TOPIC, "a")
    assert [(r.reason, r.attempts, r.releasing) for r in shown] == [("failed", 1, False), ("behind", 0, False)]
    assert "KeyError" in shown[0].error
    await lane.handle([write("a:4")])
    assert (office.done, len(await parked.show(TOPIC, "a"))) == (["a:1"], 3)


@pytest.mark.usefixtures("stuck")
async def test_a_release_while_the_store_is_away_is_tried_again(lane: Lane, office: Office, parked: Parked) -> None:
    await parked.release(TOPIC, "a")
    office.refuse = {"a:2": ConnectionError()}
    assert await lane.release_due() == 1
    assert [r.releasing for r in await parked.show(TOPIC, "a")] == [True, True]
    office.refuse.clear()
    assert await lane.release_due() == 2
    assert office.done == ["a:1", "a:2", "a:3"]


@pytest.mark.usefixtures("stuck")
async def test_what_joins_a_released_key_is_tried_too_when_the_store_goes_away_meanwhile(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    await parked.release(TOPIC, "a")
    await lane.handle([write("a:4")])  # it joins the key, for nothing was tried yet
    office.refuse = {"a:4": ConnectionError()}
    assert await lane.release_due() == 3
    office.refuse.clear()
    assert await lane.release_due() == 1, "nothing of the key is left behind: nobody would release what never failed"
    assert office.done == ["a:1", "a:2", "a:3", "a:4"]


async def test_what_comes_again_from_before_a_failed_record_does_not_lead_its_key(
    lane: Lane, parked: Parked, office: Office, write: Callable[..., Record]
) -> None:
    office.refuse["a:2"] = ValueError("no")
    first, second = write("a:1"), write("a:2")
    await lane.handle([first, second])
    await lane.handle([first, second])  # the group's commit was lost
    assert await lane.release_due() == 1
    assert await _reasons(parked) == {"a": ["failed"]}, "the first of a key says why it stands still"
    assert await lane.release_due() == 0


@pytest.mark.usefixtures("stuck")
@pytest.mark.parametrize("end", ["released", "dropped"])
async def test_what_is_parked_behind_a_key_that_is_gone_by_then_is_tried_at_once(
    end: str, replica: Lane, office: Office, parked: Parked, write: Callable[..., Record], monkeypatch: Any
) -> None:
    zombie, park = replica, parked.park

    async def late(record: Record, error: BaseException | None) -> None:
        office.refuse.clear()
        await (parked.release(TOPIC, "a") if end == "released" else parked.drop(TOPIC, "a", by="operator"))
        await Lane("petitions.main", lambda: [TOPIC], {PetitionAnswered: office.take}, parked).release_due()
        await park(record, error)

    monkeypatch.setattr(parked, "park", late)
    await zombie.handle([write("a:4")])
    assert await replica.release_due() == 1
    assert office.done[-1] == "a:4"
    assert await _reasons(parked) == {"b": ["failed"]}


@pytest.mark.usefixtures("stuck")
async def test_a_dropped_key_goes_on_without_its_records(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    assert await parked.drop(TOPIC, "a", by="operator") == 3
    await lane.handle([write("a:4")])
    assert office.done == ["a:4"]


@pytest.mark.usefixtures("stuck")
async def test_a_key_is_released_by_whoever_reads_its_topic(lane: Lane, office: Office, parked: Parked) -> None:
    elsewhere = Lane("petitions.main", lambda: [OUT], {PetitionAnswered: office.take}, parked)
    office.refuse.clear()
    await parked.release(TOPIC, "a")
    assert await elsewhere.release_due() == 0
    assert await lane.release_due() == 3


async def test_a_record_too_large_to_keep_leaves_its_digest_and_cannot_be_retried(
    lane: Lane, office: Office, parked: Parked, write: Callable[..., Record]
) -> None:
    await lane.handle([write("a:1", value=b"x" * (STORED_LIMIT + 1)), write("a:2")])
    await parked.release(TOPIC, "a")
    assert await lane.release_due() == 0
    shown = await parked.show(TOPIC, "a", values=True)
    assert [(r.size, r.value is None, r.releasing) for r in shown] == [
        (STORED_LIMIT + 1, True, False),
        (shown[1].size, False, False),
    ]


# -- what an operator sees ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("stuck")
async def test_an_operator_sees_the_keys_that_stand_still_and_why(parked: Parked) -> None:
    keys = {key.key: key for key in await parked.keys()}
    assert {name: (key.records, key.reason, key.topic) for name, key in keys.items()} == {
        "a": (3, "failed", TOPIC),
        "b": (1, "failed", TOPIC),
    }
    assert await parked.count() == 4
    assert [r.value for r in await parked.show(TOPIC, "a")] == [None] * 3, "payloads only when asked for"
    assert all(r.value for r in await parked.show(TOPIC, "a", values=True))


async def test_a_lane_says_how_long_the_events_it_handles_have_waited(
    office: Office, lane: Lane, write: Callable[..., Record]
) -> None:
    assert lane.behind_seconds() == 0
    office.slow["a:1"] = asyncio.Event()
    old, new = (replace(write(id_), written_at=time.time() - ago) for id_, ago in (("a:1", 9), ("b:1", 0)))
    handling = asyncio.create_task(lane.handle([new, old, write("c:1")]))
    await eventually(lambda: _busy(office, 1), every=0.001)
    assert 9 <= lane.behind_seconds() < 60
    office.slow["a:1"].set()
    await handling
    assert lane.behind_seconds() == 0


async def _busy(office: Office, keys: int) -> bool:
    return office.busy == keys


async def test_what_a_lane_does_is_counted(office: Office, parked: Parked, write: Callable[..., Record]) -> None:
    registry = CollectorRegistry()
    lane = Lane(
        "petitions.main",
        lambda: [TOPIC],
        {PetitionAnswered: office.take, OfficeListed: office.take},
        parked,
        metrics=LaneMetrics(registry),
    )
    office.refuse = {"b:1": ValueError(), "c:1": ConnectionError()}
    async with _handling(lane, write("a:1"), write("a:2"), write("b:1"), write("c:1")):
        await eventually(lambda: _did(office, "a:2"), every=0.001)
        labels = {"type": PetitionAnswered.type}
        assert (registry.get_sample_value("tongban_event_seconds_count", labels) or 0) >= 4
        assert registry.get_sample_value("tongban_records_parked_total") == 1
        assert registry.get_sample_value("tongban_keys_held_total") == 1


@dataclass
class Polling:
    """A consumer that tells when it polled its one partition, by its calendar."""

    polled: int = 0

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition(TOPIC, 0)}

    def last_poll_timestamp(self, _: TopicPartition) -> int:
        return self.polled


async def test_a_lane_that_polls_is_not_stuck_whatever_the_calendar_says(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed, consumer = [0.0], Polling()
    monkeypatch.setattr("shared.store.lease.time", SimpleNamespace(monotonic=lambda: passed[0]))
    lane._subscriber = SimpleNamespace(consumer=consumer)
    assert lane.stuck() is None
    passed[0] += 59
    consumer.polled = -3_600_000
    assert lane.stuck() is None
    passed[0] += 59
    assert lane.stuck() is None
    passed[0] += 2
    assert lane.stuck() == f"{TOPIC}-0 was not polled for 61 s"
