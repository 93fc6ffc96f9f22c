"""Relay and lane on the real broker: each event once, in order, whoever dies or sleeps meanwhile."""

import asyncio
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message

from shared.store.collection import Unavailable
from shared.testing.waiting import eventually
from tests.city.office import Office
from tests.city.platform import Ground
from tests.petitions import Petition

SOON = 30.0
"""Seconds within which everything is over on a busy machine."""


async def _heard(office: Office) -> dict[str, int]:
    """How often each event was handled."""
    return {e["_id"]: e["times"] for e in await office.effects.find({}, limit=10_000)}


async def _all_heard(office: Office, count: int) -> None:
    async def there() -> bool:
        return len(await _heard(office)) >= count

    await eventually(there, within=SOON)


async def _reading(office: Office) -> None:
    """The lane has its partitions."""

    async def assigned() -> bool:
        lane = office.runtime.lane
        return lane is not None and bool(lane.assigned())

    await eventually(assigned, within=SOON, every=0.01)


async def _in_order(office: Office) -> None:
    """The events of each subject were handled one after another."""
    found = await office.effects.find({}, sort=[("subject", 1), ("sequence", 1)], limit=10_000)
    for before, after in pairwise(found):
        if before["subject"] == after["subject"]:
            assert before["at"] <= after["at"], after["_id"]


@pytest.fixture
def children() -> Iterator[ExitStack]:
    """Processes that are killed at the end, if they live."""
    with ExitStack() as stack:
        yield stack


# -- one service -------------------------------------------------------------------------------------------


async def test_what_is_written_is_handled_once_and_in_order(ground: Ground) -> None:
    topic = ground.topic()
    office = ground.office(reading=(topic,))
    async with ground.running(office):
        await asyncio.gather(*(office.file(ground.service, f"p{n}", answers=9) for n in range(20)))
        await _all_heard(office, 200)
    assert set((await _heard(ground.office())).values()) == {1}
    await _in_order(ground.office())


async def test_a_service_that_stops_and_starts_goes_on_where_it_was(ground: Ground) -> None:
    topic = ground.topic()
    for round_ in range(3):
        office = ground.office(reading=(topic,))
        async with ground.running(office):
            await office.file(ground.service, *(f"p{round_}-{n}" for n in range(20)))
            await _all_heard(office, 20 * (round_ + 1))
    assert set((await _heard(ground.office())).values()) == {1}


async def test_a_service_starts_before_its_topics_are_there_and_waits(ground: Ground) -> None:
    office = ground.office(reading=(f"{ground.service}.petitions",))
    offices = office.list_offices(f"{ground.service}.offices")
    async with ground.running(office):
        await office.file(ground.service, "p1")
        await asyncio.sleep(2)
        assert await office.runtime.tables_fault()
        ground.topic("offices", config={"cleanup.policy": "compact"})
        ground.topic()
        await _all_heard(office, 1)
        assert await office.runtime.tables_fault() is None
        assert dict(offices) == {}


async def test_a_batch_under_way_is_finished_and_committed_when_the_service_stops(ground: Ground) -> None:
    topic = ground.topic()
    office = ground.office(reading=(topic,))
    office.slow["p1"] = 1.5
    async with ground.running(office):
        await office.file(ground.service, "p1")
        await eventually(lambda: _busy(office), within=SOON, every=0.01)
    again = ground.office(reading=(topic,))
    assert await _heard(again) == {"p1:1": 1}
    async with ground.running(again):
        await again.file(ground.service, "p2")
        await _all_heard(again, 2)
    assert set((await _heard(ground.office())).values()) == {1}


async def _busy(office: Office) -> bool:
    return office.busy


