"""Parked keys: what could not be handled waits here, in order, with its reason, for a person.

One document per record, so that a 10 MB record and its followers fit. A key is parked while it has records
here; later records of the key join it. `release` marks a key to be tried again by the lane that owns it.
A record that was given up stays as an empty document: a table that reads its topic again from the beginning
must not park it anew, and who gave up what, and when, can be seen later.
"""

import base64
import hashlib
import traceback
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from shared.clock import Clock
from shared.messaging.envelope import Record, Unreadable
from shared.store.collection import Collection, Document, DuplicateKey, Filter, Index, Update

STORED_LIMIT = 12_000_000
"""Bytes of a value that are kept. A longer one keeps its digest and place on the topic, and cannot be retried."""

LISTED = 10_000
"""Records that a list of keys goes through. Who has parked more mends the oldest cause first."""


class ParkedRecord(BaseModel):
    """A parked record as an operator sees it. `value` is there when one is shown, base64."""

    id: str
    topic: str
    partition: int
    offset: int
    key: str
    type: str | None
    reason: str
    error: str
    traceback: str
    size: int
    sha256: str
    parked_at: datetime
    attempts: int
    releasing: bool
    value: str | None = None


class ParkedKey(BaseModel):
    """A key that stands still: how many records wait, and why the first one could not be handled."""

    topic: str
    key: str
    records: int
    reason: str
    error: str
    type: str | None
    since: datetime
    releasing: bool


def _reason(error: BaseException | None) -> tuple[str, str, str]:
    if error is None:
        return "behind", "waits behind an earlier record of its key", ""
    if isinstance(error, Unreadable):
        return error.code, error.detail, ""
    return "failed", f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))[-8000:]


