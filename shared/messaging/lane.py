"""The lane: events of some topics in, one plain async function per event type, each effect once.

One lane per service and group. A batch is handled key by key: one key's events in order, the keys in
parallel, one commit per batch. A record that cannot be handled parks its key; the other keys go on.
While the store or the broker is away the partition is held and nothing is parked.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Set
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from prometheus_client import CollectorRegistry
from structlog.contextvars import bind_contextvars, reset_contextvars

from shared import crashpoint, telemetry
from shared.contracts.registry import EventModel, stem
from shared.messaging.envelope import Event, Head, Record, Unreadable, read, read_head, told_id
from shared.messaging.metrics import LaneMetrics
from shared.messaging.parked import Parked
from shared.store.collection import Unavailable
from shared.store.lease import Watch
from shared.store.repository import Contention

log = structlog.get_logger("lane")

Handler = Callable[[Event[Any]], Awaitable[None]]
Handlers = Mapping[type[EventModel], Handler]

HOLD_ON = (Unavailable, Contention, ConnectionError, TimeoutError)
"""Our own infrastructure is away: hold the partition and try again, park nothing."""

POLL_MS = 1
"""FastStream sleeps this long after an empty poll; the poll itself waits longer (`PatientConsumer`)."""
BATCH = 500
WIDTH = 64
"""Keys handled in parallel. What they insert and read goes to the store together; updates queue one by one there,
and callers over HTTP stand in the same queue."""
REVOKE_WAIT = 20.0
REBALANCE_MS = 30_000
HEARTBEAT_MS = 500
UNCOMMITTED_LIMIT = 5
HOLD_SECONDS = 1.0
UNPOLLED_SECONDS = 60.0
LOOK_SECONDS = 10.0


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
        self._by_type = {model.type: (model, handler) for model, handler in handlers.items()}
        self._stems = {stem(type_): type_ for type_ in self._by_type}
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
        self._standing: dict[str, set[str]] = {}
        self._turn = asyncio.Lock()
        self._slots = asyncio.Semaphore(WIDTH)
        self._uncommitted = 0
        self.held: str | None = None
        self._oldest: float | None = None
        self._metrics = metrics or LaneMetrics(CollectorRegistry())

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
            max_poll_interval_ms=600_000,
            listener=self,
            decoder=_whole_message,
            no_reply=True,  # a `reply_to` header is a stranger's wish
        )
        subscriber(self._consume)
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
        """Finish the batch and commit it, or give it up after the broker's `graceful_timeout`; leave."""
        broker, self._broker, self._subscriber = self._broker, None, None
        if broker is not None:
            await broker.stop()

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
        """Names a partition of ours that was not polled for a minute: alive, but not reading (aiokafka #1154)."""
        if self._uncommitted >= UNCOMMITTED_LIMIT:
            return f"{self._uncommitted} batches could not be committed"
        for partition in self.assigned():
            polled = self._subscriber.consumer.last_poll_timestamp(partition)
            if polled is None:
                continue
            name = f"{partition.topic}-{partition.partition}"
            if (unpolled := self._polled.unchanged(name, polled)) > limit_seconds:  # its own calendar may have jumped
                return f"{name} was not polled for {unpolled:.0f} s"
        return None

    def behind_seconds(self) -> float:
        """How long the oldest record that is being handled has waited, on its topic and here; 0 between batches."""
        return 0.0 if self._oldest is None else max(0.0, self._now() - self._oldest)

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002
        """Finish and commit the batch before the partitions go to somebody else."""
        try:
            async with asyncio.timeout(REVOKE_WAIT):
                async with self._turn:
                    pass
        except TimeoutError:  # the others may have them; what we still do is repeated there and ignored
            log.warning("lane.revoked-while-busy", group=self.group)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Others may have parked keys of these partitions meanwhile: look again before the next batch."""
        for partition in assigned:
            self._standing.pop(partition.topic, None)

    async def _consume(self, message: Any) -> None:
        records = [
            Record(r.topic, r.partition, r.offset, r.key, r.headers, r.value, _written_at(r))
            for r in message.raw_message
        ]
        async with self._turn:
            if await self.handle(records):
                await self._commit(message)
                return
            await asyncio.sleep(self._pause)
            await message.nack()

    async def _commit(self, message: Any) -> None:
        """Commit the batch. What is not committed comes again and is ignored; who never can starts anew."""
        crashpoint.reached("before-commit")
        try:
            await message.ack()
            self._uncommitted = 0
            self._metrics.batches.inc()
        except KafkaError as exc:
            self._uncommitted += 1
            log.warning("lane.uncommitted", group=self.group, error=repr(exc))

    # -- handling ----------------------------------------------------------------------------------------

    async def handle(self, records: Iterable[Record]) -> bool:
        """Handle a batch; false when it must come again because our infrastructure is away."""
        keys: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in records:
            keys[record.topic, record.lock].append(record)
        waiting = (r.written_at for of_key in keys.values() for r in of_key if r.written_at is not None)
        self._oldest = min(waiting, default=None)
        results: list[BaseException | None] = []
        try:
            for topic in sorted({topic for topic, _ in keys} - self._standing.keys()):
                self._standing[topic] = await self._parked.locks(topic)
            results = await asyncio.gather(*map(self._in_order, keys.values()), return_exceptions=True)
        except Exception as exc:  # noqa: BLE001 - told below; a batch that is let go here would be lost
            results = [exc]
        self._oldest = None
        failures = [r for r in results if isinstance(r, BaseException)]
        for failure in failures:
            if not isinstance(failure, HOLD_ON):  # parking itself failed: hold as well, and say so loudly
                log.error("lane.broken", group=self.group, exc_info=failure)
        self.held = f"held: {failures[0]!r}" if failures else None
        if failures:
            self._metrics.held.inc()
            log.warning("lane.held", group=self.group, error=repr(failures[0]))
        return not failures

    async def _in_order(self, records: list[Record]) -> None:
        async with self._slots:
            for record in records:
                if await self._stands(record):
                    await self._park(record, None)
                    continue
                try:
                    await self._one(record)
                except HOLD_ON:
                    raise
                except Exception as exc:  # noqa: BLE001 - whatever a handler raises parks its key, with the reason
                    await self._park(record, exc)

    async def _stands(self, record: Record) -> bool:
        """Whether the record's key is parked. Only keys known to stand still are looked up."""
        standing = self._standing.get(record.topic)
        if standing is not None and record.lock not in standing:
            return False
        if await self._parked.stands(record.topic, record.lock):
            return self._wanted(record)
        if standing is not None:
            standing.discard(record.lock)
        return False

    def _wanted(self, record: Record) -> bool:
        """Whether a record behind a parked one would concern us: what we cannot judge does."""
        try:
            return stem(read_head(record).type) in self._stems
        except Unreadable:
            return True

    async def _park(self, record: Record, error: Exception | None) -> None:
        await self._parked.park(record, error)
        if (standing := self._standing.get(record.topic)) is not None:
            standing.add(record.lock)
        self._metrics.parked.inc()
        log.warning(
            "lane.parked",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            error=type(error).__name__ if error else "behind",
            reason=str(error)[:300] if isinstance(error, Unreadable) else None,
        )

    async def _one(self, record: Record) -> None:
        head = read_head(record)
        found = self._by_type.get(head.type)
        if found is None:
            if (known := self._stems.get(stem(head.type))) is not None:
                raise Unreadable("unknown-version", f"{head.type[:120]} came, {known} is what is read here")
            return  # somebody else's event on a shared topic
        model, handler = found
        await self._apply(handler, head, read(record, head, model))

    async def _apply(self, handler: Handler, head: Head, event: Event[Any]) -> None:
        # Bound and timed by hand: the context managers for it cost more than all else that happens to an event here.
        bound = bind_contextvars(event_id=told_id(head.id), event_type=head.type, subject=told_id(head.subject))
        began = time.perf_counter()
        try:
            with telemetry.bind(head.trace):
                await handler(event)
        finally:
            self._metrics.took(head.type, time.perf_counter() - began)
            reset_contextvars(**bound)
        crashpoint.reached("after-effect")

    # -- releasing parked keys ---------------------------------------------------------------------------

    async def release_due(self) -> int:
        """Try the keys that a person released, if their partition is ours; how many records were handled."""
        handled = 0
        for topic, lock, partition in await self._parked.releasing():
            if self._owns(topic, partition):
                async with self._turn:
                    handled += await self._release(topic, lock)
        return handled

    def _owns(self, topic: str, partition: int) -> bool:
        if self._connect is None:
            return topic in self.topics
        return TopicPartition(topic, partition) in self.assigned()

    async def _release(self, topic: str, lock: str) -> int:
        handled = 0
        await self._parked.release(topic, lock)  # what joined it since: we may not come to its end this time
        while records := await self._parked.records(topic, lock):
            for record in records:
                try:
                    await self._retry(record)
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

    async def _retry(self, record: Record | None) -> None:
        if record is None:
            raise Unreadable("too-large", "its bytes were not kept")
        await self._one(record)
        await self._parked.done(record)


def _written_at(record: Any) -> float | None:
    """Kafka's timestamp, in seconds; it has none of records from before it knew the time."""
    stamp = getattr(record, "timestamp", None)
    return stamp / 1000 if stamp is not None and stamp > 0 else None


async def _whole_message(message: Any) -> Any:
    """FastStream decoder: the handler gets the message as it is, nothing is injected."""
    return message