async def test_a_service_stops_in_time_while_its_batch_is_held(ground: Ground) -> None:
    topic = ground.topic()
    office = ground.office(reading=(topic,))
    office.away = True
    async with ground.running(office):
        await office.file(ground.service, "p1")
        await eventually(lambda: _held(office), within=SOON)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    again = ground.office(reading=(topic,))
    async with ground.running(again):
        await _all_heard(again, 1)
        assert await again.runtime.parked.count() == 0


async def _held(office: Office) -> bool:
    return "held" in (await office.runtime.lanes_fault() or "")


async def test_a_batch_that_was_held_comes_again_when_what_it_needs_is_back(ground: Ground) -> None:
    topic = ground.topic()
    office = ground.office(reading=(topic,))
    office.away = True
    async with ground.running(office):
        await office.file(ground.service, "p1", answers=1)
        await eventually(lambda: _held(office), within=SOON)
        office.away = False
        await _all_heard(office, 2)
        assert await office.runtime.lanes_fault() is None
    await _in_order(ground.office())


async def test_a_new_topic_is_read_without_losing_the_old_one(ground: Ground) -> None:
    topics = [ground.topic()]
    office = Office(ground.settings(), ground.database(), topics)
    async with ground.running(office):
        await office.file(ground.service, "p1")
        await _all_heard(office, 1)
        other = Ground(ground.city)
        topics.append(other.topic())
        await office.file(ground.service, *(f"q{n}" for n in range(10)))
        await office.file(other.service, *(f"r{n}" for n in range(10)))
        await _all_heard(office, 21)
    assert set((await _heard(ground.office())).values()) == {1}


# -- topics that may not be read ---------------------------------------------------------------------------


