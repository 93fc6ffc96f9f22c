"""What becomes of one record: its handler takes it, or its key is parked; while our infrastructure is away, neither.

The lane says when, and what may go on beside it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from shared import crashpoint, telemetry
from shared.contracts.registry import EventModel, stem
from shared.messaging.envelope import Event, Head, Record, Unreadable, read, read_head
from shared.messaging.metrics import LaneMetrics
from shared.messaging.parked import Parked
from shared.store.collection import Unavailable
from shared.store.repository import Contention

log = structlog.get_logger("lane")

Handler = Callable[[Event[Any]], Awaitable[None]]
Handlers = Mapping[type[EventModel], Handler]

HOLD_ON = (Unavailable, Contention, ConnectionError, TimeoutError)
"""Our own infrastructure is away: hold the key and try again, park nothing."""


class Handling:
    """Handlers by event type, and the keys that are parked, as far as they are known here."""

    def __init__(self, handlers: Handlers, parked: Parked, metrics: LaneMetrics) -> None:
        self._by_type = {model.type: (model, handler) for model, handler in handlers.items()}
        self._stems = {stem(type_): type_ for type_ in self._by_type}
        self._parked, self._metrics = parked, metrics
        self._standing: dict[str, set[str]] = {}
        self._looking = asyncio.Lock()

    def look_again(self, topic: str) -> None:
        """Others may have parked keys of the topic meanwhile."""
        self._standing.pop(topic, None)

    async def tried(self, record: Record) -> Exception | None:
        """Handle the record or park it; where neither can be done now, why."""
        telemetry.leave()  # whoever works at it has worked at others
        try:
            if await self._stands(record):
                await self._park(record, None)
                return None
            try:
                await self._one(record)
            except HOLD_ON:
                raise
            except Exception as exc:  # noqa: BLE001 - whatever a handler raises parks its key, with the reason
                await self._park(record, exc)
        except asyncio.CancelledError as exc:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            return ConnectionError(f"somebody else was ended: {exc!r}")  # not we: the record is still to be handled
        except Exception as exc:  # noqa: BLE001 - a record that is let go here would be lost
            return exc
        return None

    async def _stands(self, record: Record) -> bool:
        """Whether the record's key is parked. Only keys known to stand still are looked up."""
        standing = self._standing.get(record.topic)
        if standing is None:
            standing = await self._look_up(record.topic)
        if record.lock not in standing:
            return False
        if await self._parked.stands(record.topic, record.lock):
            return self._wanted(record)
        standing.discard(record.lock)
        return False

    async def _look_up(self, topic: str) -> set[str]:
        async with self._looking:  # what is parked while we look must not be missed
            if topic not in self._standing:
                self._standing[topic] = await self._parked.locks(topic)
            return self._standing[topic]

    def _wanted(self, record: Record) -> bool:
        """Whether a record behind a parked one would concern us: what we cannot judge does."""
        try:
            return stem(read_head(record).type) in self._stems
        except Unreadable:
            return True

    async def _park(self, record: Record, error: Exception | None) -> None:
        async with self._looking:
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
        telemetry.begin(head.trace, head.told)  # until this worker's next event
        began = time.perf_counter()
        try:
            await handler(event)
        finally:
            self._metrics.took(head.type, time.perf_counter() - began)
        crashpoint.reached("after-effect")

    async def retry(self, record: Record | None) -> None:
        if record is None:
            raise Unreadable("too-large", "its bytes were not kept")
        await self._one(record)
        await self._parked.done(record)
