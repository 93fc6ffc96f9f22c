"""The limit's consumer: a batch in, its effects in few writes, one commit."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer

from tests.bench.limit import wire

MAX_RECORDS = 500


@dataclass(frozen=True)
class Heard:
    """One event of the types asked for. `data` is its payload."""

    topic: str
    id: str
    type: str
    subject: str
    sequence: int | None
    trace: str
    data: dict[str, Any]

    @property
    def source(self) -> str:
        """The key of `heard` for this event."""
        return wire.source_of(self.topic.removeprefix(wire.PREFIX), self.subject)


async def consume(
    group: str, topics: Sequence[str], types: Sequence[str], handle: Callable[[list[Heard]], Awaitable[None]]
) -> None:
    """Handle batches until cancelled; what was not committed comes again."""
    named = [wire.PREFIX + topic for topic in topics]
    consumer = AIOKafkaConsumer(
        *named, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest", **wire.kafka()
    )
    await consumer.start()
    wanted = {type_.encode() for type_ in types}
    try:
        while True:
            found = await consumer.getmany(timeout_ms=1000, max_records=MAX_RECORDS)
            records = [record for batch in found.values() for record in batch]
            events = [read(record) for record in records if dict(record.headers)["ce_type"] in wanted]
            if events:
                await handle(events)
            if records:
                await consumer.commit()
    finally:
        await consumer.stop()


def read(record: Any) -> Heard:
    """An event from its record."""
    head = {name: value.decode() for name, value in record.headers}
    sequence = int(head["ce_sequence"]) if "ce_sequence" in head else None
    return Heard(
        record.topic,
        head["ce_id"],
        head["ce_type"],
        head["ce_subject"],
        sequence,
        head.get("traceparent") or wire.trace(),
        json.loads(record.value),
    )


async def table(topic: str) -> dict[str, dict[str, Any]]:
    """The rows of a compacted topic as they are now, by key; topics of the city, without our prefix."""
    consumer = AIOKafkaConsumer(topic, auto_offset_reset="earliest", **wire.kafka())
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        rows: dict[str, dict[str, Any]] = {}
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                rows |= {r.key.decode(): json.loads(r.value) for r in batch if r.value is not None}
        return rows
    finally:
        await consumer.stop()
