"""The envelope: CloudEvents 1.0 in Kafka binary mode, read strictly.

Headers `ce_*`, `traceparent`, `content-type`; the value is bare JSON; the key is the aggregate id = `ce_subject`.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Generic, TypeVar

from pydantic import ValidationError

from shared.contracts.registry import EventModel

E = TypeVar("E", bound=EventModel, covariant=True)

VALUE_LIMIT = 1_048_576
"""Bytes of a value we read. A compressed batch may carry more through the broker's own limit."""

_MEMBER = r"(?P<member>[a-z][a-z0-9]{1,15})"
_ID_LIMIT = 300
_TELLABLE = re.compile(r"[A-Za-z0-9._:-]{1,120}", re.ASCII)
_LONG_NUMBER = re.compile(r"[0-9]{9}")
_SEQUENCE = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
REQUIRED = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject")


class Unreadable(Exception):
    """A record that is not an event we can take. `code` is stable; `detail` names no personal data."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it lies on the topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    value: bytes | None
    written_at: float | None = None
    """When the topic took it (Unix time), where that is known."""

    @property
    def lock(self) -> str:
        """What must stay in order: the key, or the record alone when it has none."""
        if self.key:
            return self.key.decode("utf-8", "backslashreplace")[:300]
        return f"@{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Head:
    """The attributes of an event, before its payload is read."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime | None
    sequence: int | None
    trace: str | None

    def told(self) -> dict[str, str]:
        """What a log line says of the event."""
        return {"event_id": told_id(self.id), "event_type": self.type, "subject": told_id(self.subject)}


@dataclass(frozen=True, slots=True)
class Event(Generic[E]):
    """An event that was read. `member` is who wrote it, by the topic's name and nothing else."""

    id: str
    type: str
    topic: str
    subject: str
    sequence: int | None
    time: datetime | None
    trace: str | None
    member: str
    data: E


def headers(
    *, id_: str, source: str, type_: str, subject: str, time: datetime, sequence: int, trace: str
) -> dict[str, str]:
    """The headers of one event of ours."""
    return {
        "ce_specversion": "1.0",
        "ce_id": id_,
        "ce_source": source,
        "ce_type": type_,
        "ce_subject": subject,
        "ce_time": time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce_sequence": str(sequence),
        "traceparent": trace,
        "content-type": "application/json",
    }


@cache
def topic_pattern(template: str) -> re.Pattern[str]:
    """A pattern for the topics of a template; `{department}` and the like stand for one member's code."""
    return re.compile(
        "".join(_MEMBER if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", template))
    )


def told_id(id_: str) -> str:
    """An event's id as it may stand on a public topic or in a log: a stranger's own words become their digest.

    Ids are the writer's choice, and a department might choose a name or an identity number.
    """
    if _TELLABLE.fullmatch(id_) and not _LONG_NUMBER.search(id_):
        return id_
    return f"sha256:{hashlib.sha256(id_.encode()).hexdigest()}"


def writer(topic: str) -> str:
    """Who may write on a topic: the part before the first dot (ADR 0001)."""
    return topic.partition(".")[0]


def read_head(record: Record) -> Head:
    """The attributes of a record; raises `Unreadable` naming what is missing or wrong."""
    found = _texts(record.headers)
    if missing := [name for name in REQUIRED if not found.get(name)]:
        raise Unreadable("no-envelope", f"missing {', '.join(missing)}")
    if found["ce_specversion"] != "1.0":
        raise Unreadable("unknown-specversion", "only CloudEvents 1.0 is read")
    if not found.get("content-type", "application/json").lower().startswith("application/json"):
        raise Unreadable("unknown-content-type", "only application/json in binary mode is read")
    if record.key is None or record.key != found["ce_subject"].encode():
        raise Unreadable("key-differs", "the record's key is not its ce_subject")
    if len(found["ce_id"]) > _ID_LIMIT:
        raise Unreadable("bad-id", f"ce_id has more than {_ID_LIMIT} characters")
    return Head(
        id=found["ce_id"],
        source=found["ce_source"],
        type=found["ce_type"],
        subject=found["ce_subject"],
        time=_time(found.get("ce_time")),
        sequence=_sequence(record.topic, found.get("ce_sequence")),
        trace=found.get("traceparent") or found.get("ce_traceparent"),
    )


def _texts(pairs: Sequence[tuple[str, bytes | None]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, raw in pairs:
        try:
            found[name.lower()] = (raw or b"").decode()
        except UnicodeDecodeError as exc:
            raise Unreadable("bad-header", f"{name[:40]!r} is not UTF-8") from exc
    return found


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is None:
            raise Unreadable("bad-time", "ce_time has no offset")
        return when.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise Unreadable("bad-time", "ce_time is not RFC 3339") from exc


def _sequence(topic: str, text: str | None) -> int | None:
    """A service's own count. What departments count is theirs: their `ce_id` tells repeats."""
    if topic.endswith(".out"):
        return None
    if not text or _SEQUENCE.fullmatch(text) is None:
        raise Unreadable("bad-sequence", "ce_sequence is not a positive whole number")
    return int(text)


def read(record: Record, head: Head, model: type[E]) -> Event[E]:
    """The whole event; raises `Unreadable` for a foreign topic, an oversized value or a payload of another shape."""
    if topic_pattern(model.topic).fullmatch(record.topic) is None:
        raise Unreadable("wrong-topic", f"{model.type} is written on {model.topic}, not on {record.topic}")
    if record.value is None:
        raise Unreadable("no-value", "the record has no value")
    if len(record.value) > VALUE_LIMIT:
        raise Unreadable("too-large", f"{len(record.value)} bytes, the limit is {VALUE_LIMIT}")
    try:
        data = model.model_validate_json(record.value)
    except ValidationError as exc:
        faults = "; ".join(
            f"/{'/'.join(map(str, e['loc']))}: {e['type']}" for e in exc.errors(include_input=False)[:20]
        )
        raise Unreadable("wrong-shape", faults) from exc
    except RecursionError as exc:  # pragma: no cover - the parser has its own limit, this is the belt
        raise Unreadable("wrong-shape", "nested too deeply") from exc
    return Event(
        id=head.id,
        type=head.type,
        topic=record.topic,
        subject=head.subject,
        sequence=head.sequence,
        time=head.time,
        trace=head.trace,
        member=writer(record.topic),
        data=data,
    )
