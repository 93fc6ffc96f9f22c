"""A bus in memory: what relays publish, lanes and tables read, without Kafka and without waiting.

Delivery is as on the real one: at least once, in order per key, to every reader of the topic.
"""

import asyncio
import json
from typing import Any

from shared.contracts.registry import EventModel, registered
from shared.messaging.envelope import Record, topic_pattern
from shared.runtime import Runtime

HANDLED_SECONDS = 10.0


def _as_agreed(topic: str, type_: str, value: bytes) -> None:
    """Whoever publishes emits what the contract says: the type's own topic, and every field of its model."""
    model = registered()[type_]
    assert topic_pattern(model.topic).fullmatch(topic), f"{type_} does not belong on {topic}"  # noqa: S101
    model.model_validate_json(value)
    assert set(json.loads(value)) == set(model.model_fields), f"{type_} is not written as its sample"  # noqa: S101


class MemoryBus:
    """An `Outlet` for any number of services, which hands records on when `settle` is called."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.failing: Exception | None = None
        self._runtimes: dict[Runtime, int] = {}

    async def publish(self, topic: str, key: str, headers: dict[str, str], value: bytes) -> None:
        if self.failing is not None:
            raise self.failing
        _as_agreed(topic, headers["ce_type"], value)
        pairs = [(name, text.encode()) for name, text in headers.items()]
        self.records.append(Record(topic, 0, len(self.records), key.encode(), pairs, value))

    async def rebuild(self) -> None:
        return None

    async def join(self, runtime: Runtime) -> None:
        """A service takes part from now on, and reads what was there before."""
        await runtime.prepare()
        self._runtimes[runtime] = 0

    def leave(self, runtime: Runtime) -> None:
        """The process is dead: nothing reaches it any more."""
        del self._runtimes[runtime]

    async def settle(self) -> None:
        """Let everything that follows from what has happened happen."""
        moved = True
        while moved:
            moved = False
            for runtime in self._runtimes:
                assert runtime.relay is not None  # noqa: S101 - wired
                moved |= await runtime.relay.sweep() > 0
                moved |= await runtime.timers.sweep() > 0
                moved |= await self._deliver(runtime)

    async def _deliver(self, runtime: Runtime) -> bool:
        news = self.records[self._runtimes[runtime] :]
        self._runtimes[runtime] += len(news)
        for record in news:
            await self.hand(runtime, record)
        return bool(news)

    async def hand(self, runtime: Runtime, record: Record) -> None:
        """Deliver one record to a service, as its tables and its lane read it."""
        if runtime.tables is not None and record.topic in runtime.tables.topics:
            await runtime.tables.feed(record)
        if runtime.lane is not None and record.topic in runtime.lane.topics:
            try:
                async with asyncio.timeout(HANDLED_SECONDS):
                    await runtime.lane.handle([record])
            except TimeoutError:
                raise AssertionError(f"the lane does not come to its end: {runtime.lane.held}") from None

    async def say(self, topic: str, event: EventModel, *, key: str, id_: str, **headers: str) -> Record:
        """A department, or anybody else, writes an event with its own client."""
        said = {
            "ce_specversion": "1.0",
            "ce_id": id_,
            "ce_source": f"/dalian/{topic.partition('.')[0]}",
            "ce_type": event.type,
            "ce_subject": key,
            "content-type": "application/json",
        }
        await self.publish(topic, key, said | headers, event.model_dump_json().encode())
        return self.records[-1]

    def said(self, model: type[EventModel], *, topic: str | None = None) -> list[dict[str, Any]]:
        """The payloads of all events of a type, in order."""
        wanted = [r for r in self.records if topic is None or r.topic == topic]
        return [json.loads(r.value or b"{}") for r in wanted if dict(r.headers).get("ce_type") == model.type.encode()]
