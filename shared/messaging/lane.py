"""The lane: events of some topics in, one plain async function per event type, each effect once.

One lane per service and group. One key's events are handled in order, the keys beside each other, and the next batch
is begun as soon as there is room: what is slow about one key holds up no other. Batches are committed whole and in the
order they came, so that nothing is committed before what lies in front of it. A record that cannot be handled parks its
key; the other keys go on. While the store or the broker is away keys are held: they wait, and nothing is parked.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from prometheus_client import CollectorRegistry

from shared import crashpoint, telemetry
from shared.messaging.envelope import Record
from shared.messaging.handling import HOLD_ON, Handlers, Handling
from shared.messaging.metrics import LaneMetrics
from shared.messaging.parked import Parked
from shared.messaging.turns import Turns
from shared.store.lease import Watch

log = structlog.get_logger("lane")

POLL_MS = 1
"""FastStream sleeps this long after an empty poll; the poll itself waits longer (`PatientConsumer`)."""
BATCH = 500
WIDTH = 64
"""Keys handled in parallel. What they insert and read goes to the store together; updates queue one by one there,
and callers over HTTP stand in the same queue."""
ROOM = WIDTH // 2
"""The next batch is fetched when no more keys than this are under way: all of `WIDTH` stay busy, and batches large."""
UNDER_WAY = 2 * BATCH
"""Records that are begun and not done, at most, and a batch: one key may have many of them."""
COMMIT_SECONDS = 0.1
"""Between two commits, at least: while many small batches come, several are committed together. The price is that much
more which comes again after a kill, and is ignored."""
FINISH_SECONDS = 4.0
"""What is under way may take so long when the lane stops."""
REVOKE_WAIT = 20.0
REBALANCE_MS = 30_000
HEARTBEAT_MS = 500
UNCOMMITTED_LIMIT = 5
HOLD_SECONDS = 1.0
UNPOLLED_SECONDS = 60.0
LOOK_SECONDS = 10.0
UNPOLLED_FOR_KAFKA_MS = 86_400_000
"""A lane that is held does not poll and stays in its group; who is stuck otherwise is found by `stuck` long before."""

Key = tuple[str, str]
"""A topic, and what must stay in order on it."""


@dataclass(eq=False)
class Batch:
    """Records that came together. `ends`: where each partition goes on after them; `left`: keys that are not done."""

    consumer: Any
    ends: dict[TopicPartition, int]
    oldest: float | None
    left: int
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Lane(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Reads `topics()` as the group `group`. `connect` makes a fresh consumer-only broker for each start."""

    def __init__(  # noqa: PLR0913 - its parts, by name
        self,
        group: str,
        topics: Callable[[], Iterable[str]],
        handlers: Handlers,
        parked: Parked,
        *,
        instance: str = "",
        session_seconds: float = 2.0,
        now: Callable[[], float] = time.time,
        connect: Callable[[], KafkaBroker] | None = None,
        readable: Callable[[], Awaitable[Set[str]]] | None = None,
        metrics: LaneMetrics | None = None,
        pause: float = HOLD_SECONDS,
    ) -> None:
        self.group, self._topics, self._parked, self._pause = group, topics, parked, pause
        self._instance, self._connect, self._readable = instance, connect, readable
        self._now, self._polled = now, Watch()
        self._session_ms = round(session_seconds * 1000)
        self._broker: KafkaBroker | None = None
        self._subscriber: Any = None
        self._reading: tuple[str, ...] = ()
        self._wished: tuple[str, ...] = ()
        self._looked = 0.0
        self._life = 0
        self._rejoined = False
        self._room = asyncio.Event()
        self._turns: Turns[Key] = Turns(WIDTH, self._room.set)
        self._batches: deque[Batch] = deque()
        self._settling: dict[Batch, asyncio.Task[None]] = {}
        self._committing = asyncio.Lock()
        self._committed = 0.0
        self._under_way, self._leaving = 0, False
        self._uncommitted = 0
        self._held: dict[Key, str] = {}
        self._metrics = metrics or LaneMetrics(CollectorRegistry())
        self._handling = Handling(handlers, parked, self._metrics)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics as they should be read now."""
        return tuple(sorted(self._topics()))

    # -- the consumer ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Subscribe to the topics as they are now; raises what Kafka raises when it is away."""
        if self._connect is None:
            return
        self._choose(await self._readable() if self._readable is not None else set(self.topics))
        if not self._reading:
            raise ConnectionError(f"none of {', '.join(self._wished)} can be read yet")
        broker = self._connect()
        subscriber = broker.subscriber(
            *self._reading,
            group_id=self.group,
            group_instance_id=f"{self.group}-{self._instance}-{self._life}".replace(":", "-"),
            batch=True,
            max_records=BATCH,
            batch_timeout_ms=POLL_MS,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            rebalance_timeout_ms=REBALANCE_MS,
            session_timeout_ms=self._session_ms,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_poll_interval_ms=UNPOLLED_FOR_KAFKA_MS,
            listener=self,
            decoder=_whole_message,
            no_reply=True,  # a `reply_to` header is a stranger's wish
        )
        subscriber(self._consume)
        self._leaving = False  # before the first batch can come: one that is not begun must not be passed over
        try:
            await broker.start()
        except BaseException as exc:
            if "unsubscribed topic" in str(exc):  # the assignment of a former life, with a topic we lost: be another
                self._life += 1
            await broker.stop()
            raise
        self._broker, self._subscriber, self._uncommitted, self._rejoined = broker, subscriber, 0, False
        log.info("lane.started", group=self.group, topics=self._reading)

    async def stop(self) -> None:
        """Finish and commit what is under way, or give it up after `FINISH_SECONDS`; leave."""
        self._leaving = True
        self._room.set()
        if not await self._finished(FINISH_SECONDS):
            log.warning("lane.given-up", group=self.group, records=self._under_way, held=self.held)
        broker, self._broker, self._subscriber = self._broker, None, None
        if broker is not None:
            await broker.stop()
        await self._turns.stop()
        for task in (settling := set(self._settling.values())):
            task.cancel()
        if settling:
            await asyncio.wait(settling)
        self._batches.clear()
        self._held.clear()
        self._under_way = 0

    async def follow(self) -> None:
        """Read the longer list when a department was admitted, without leaving the group.

        Also joins once more after a start that was given the partitions of a former life: to a static member that
        comes back the coordinator hands its old assignment, whatever it subscribes to now (KIP-345).
        """
        if self._subscriber is None or (consumer := self._subscriber.consumer) is None:
            return
        before, missing = self._reading, set(self._reading) - {p.topic for p in consumer.assignment()}
        if self.topics != self._wished or time.monotonic() - self._looked > LOOK_SECONDS:
            try:
                self._choose(await consumer.topics())
            except KafkaError as exc:
                log.warning("lane.not-looked", group=self.group, error=repr(exc))
                return
        if self._reading != before or (missing and not self._rejoined):
            self._rejoined = True
            await self._finished(FINISH_SECONDS)  # what is not committed by then cannot be any more, and comes again
            consumer.subscribe(topics=self._reading, listener=self)
            log.info("lane.follows", group=self.group, topics=self._reading)

    def _choose(self, readable: Set[str]) -> None:
        """Of the topics wanted, those that are there and that we may read: one that is not must not stop the others."""
        self._wished, self._looked = self.topics, time.monotonic()
        reading = tuple(topic for topic in self._wished if topic in readable)
        if (left_out := set(self._wished) - set(reading)) and reading != self._reading:
            log.error("lane.cannot-read", group=self.group, topics=sorted(left_out))
        self._reading = reading

    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions that are ours now."""
        consumer = self._subscriber.consumer if self._subscriber is not None else None
        return frozenset() if consumer is None else frozenset(consumer.assignment())

    def fault(self) -> str | None:
        """Why the lane is not working, for readiness; `None` when it works."""
        if self._connect is None:
            return None
        if self._subscriber is None or self._subscriber.consumer is None:
            return "not connected"
        return self.stuck() or self.held or getattr(self._subscriber.consumer, "error", None)

    def stuck(self, limit_seconds: float = UNPOLLED_SECONDS) -> str | None:
        """Names a partition of ours that was not polled for a minute: alive, but not reading (aiokafka #1154).

        A lane that is held does not read on purpose, once enough is under way.
        """
        if self._uncommitted >= UNCOMMITTED_LIMIT:
            return f"{self._uncommitted} batches could not be committed"
        for partition in self.assigned():
            polled = self._subscriber.consumer.last_poll_timestamp(partition)
            if polled is None:
                continue
            name = f"{partition.topic}-{partition.partition}"
            unpolled = self._polled.unchanged(name, polled)  # its own calendar may have jumped
            if unpolled > limit_seconds and not self._held:
                return f"{name} was not polled for {unpolled:.0f} s"
        return None

    def behind_seconds(self) -> float:
        """How long the oldest record that is being handled has waited, on its topic and here; 0 when there is none."""
        oldest = min((b.oldest for b in self._batches if not b.done.is_set() and b.oldest is not None), default=None)
        return 0.0 if oldest is None else max(0.0, self._now() - oldest)

    @property
    def held(self) -> str | None:
        """Why a key waits, where one does."""
        return next(iter(self._held.values()), None)

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002
        """Finish and commit what is under way before the partitions go to somebody else."""
        if not await self._finished(REVOKE_WAIT):  # what we still do is repeated there and ignored
            log.warning("lane.revoked-while-busy", group=self.group, held=self.held)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Others may have parked keys of these partitions meanwhile: look again."""
        for partition in assigned:
            self._handling.look_again(partition.topic)

    async def _consume(self, message: Any) -> None:
        """Begin with a batch, and wait until there is room for the next one: then FastStream polls again."""
        if self._leaving:  # not committed: somebody else gets it
            return
        records = [
            Record(r.topic, r.partition, r.offset, r.key, r.headers, r.value, _written_at(r))
            for r in message.raw_message
        ]
        self._begin(records, message.consumer)
        while (len(self._turns) > ROOM or self._under_way > UNDER_WAY) and not self._leaving:
            self._room.clear()
            await self._room.wait()

    # -- batches -----------------------------------------------------------------------------------------

    def _begin(self, records: Sequence[Record], consumer: Any = None) -> "asyncio.Task[None]":
        """Put the records behind what their keys have to do already; a task that ends when all is done."""
        keys: dict[Key, list[Record]] = defaultdict(list)
        ends: dict[tuple[str, int], int] = {}
        for record in records:
            keys[record.topic, record.lock].append(record)
            ends[record.topic, record.partition] = record.offset + 1
        oldest = min((r.written_at for r in records if r.written_at is not None), default=None)
        batch = Batch(consumer, {TopicPartition(*at): end for at, end in ends.items()}, oldest, len(keys))
        self._under_way += len(records)
        for key, of_key in keys.items():
            self._turns.put(key, partial(self._in_order, key, of_key, batch))
        if not keys:
            batch.done.set()
        self._batches.append(batch)
        settling = self._settling[batch] = asyncio.create_task(self._settle(batch))
        return settling

    async def _settle(self, batch: Batch) -> None:
        """Wait for the batch, and commit what is done: the first ones first, and nothing before them."""
        try:
            await batch.done.wait()
            async with self._committing:
                if batch not in self._batches:  # with others, just now
                    return
                if batch.consumer is not None:
                    await asyncio.sleep(self._committed + COMMIT_SECONDS - time.monotonic())
                done: list[Batch] = []
                while self._batches and self._batches[0].done.is_set():
                    done.append(self._batches.popleft())
                if done:
                    await self._commit(done)
        finally:
            del self._settling[batch]

    async def _commit(self, done: Sequence[Batch]) -> None:
        """Commit batches. What is not committed comes again and is ignored; who never can starts anew."""
        consumer, ends = done[-1].consumer, {at: end for batch in done for at, end in batch.ends.items()}
        if consumer is None:
            return
        crashpoint.reached("before-commit")
        try:
            ours = consumer.assignment()
            if ends := {at: end for at, end in ends.items() if at in ours}:
                await consumer.commit(ends)
                self._committed = time.monotonic()
                self._metrics.commits.inc()
            self._uncommitted = 0
            self._metrics.batches.inc(len(done))
        except Exception as exc:  # noqa: BLE001 - nobody waits for this: it is told, and counted
            self._uncommitted += 1
            log.warning("lane.uncommitted", group=self.group, error=repr(exc))

    async def _finished(self, within: float) -> bool:
        """Wait until what is under way now is done and committed; whether it was."""
        ends = {*self._settling.values(), *self._turns.asked}
        return not ends or not (await asyncio.wait(ends, timeout=within))[1]

    # -- handling ----------------------------------------------------------------------------------------

    async def handle(self, records: Iterable[Record]) -> None:
        """Handle records to their end, however long our infrastructure is away."""
        await self._begin(list(records))

    async def _in_order(self, key: Key, records: Sequence[Record], batch: Batch) -> None:
        for record in records:
            while (fault := await self._handling.tried(record)) is not None:
                self._hold(key, fault)
                await asyncio.sleep(self._pause)
            self._held.pop(key, None)
        self._under_way -= len(records)
        batch.left -= 1
        if not batch.left:
            batch.done.set()

    def _hold(self, key: Key, fault: Exception) -> None:
        if not isinstance(fault, HOLD_ON):  # parking itself failed: hold as well, and say so loudly
            log.error("lane.broken", group=self.group, exc_info=fault)
        if not self._held:
            log.warning("lane.held", group=self.group, error=repr(fault))
        if key not in self._held:
            self._metrics.held.inc()
        self._held[key] = f"held: {fault!r}"

    # -- releasing parked keys ---------------------------------------------------------------------------

    async def release_due(self) -> int:
        """Try the keys that a person released, if their partition is ours; how many records were handled."""
        handled = 0
        for topic, lock, partition in await self._parked.releasing():
            if self._owns(topic, partition):
                handled += await self._turns.ask((topic, lock), partial(self._release, topic, lock))
        return handled

    def _owns(self, topic: str, partition: int) -> bool:
        if self._connect is None:
            return topic in self.topics
        return TopicPartition(topic, partition) in self.assigned()

    async def _release(self, topic: str, lock: str) -> int:
        telemetry.leave()
        handled = 0
        await self._parked.release(topic, lock)  # what joined it since: we may not come to its end this time
        while records := await self._parked.records(topic, lock):
            for record in records:
                try:
                    await self._handling.retry(record)
                except HOLD_ON:
                    return handled  # tried again at the next round
                except Exception as exc:  # noqa: BLE001 - the key stands still again, with the newer reason
                    if record is not None:
                        await self._parked.failed_again(record, exc)
                    await self._parked.stand_still(topic, lock)
                    return handled
                handled += 1
        log.info("lane.released", topic=topic, records=handled)
        return handled


def _written_at(record: Any) -> float | None:
    """Kafka's timestamp, in seconds; it has none of records from before it knew the time."""
    stamp = getattr(record, "timestamp", None)
    return stamp / 1000 if stamp is not None and stamp > 0 else None


async def _whole_message(message: Any) -> Any:
    """FastStream decoder: the handler gets the message as it is, nothing is injected."""
    return message
