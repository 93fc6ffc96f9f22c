"""Tables: reference data from compacted topics, whole and in memory, followed without a group.

One reader per service serves all its tables. A table is ready once it has read what was there at the start.
A bad row changes nothing: the row before it stays, and the record is parked until a good row replaces it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.registry import EventModel, stem
from shared.messaging.envelope import Record, Unreadable, read, read_head
from shared.messaging.parked import Parked
from shared.store.collection import Unavailable

log = structlog.get_logger("table")

M = TypeVar("M", bound=EventModel)
T = TypeVar("T")
POLL_MS = 500
RETRY_SECONDS = 1.0
SILENT_SECONDS = 20.0


class Table(Mapping[str, M], Generic[M]):
    """Rows of one event type by `key(row)`. Reads like a dict; only the reader writes."""

    def __init__(self, model: type[M], key: Callable[[M], str], on_change: Callable[[], None] = lambda: None) -> None:
        self.model, self._key, self._on_change = model, key, on_change
        self._rows: dict[str, M] = {}
        self._names: dict[bytes, str] = {}
        self._sequences: dict[bytes, int] = {}

    def __getitem__(self, key: str) -> M:
        return self._rows[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, subject: bytes, row: M, sequence: int = 0) -> None:
        """The row of a subject as it is from now on. One that is older than what is known changes nothing."""
        if sequence < self._sequences.get(subject, 0):
            return
        self._sequences[subject], name = sequence, self._key(row)
        if (before := self._names.get(subject)) is not None and before != name:
            self._rows.pop(before, None)
        self._names[subject], self._rows[name] = name, row
        self._on_change()

    def remove(self, subject: bytes) -> None:
        """A tombstone: the row is gone."""
        if (name := self._names.pop(subject, None)) is not None:
            self._rows.pop(name, None)
            self._on_change()

    def prune(self, is_over: Callable[[M], bool]) -> None:
        """Drop the rows that are of no use any more, and what is known of their subjects."""
        over = [subject for subject, name in self._names.items() if is_over(self._rows[name])]
        for subject in over:
            self._rows.pop(self._names.pop(subject), None)
            del self._sequences[subject]


class TableReader:
    """Feeds the tables of one service from their topics."""

    def __init__(
        self, tables: list[Table[Any]], parked: Parked, options: Callable[[], dict[str, Any]] | None = None
    ) -> None:
        self._tables, self._parked, self._options = tables, parked, options
        self._by_type = {table.model.type: table for table in tables}
        self.topics = sorted({table.model.topic for table in tables})
        self._bad: set[tuple[str, str]] | None = None
        self._behind: dict[TopicPartition, int] = {}
        self._polled: dict[TopicPartition, tuple[int, float]] = {}
        self._looked: dict[TopicPartition, float] = {}
        self._whole_at: dict[TopicPartition, float] = {}
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Read from the beginning, then follow; raises what Kafka raises when it is away at the start."""
        if self._options is None or not self.topics:
            self.ready.set()
            return
        consumer = AIOKafkaConsumer(
            *self.topics, group_id=None, auto_offset_reset="earliest", enable_auto_commit=False, **self._options()
        )
        try:
            await consumer.start()
            await self._look_ahead(consumer)
            while True:
                began = time.monotonic()
                for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                    for r in records:
                        await self.feed(Record(r.topic, r.partition, r.offset, r.key, r.headers, r.value))
                for partition in list(self._behind):  # also where compaction left nothing to read
                    self._caught_up(partition, await consumer.position(partition))
                for partition in consumer.assignment():
                    self._note(partition, consumer, await consumer.position(partition), began)
        finally:
            await consumer.stop()

    async def _look_ahead(self, consumer: AIOKafkaConsumer) -> None:
        """Note where the topics end now: a table is ready when it has read as far."""
        partitions = sorted(consumer.assignment())
        if missing := set(self.topics) - {p.topic for p in partitions}:
            raise ConnectionError(f"not to be read yet: {', '.join(sorted(missing))}")
        self._looked = dict.fromkeys(partitions, time.monotonic())
        starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        self._behind = {p: ends[p] for p in partitions if ends[p] > starts[p]}
        self._caught_up(None, 0)

    def _caught_up(self, partition: TopicPartition | None, position: int) -> None:
        if partition in self._behind and position >= self._behind[partition]:
            del self._behind[partition]
        if not self._behind:
            self._whole_at |= self._looked
            self._looked = {}
            self.ready.set()

    def _note(self, partition: TopicPartition, consumer: Any, position: int, began: float) -> None:
        """The broker answers each fetch, also where nothing is new: at that moment we knew all there was.

        The consumer tells the moment by a clock that may jump, so it only says here that there was another answer. It
        was asked for after the answer before, and the broker gave it then or later.
        """
        polled, whole = consumer.last_poll_timestamp(partition), consumer.highwater(partition)
        known, asked = self._polled.get(partition, (None, None))
        if polled is None or whole is None or polled == known:
            return
        self._polled[partition] = polled, began
        if asked is not None and position >= whole:
            self._whole_at[partition] = asked

    def age(self, topic: str) -> float:
        """Seconds since the topic was known to be read to its end, at most; infinite before the first time."""
        if self._options is None:
            return 0.0
        known = [at for partition, at in self._whole_at.items() if partition.topic == topic]
        return time.monotonic() - min(known) if known and self.ready.is_set() else float("inf")

    def fault(self) -> str | None:
        """Why the tables cannot be relied on, for readiness; `None` when they are caught up."""
        if self._options is None:
            return None
        if not self.ready.is_set():
            return f"{', '.join(self.topics)}: not caught up yet"
        silent = [topic for topic in self.topics if self.age(topic) > SILENT_SECONDS]
        return f"{', '.join(silent)}: not heard of for {SILENT_SECONDS:.0f} s" if silent else None

    async def feed(self, record: Record) -> None:
        """Take one record into its table."""
        if self._bad is None:
            self._bad = await self._until_stored(self._known_bad)
        at = (record.topic, record.lock)
        try:
            self._take(record)
        except Exception as exc:  # noqa: BLE001 - whatever is wrong with a row, the others must be read
            log.warning(
                "table.bad-row", topic=record.topic, partition=record.partition, offset=record.offset, error=str(exc)
            )
            self._bad.add(at)
            await self._until_stored(partial(self._parked.park, record, exc))
            return
        if at in self._bad and await self._until_stored(partial(self._parked.superseded, record)) > 0:
            self._bad.discard(at)

    async def _known_bad(self) -> set[tuple[str, str]]:
        return {(topic, lock) for topic in self.topics for lock in await self._parked.locks(topic)}

    @staticmethod
    async def _until_stored(act: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await act()
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)

    def _take(self, record: Record) -> None:
        if record.value is None and record.key is not None and not any(name == "ce_type" for name, _ in record.headers):
            for table in self._tables:
                if table.model.topic == record.topic:
                    table.remove(record.key)
            return
        head = read_head(record)
        if head.type not in self._by_type:
            if any(stem(head.type) == stem(type_) for type_ in self._by_type):
                raise Unreadable("unknown-version", f"{head.type[:120]} came")
            return
        table = self._by_type[head.type]
        if record.value is None:
            table.remove(record.key or b"")
            return
        table.put(record.key or b"", read(record, head, table.model).data, head.sequence or 0)

    async def release_due(self) -> int:
        """Try the bad rows that a person released; how many are good now."""
        good = 0
        for topic, lock, _ in await self._parked.releasing():
            if topic not in self.topics:
                continue
            for record in await self._parked.records(topic, lock):
                if record is None:  # its bytes were not kept
                    continue
                try:
                    self._take(record)
                except Exception as exc:  # noqa: BLE001 - it stands still again, with the newer reason
                    await self._parked.failed_again(record, exc)
                    continue
                await self._parked.done(record)
                good += 1
            await self._parked.stand_still(topic, lock)
        return good