class Parked:
    """The parked records of one service."""

    def __init__(self, collection: Collection, clock: Clock) -> None:
        self._c, self._clock = collection, clock

    async def ensure(self) -> None:
        """Make the indexes."""
        await self._c.ensure(Index([("topic", 1), ("lock", 1), ("offset", 1)]), Index([("releasing", 1)]))

    async def park(self, record: Record, error: BaseException | None) -> None:
        """Keep the record with its reason (`None`: it waits behind another); parking it again changes nothing."""
        value = record.value or b""
        reason, message, trace = _reason(error)
        types = [raw.decode("utf-8", "replace") for name, raw in record.headers if name.lower() == "ce_type" and raw]
        document: Document = {
            "_id": _id(record),
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "lock": record.lock,
            "key": record.key,
            "headers": [[name, raw] for name, raw in record.headers],
            "value": value if len(value) <= STORED_LIMIT else None,
            "empty": record.value is None,
            "size": len(value),
            "sha256": hashlib.sha256(value).hexdigest(),
            "type": types[0][:200] if types else None,
            "reason": reason,
            "error": message[:2000],
            "traceback": trace,
            "parked_at": self._clock.now(),
            "attempts": 1 if error is not None else 0,
            "releasing": False,
            "dropped": False,
        }
        with suppress(DuplicateKey):  # redelivered after a crash between parking and commit, or given up before
            await self._c.insert(document)
        if error is None:
            await self._follow(record)

    async def _follow(self, record: Record) -> None:
        """What it waits behind may be gone by now, or is being tried again: so is this then.

        Nobody else would: a person releases what failed, and this has not failed.
        """
        before = {"topic": record.topic, "lock": record.lock, "offset": {"$lt": record.offset}, **_WAITS}
        if not await self._c.count({**before, "releasing": False}):
            await self._c.update({"_id": _id(record), "reason": "behind", **_WAITS}, {"$set": {"releasing": True}})

    async def locks(self, topic: str) -> set[str]:
        """The locks that stand still on a topic."""
        return {d["lock"] for d in await self._c.find({"topic": topic, **_WAITS}, only=("lock",), limit=100_000)}

    async def stands(self, topic: str, lock: str) -> bool:
        """Whether the key stands still."""
        return await self._c.count({"topic": topic, "lock": lock, **_WAITS}) > 0

    async def count(self) -> int:
        """How many records wait."""
        return await self._c.count(_WAITS)

    async def keys(self) -> list[ParkedKey]:
        """The keys that stand still, the longest first; those of the first `LISTED` records."""
        found: dict[tuple[str, str], ParkedKey] = {}
        for d in await self._c.find(_WAITS, sort=[("parked_at", 1), ("offset", 1)], limit=LISTED, only=_SUMMARY):
            at = (d["topic"], d["lock"])
            if at in found:
                found[at].records += 1
            else:
                found[at] = ParkedKey(
                    topic=d["topic"],
                    key=d["lock"],
                    records=1,
                    since=d["parked_at"],
                    **{name: d[name] for name in ("reason", "error", "type", "releasing")},
                )
        return list(found.values())

    async def show(self, topic: str, lock: str, *, values: bool = False) -> list[ParkedRecord]:
        """The records of a key in order, with their bytes if wanted."""
        only = () if values else _SHOWN
        key = {"topic": topic, "lock": lock, **_WAITS}
        found = await self._c.find(key, sort=[("offset", 1)], limit=1000, only=only)
        return [_shown(d) for d in found]

    async def release(self, topic: str, lock: str) -> int:
        """Mark the key to be tried again; how many records that concerns."""
        return await self._mark(topic, lock, {"$set": {"releasing": True}})

    async def drop(self, topic: str, lock: str, *, by: str) -> int:
        """Give the key's records up for good; how many. Their bytes go, when and `by` whom stays."""
        given_up = {"dropped": True, "dropped_at": self._clock.now(), "dropped_by": by, "releasing": False}
        given_up |= {"value": None, "headers": []}
        return await self._mark(topic, lock, {"$set": given_up})

    async def releasing(self) -> list[tuple[str, str, int]]:
        """Topic, lock and partition of the keys that are to be tried again."""
        found = await self._c.find({"releasing": True}, only=("topic", "lock", "partition"), limit=1000)
        return sorted({(d["topic"], d["lock"], d["partition"]) for d in found})

    async def records(self, topic: str, lock: str, limit: int = 50) -> list[Record | None]:
        """The key's first records in order; `None` for one whose bytes were too many to keep."""
        key = {"topic": topic, "lock": lock, **_WAITS}
        found = await self._c.find(key, sort=[("offset", 1)], limit=limit)
        return [None if d["value"] is None and not d["empty"] else _record(d) for d in found]

    async def done(self, record: Record) -> None:
        """The record was handled after all."""
        await self._c.delete({"_id": _id(record)})

    async def superseded(self, record: Record) -> int:
        """A good row of a table came: what was parked of its key up to there is of no use any more; how many."""
        return await self._c.delete({"topic": record.topic, "lock": record.lock, "offset": {"$lte": record.offset}})

    async def failed_again(self, record: Record, error: BaseException) -> None:
        """The key stands still as before, with the newer reason."""
        reason, message, trace = _reason(error)
        await self._c.update(
            {"_id": _id(record)},
            {"$set": {"reason": reason, "error": message[:2000], "traceback": trace}, "$inc": {"attempts": 1}},
        )

    async def stand_still(self, topic: str, lock: str) -> None:
        """Take the wish to try again back."""
        await self._mark(topic, lock, {"$set": {"releasing": False}})

    async def _mark(self, topic: str, lock: str, update: Update) -> int:
        waiting = await self._c.find({"topic": topic, "lock": lock, **_WAITS}, only=("_id",), limit=100_000)
        return await self._c.update_each([({"_id": d["_id"], **_WAITS}, update) for d in waiting])


_WAITS: Filter = {"dropped": False}
_SHOWN: Sequence[str] = ("lock", *(set(ParkedRecord.model_fields) - {"id", "key", "value"}))
_SUMMARY: Sequence[str] = ("topic", "lock", "reason", "error", "type", "parked_at", "releasing")


def _id(record: Record) -> str:
    """Where the record lies, and what it is: a broker that lost its data counts its places from the beginning again."""
    headers = [part for name, raw in record.headers for part in (name.encode(), raw or b"")]
    parts = (record.key or b"", record.value or b"", *headers)
    content = hashlib.sha256(b"".join(b"%d:%s" % (len(part), part) for part in parts))
    return f"{record.topic}/{record.partition}/{record.offset}/{content.hexdigest()[:12]}"


def _record(document: Document) -> Record:
    return Record(
        topic=document["topic"],
        partition=document["partition"],
        offset=document["offset"],
        key=document["key"],
        headers=[(name, raw) for name, raw in document["headers"]],
        value=None if document["empty"] else document["value"],
    )


def _shown(document: Document) -> ParkedRecord:
    fields: dict[str, Any] = {name: document[name] for name in ParkedRecord.model_fields if name in document}
    value = document.get("value")
    fields |= {"id": document["_id"], "key": document["lock"]}
    fields["value"] = base64.b64encode(value).decode() if value is not None else None
    return ParkedRecord(**fields)