@pytest.fixture
def two_topics(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two topics; the member intake may read the first."""
    monkeypatch.setattr("shared.messaging.lane.LOOK_SECONDS", 1.0)
    topics = ground.topic(), Ground(ground.city).topic()
    ground.allow("intake", topics[0])
    return topics


def _intake(ground: Ground, topics: Sequence[str]) -> Office:
    return Office(ground.settings(member="intake"), ground.database("_intake"), topics)


async def test_a_topic_that_may_not_be_read_stops_no_other_and_is_read_once_it_may(
    ground: Ground, two_topics: tuple[str, str]
) -> None:
    mine, other = two_topics
    writer, office = ground.office("writer"), _intake(ground, two_topics)
    async with ground.running(writer, office):
        await writer.file(mine.split(".")[0], "p1")
        await writer.file(other.split(".")[0], "q1")
        await _all_heard(office, 1)
        assert await _heard(office) == {"p1:1": 1}
        ground.allow("intake", other)
        await _all_heard(office, 2)


async def test_a_right_that_is_taken_away_stops_no_other_topic(ground: Ground, two_topics: tuple[str, str]) -> None:
    mine, other = two_topics
    ground.allow("intake", other)
    writer, office = ground.office("writer"), _intake(ground, two_topics)
    async with ground.running(writer, office):
        await writer.file(other.split(".")[0], "q1")
        await _all_heard(office, 1)
        ground.forbid("intake", other)
        await writer.file(mine.split(".")[0], *(f"p{n}" for n in range(10)))
        await _all_heard(office, 11)


async def test_a_service_that_comes_back_without_one_of_its_rights_reads_the_others(
    ground: Ground, two_topics: tuple[str, str]
) -> None:
    """To a static member that comes back the coordinator hands its old assignment, whatever it subscribes to now."""
    mine, other = two_topics
    ground.allow("intake", other)
    writer, before = ground.office("writer"), _intake(ground, two_topics)
    async with ground.running(writer):
        async with ground.running(before):
            await _reading(before)
        ground.forbid("intake", other)
        after = _intake(ground, two_topics)
        async with ground.running(after):
            await writer.file(mine.split(".")[0], "p1")
            await _all_heard(after, 1)


# -- two replicas ------------------------------------------------------------------------------------------


async def test_two_replicas_share_the_work_and_do_none_of_it_twice(ground: Ground) -> None:
    topic = ground.topic()
    one, two = ground.office("one", reading=(topic,)), ground.office("two", reading=(topic,))
    async with ground.running(one, two):
        await asyncio.gather(_reading(one), _reading(two))
        await asyncio.gather(*(one.file(ground.service, f"p{n}", answers=4) for n in range(30)))
        await _all_heard(one, 150)
        assert await _who(one) == {"127.0.0.1:one", "127.0.0.1:two"}
    assert set((await _heard(ground.office())).values()) == {1}
    await _in_order(ground.office())


async def _who(office: Office) -> set[str]:
    return {e["by"] for e in await office.effects.find({}, limit=10_000)}


async def test_a_rebalance_waits_for_the_batch_under_way(ground: Ground) -> None:
    topic = ground.topic(partitions=1)
    one, two = ground.office("one", reading=(topic,)), ground.office("two", reading=(topic,))
    one.slow["p1"] = 3.0
    async with ground.running(one):
        await _reading(one)
        await one.file(ground.service, "p1", answers=1)
        await eventually(lambda: _busy(one), within=SOON, every=0.01)
        async with ground.running(two):
            await two.file(ground.service, "p2")
            await _all_heard(one, 3)
    assert await _heard(ground.office()) == {"p1:1": 1, "p1:2": 1, "p2:1": 1}, "committed before it was given up"


async def test_a_killed_replica_is_replaced_by_the_other(ground: Ground, children: ExitStack) -> None:
    topic = ground.topic()
    office = ground.office("one", reading=(topic,))
    async with ground.running(office):
        process = children.enter_context(ground.process("two", topic))
        children.callback(process.kill)
        await eventually(lambda: _files_until_both_work(ground, office), within=SOON, every=0.2)
        process.kill()
        await office.file(ground.service, *(f"after{n}" for n in range(20)))
        await eventually(lambda: _subjects(office, "after", 20), within=SOON)


async def _files_until_both_work(ground: Ground, office: Office) -> bool:
    await office.file(ground.service, *(f"before{time.monotonic_ns()}-{n}" for n in range(4)))
    return len(await _who(office)) == 2


async def _subjects(office: Office, prefix: str, count: int) -> bool:
    found = await office.effects.find({}, limit=10_000)
    return len({e["subject"] for e in found if e["subject"].startswith(prefix)}) >= count


async def test_a_killed_instance_that_starts_again_takes_over_at_once(ground: Ground, children: ExitStack) -> None:
    """Static membership: the group does not wait for the dead one's session to end."""
    topic = ground.topic()
    writer = ground.office("writer")
    async with ground.running(writer):
        for round_ in range(2):
            process = children.enter_context(ground.process("one", topic, TONGBAN_KAFKA_SESSION_SECONDS="60"))
            children.callback(process.kill)
            await writer.file(ground.service, f"p{round_}")
            await _all_heard(writer, round_ + 1)
            process.send_signal(signal.SIGKILL)
            process.wait()


async def test_a_replica_that_stops_gives_its_partitions_up_at_once(ground: Ground) -> None:
    """It leaves the group: nobody waits a minute for its session to end."""
    topic = ground.topic()
    one, two = (ground.office(name, reading=(topic,), kafka_session_seconds=60) for name in ("one", "two"))
    async with ground.running(one):
        async with ground.running(two):
            await asyncio.gather(_reading(one), _reading(two))
        await eventually(lambda: _has(one, 4), within=SOON, every=0.01)


async def _has(office: Office, partitions: int) -> bool:
    assert office.runtime.lane is not None
    return len(office.runtime.lane.assigned()) == partitions


async def test_a_writer_whose_clock_is_hours_ahead_is_not_refused_and_says_nothing_about_keeping(
    ground: Ground,
) -> None:
    topic = ground.topic(partitions=1)
    stamped: list[tuple[int, int]] = []
    ahead = int((time.time() + 2 * 3600) * 1000)
    producer = ground.producer(**{"message.timeout.ms": 10_000})

    def taken(error: object, message: Message) -> None:
        assert error is None, error
        stamped.append(message.timestamp())

    producer.produce(topic, b"{}", key=b"p1", timestamp=ahead, on_delivery=taken)
    await asyncio.to_thread(producer.flush, 15)
    kind, at = stamped[0]
    assert kind == TIMESTAMP_LOG_APPEND_TIME
    assert at < ahead - 3600 * 1000


# -- an outage ---------------------------------------------------------------------------------------------


async def _write_on(office: Office, service: str, done: asyncio.Event) -> list[str]:
    """File petitions until told to stop, whatever happens."""
    filed: list[str] = []
    while not done.is_set():
        id_ = f"p{len(filed)}"
        try:
            await office.file(service, id_, answers=2)
        except Unavailable:
            await asyncio.sleep(0.1)
            continue
        filed.append(id_)
        await asyncio.sleep(0.01)
    return filed


@pytest.mark.parametrize("program", ["kafka", "store"])
async def test_a_killed_platform_comes_back_and_everything_is_handled_in_order(ground: Ground, program: str) -> None:
    topic = ground.topic()
    office, done = ground.office(reading=(topic,)), asyncio.Event()
    async with ground.running(office):
        await _reading(office)
        writing = asyncio.create_task(_write_on(office, ground.service, done))
        await asyncio.sleep(1)
        ground.kill(program)
        await asyncio.sleep(4)
        done.set()
        filed = await writing
        await _all_heard(office, 3 * len(filed))
        assert await office.runtime.parked.count() == 0
    assert set(await _heard(ground.office())) == {f"{id_}:{n}" for id_ in filed for n in (1, 2, 3)}
    await _in_order(ground.office())


@pytest.mark.parametrize("program", ["kafka", "store"])
async def test_a_frozen_platform_is_waited_for(ground: Ground, program: str) -> None:
    topic = ground.topic()
    office, done = ground.office(reading=(topic,)), asyncio.Event()
    async with ground.running(office):
        await _reading(office)
        writing = asyncio.create_task(_write_on(office, ground.service, done))
        await asyncio.sleep(0.5)
        async with ground.frozen(program):
            await asyncio.sleep(5)
        await asyncio.sleep(0.5)
        done.set()
        filed = await writing
        await _all_heard(office, 3 * len(filed))
        assert await office.runtime.parked.count() == 0
    await _in_order(ground.office())


async def test_a_service_stops_in_time_while_the_broker_is_away(ground: Ground) -> None:
    topic = ground.topic()
    office = ground.office(reading=(topic,))
    async with AsyncExitStack() as outage:
        async with ground.running(office):
            await office.file(ground.service, "p1")
            await _all_heard(office, 1)
            await outage.enter_async_context(ground.frozen("kafka"))
            await office.file(ground.service, "p2")
            began = time.monotonic()
        assert time.monotonic() - began < 18, "the supervisor kills after twenty seconds"
    again = ground.office(reading=(topic,))
    async with ground.running(again):
        await _all_heard(again, 2)


# -- the producer ------------------------------------------------------------------------------------------


async def test_a_record_the_broker_refuses_holds_up_only_its_own_petition(ground: Ground) -> None:
    """After such an error aiokafka's producer is stuck on that partition for good (#1017): it is built anew."""
    topic = ground.topic(partitions=1, config={"max.message.bytes": "2000"})
    office = ground.office(reading=(topic,))
    async with ground.running(office):
        await office.file(ground.service, "p1")
        too_long = Petition.file("long", datetime.now(UTC), office=ground.service, matter="x" * 5000)
        await office.petitions.add(too_long)
        for n in range(2, 12):
            await office.file(ground.service, f"p{n}")
            await asyncio.sleep(0.05)
        await _all_heard(office, 11)
    assert "long:1" not in await _heard(ground.office())
