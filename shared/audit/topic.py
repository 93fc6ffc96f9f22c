"""What a record on a topic of noted acts says, for the chain and for whoever compares the two."""

import json
from dataclasses import dataclass
from datetime import datetime

from shared.audit.chain import fingerprint, stamp
from shared.contracts.acts import NotedAct
from shared.messaging.envelope import Event, Record, Unreadable, read, read_head


@dataclass(frozen=True, slots=True)
class Told:
    """An act on the topic: its event, and what has to be in the chain of it."""

    event: str
    at: datetime
    fingerprint: bytes


def told(record: Record, model: type[NotedAct]) -> Told:
    """Raises `Unreadable` for what is no act of that type."""
    head = read_head(record)
    if head.type != model.type:
        raise Unreadable("unknown-type", f"{head.type[:120]} came")
    event = read(record, head, model)
    at, trace = origin(event)
    # As it lies there: a field that came later would be filled in by the model.
    raw = json.loads(record.value or b"")
    return Told(event.id, at, fingerprint(event.id, stamp(at), trace, raw))


def origin(event: Event[NotedAct]) -> tuple[datetime, str]:
    """When the act was done, and in which trace. Raises `Unreadable` where the envelope does not say when."""
    if event.time is None:
        raise Unreadable("no-time", "an act has a ce_time")
    return event.time, event.trace.split("-")[1] if event.trace and event.trace.count("-") == 3 else ""
