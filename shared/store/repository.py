"""Aggregates in a collection: one document, one write, its events in the same write.

A document is the aggregate's state beside the kernel's own fields: `v` (changes), `seq` (last journal
entry), `sent` (last entry confirmed by Kafka), `pending` (entries since the relay last caught up),
`journal`, `heard` and `seen` (events already applied), `forget_at` (when personal entries lose their data).
"""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from shared import crashpoint, telemetry
from shared.aggregate import Aggregate, Recorded
from shared.errors import NotFound, PreconditionFailed
from shared.personal import personal_fields
from shared.store.collection import Database, Document, DuplicateKey, Index
from shared.store.seal import DataKeys, Seal

A = TypeVar("A", bound=Aggregate)
R = TypeVar("R")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KERNEL_FIELDS = frozenset({"id", "v", "seq"})
ATTEMPTS = 12
PAUSE_SECONDS = 0.002
"""The longest pause before the second attempt; it doubles with each."""
SEEN_LIMIT = 100
WRITTEN_SECONDS, WRITTEN_LIMIT, WRITTEN_SIZE = 10.0, 500, 64_000
"""How long a process remembers what it wrote (what is changed is changed again soon), of how many aggregates, and how
large one may be, roughly in characters."""
PERSONAL_RETENTION = timedelta(days=7)
"""How long personal journal entries keep their data: the retention of the personal topics (topics.yaml)."""


class AlreadyThere(Exception):
    """`add` met an aggregate with this id; nothing was overwritten."""


class Contention(Exception):
    """Too many others changed the same document at once; trying again later is right."""


class Cause(Protocol):
    """The event that a change is the effect of."""

    @property
    def id(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def sequence(self) -> int | None: ...


class JournalEntry(BaseModel):
    """One entry of an aggregate's journal. `data` is the payload's JSON, `None` once it is forgotten.

    `sha256` is over the data as it was written; where it is sealed, over its salt and the data.
    """

    sequence: int
    type: str
    topic: str
    time: datetime
    trace: str
    sha256: str
    data: str | None


def _escaped(key: str) -> str:
    return key.replace("%", "%25").replace(".", "%2E").replace("$", "%24")


def _heard_key(cause: Cause) -> str:
    return _escaped(f"{cause.topic}/{cause.subject}")


def _seen_name(cause: Cause) -> str:
    return f"{cause.topic}/{cause.id}"


def has_heard(document: Document, cause: Cause) -> bool:
    """Whether the document says that it has applied this event, or a later one of the same source."""
    if cause.sequence is None:
        return _seen_name(cause) in document.get("seen", ())
    return int(document.get("heard", {}).get(_heard_key(cause), 0)) >= cause.sequence


def _heard_too(document: Document, cause: Cause | None) -> Document:
    """The kernel's part of a document after a change: what it had heard, and this."""
    heard, seen = dict(document.get("heard", {})), list(document.get("seen", ()))
    if cause is not None and cause.sequence is not None:
        heard[_heard_key(cause)] = cause.sequence
    elif cause is not None:
        seen = [*seen, _seen_name(cause)][-SEEN_LIMIT:]
    return {"_id": document["_id"], "heard": heard, "seen": seen}


_PLAIN = frozenset({str, int, float, bool, bytes, datetime, type(None)})


def _storable(value: Any) -> Any:
    """BSON knows times and no dates: a date is kept as `YYYY-MM-DD`."""
    if type(value) in _PLAIN:  # nearly all are, and each write asks of all
        return value
    if isinstance(value, dict):
        return {key: _storable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(one) for one in value]
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return value


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return sum(len(key) + _size(one) for key, one in value.items())
    if isinstance(value, list):
        return sum(map(_size, value))
    return len(value) if isinstance(value, str | bytes) else 8


def _state(aggregate: Aggregate) -> Document:
    state: Document = _storable(aggregate.model_dump(exclude=set(KERNEL_FIELDS)))
    return state


def _entry(recorded: Recorded, trace: str) -> Document:
    entry: Document = {
        "type": recorded.type,
        "topic": recorded.topic,
        "time": recorded.time,
        "trace": trace,
        "sha256": recorded.sha256,
        "data": recorded.body.decode(),
    }
    if recorded.forgets:
        entry["personal"] = True
    if recorded.sealed:
        entry["sealed"] = True
    return entry


class Repository(Generic[A]):
    """Loads and saves aggregates of one class. `on_write` wakes the relay and the timers of this process; with the
    data `keys` personal fields are sealed in the store."""

    def __init__(
        self,
        database: Database,
        name: str,
        model: type[A],
        on_write: Callable[[Aggregate], None] = lambda _: None,
        *,
        keys: DataKeys | None = None,
    ) -> None:
        if keys is None and personal_fields(model):
            raise TypeError(f"{model.__name__} has personal fields: its repository needs data keys")
        self.collection = database.collection(name)
        self.archive = database.collection(f"{name}_journal")
        self.model = model
        self._on_write = on_write
        self.seal = Seal(keys, name, model) if keys is not None else None
        self._written: OrderedDict[str, tuple[float, Document]] = OrderedDict()

    async def ensure(self, *indexes: Index) -> None:
        """Make the kernel's indexes and the feature's own."""
        await self.collection.ensure(
            Index([("_id", 1), ("v", 1)]),  # the embedded store scans for {_id, v} without it
            Index([("pending", 1)], partial={"pending": {"$gt": 0}}),
            Index([("wake_at", 1)], partial={"wake_at": {"$gt": EPOCH}}),
            Index([("forget_at", 1)], partial={"forget_at": {"$gt": EPOCH}}),
            *([Index([("sealed", 1)])] if self.seal is not None else []),
            *indexes,
        )
        await self.archive.ensure(Index([("aggregate", 1)]))

    async def add(self, aggregate: A, *, cause: Cause | None = None) -> None:
        """Insert; raises `AlreadyThere` and changes nothing when the id is taken."""
        recorded = aggregate.take_recorded()
        document = {k: v for k, v in _state(aggregate).items() if k != "wake_at" or v is not None}
        document |= {"_id": aggregate.id, "v": 1, "seq": len(recorded), "sent": 0, "pending": len(recorded)}
        document["journal"] = self._entries(recorded, 0)
        document["heard"] = {_heard_key(cause): cause.sequence} if cause and cause.sequence is not None else {}
        document["seen"] = [_seen_name(cause)] if cause and cause.sequence is None else []
        if any(r.forgets for r in recorded):
            document["forget_at"] = recorded[0].time + PERSONAL_RETENTION
        try:
            await self.collection.insert(await self._closed(aggregate, document, whole=True))
        except DuplicateKey as exc:
            raise AlreadyThere(aggregate.id) from exc
        crashpoint.reached("after-write")
        aggregate.v, aggregate.seq = 1, len(recorded)
        self._remember({field: value for field, value in document.items() if field != "journal"})
        self._on_write(aggregate)

    async def put(self, new: A, revise: Callable[[A], R], *, version: int | None = None) -> tuple[A, bool]:
        """Insert `new`, or `revise` the one that is there; the aggregate and whether anything changed.

        With `version`, what is there has to be of that version. Raises what `change` raises: `NotFound` means that
        not the id is taken but a value that another document has to itself.
        """
        if version is None:
            try:
                await self.add(new)
                return new, True
            except AlreadyThere:
                pass
        found: list[int] = []

        def noting(aggregate: A) -> None:
            found.append(aggregate.v)
            revise(aggregate)

        revised = await self.change(new.id, noting, version=version)
        return revised, revised.v != found[-1]

    async def find(self, id_: str) -> A | None:
        """The aggregate, or None."""
        document = await self._read(id_)
        return None if document is None else self.load(document)

    async def get(self, id_: str) -> A:
        """The aggregate; raises `NotFound`."""
        if (found := await self.find(id_)) is None:
            raise NotFound(f"there is no {self.model.__name__.lower()} {id_}")
        return found

    def load(self, document: Document) -> A:
        """An aggregate from its document, as queries of a feature's store find it. Sealed ones: see `opened`."""
        if self.seal is not None and self.seal.is_closed(document):
            raise TypeError(f"{self.collection.name} {document['_id']} is sealed: use `opened`")
        return self.model.model_validate(document)

    async def opened(self, document: Document) -> A:
        """An aggregate from its document where personal fields are sealed. Raises `SealBroken`."""
        return self.load(document if self.seal is None else await self.seal.open(document))

    async def _read(self, id_: str) -> Document | None:
        document = await self.collection.get(id_, without=("journal",))
        return document if document is None or self.seal is None else await self.seal.open(document)

    async def _closed(self, aggregate: A, fields: Document, *, whole: bool = False) -> Document:
        """Fields as they go into the store."""
        if self.seal is None:
            return fields
        whose = aggregate.id if self.model.whose == "_id" else getattr(aggregate, self.model.whose)
        closed = await self.seal.close(aggregate.id, whose, fields)
        return closed | {"sealed": self.seal.shape} if whole else closed

    async def change(
        self,
        id_: str,
        fn: Callable[[A], R],
        *,
        cause: Cause | None = None,
        version: int | None = None,
    ) -> A:
        """Load (or take what this process wrote a moment ago), call `fn`, save; again when somebody else was quicker.

        With `cause`, the event is applied at most once: what `heard` or `seen` covers is skipped, and the
        event is remembered in the same write. With `version` (from `If-Match`) any other `v` raises
        `PreconditionFailed`. Raises `NotFound`, whatever `fn` raises, and `Contention` after 12 attempts.
        """
        for attempt in range(ATTEMPTS):
            recalled = self._recall(id_) if attempt == 0 and version is None else None
            document = recalled or await self._read(id_)
            if document is None:
                raise NotFound(f"there is no {self.model.__name__.lower()} {id_}")
            aggregate = self.load(document)
            if cause is not None and has_heard(document, cause):
                return aggregate
            PreconditionFailed.unless_current(version, aggregate.v)
            before = _state(aggregate)
            try:
                fn(aggregate)
            except Exception:
                if recalled:  # that something may not be is said after a look at the store
                    continue
                raise
            update, after = await self._update(aggregate, before, cause)
            if update is None and recalled:
                continue
            if update is None:
                return aggregate
            if await self.collection.update({"_id": id_, "v": aggregate.v}, update):
                crashpoint.reached("after-write")
                aggregate.v, aggregate.seq = aggregate.v + 1, update["$set"]["seq"]
                self._remember(_heard_too(document, cause) | after | {"v": aggregate.v, "seq": aggregate.seq})
                self._on_write(aggregate)
                return aggregate
            if not recalled:
                pause = PAUSE_SECONDS * 2**attempt
                await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - jitter, not a secret
        raise Contention(f"{self.collection.name} {id_}")

    def _remember(self, document: Document) -> None:
        now = time.monotonic()
        while self._written and next(iter(self._written.values()))[0] <= now - WRITTEN_SECONDS:
            self._written.popitem(last=False)
        self._written.pop(document["_id"], None)
        if _size(document) <= WRITTEN_SIZE:
            self._written[document["_id"]] = now, document
        if len(self._written) > WRITTEN_LIMIT:
            self._written.popitem(last=False)

    def _recall(self, id_: str) -> Document | None:
        """The document as this process wrote it a moment ago, where it did: whether it is so still, the version tells
        that the next write asks for (an id is never given twice). Taken, not copied: a write remembers it anew."""
        at, document = self._written.pop(id_, (0.0, None))
        return document if time.monotonic() - at < WRITTEN_SECONDS else None

    async def _update(
        self, aggregate: A, before: Document, cause: Cause | None
    ) -> tuple[dict[str, Any] | None, Document]:
        """What to write, if anything, and the state that is then in the store."""
        recorded, after = aggregate.take_recorded(), _state(aggregate)
        changed = {field: value for field, value in after.items() if before.get(field) != value}
        if not (recorded or changed or cause):
            return None, after
        update: dict[str, Any] = {"$inc": {"v": 1, "pending": len(recorded)}}
        if "wake_at" in changed and changed["wake_at"] is None:
            del changed["wake_at"]
            update["$unset"] = {"wake_at": ""}
        entries = self._entries(recorded, aggregate.seq)
        update["$set"] = {
            **changed,
            "seq": aggregate.seq + len(recorded),
            **{f"journal.{n}": e for n, e in entries.items()},
        }
        if any(r.forgets for r in recorded):
            update["$min"] = {"forget_at": recorded[0].time + PERSONAL_RETENTION}
        if cause is not None and cause.sequence is not None:
            update["$set"][f"heard.{_heard_key(cause)}"] = cause.sequence
        elif cause is not None:
            update["$push"] = {"seen": {"$each": [_seen_name(cause)], "$slice": -SEEN_LIMIT}}
        update["$set"] = await self._closed(aggregate, update["$set"])
        return update, after

    def _entries(self, recorded: Sequence[Recorded], after: int) -> Document:
        if self.seal is None and (personal := [r.type for r in recorded if r.sealed]):
            raise TypeError(f"{personal[0]} has personal fields: the repository of its writer needs data keys")
        trace = telemetry.current()
        return {str(after + n): _entry(r, trace) for n, r in enumerate(recorded, 1)}

    async def journal(self, id_: str) -> list[JournalEntry]:
        """The aggregate's entries in order, the trimmed ones included; raises `NotFound`."""
        only = ("journal", "trimmed", self.model.whose)
        documents = await self.collection.find({"_id": id_}, only=only, limit=1)
        if not documents:
            raise NotFound(f"there is no {self.model.__name__.lower()} {id_}")
        kept = [{"sequence": int(n), **entry} for n, entry in documents[0]["journal"].items()]
        trimmed = await self.archive.find({"aggregate": id_}, limit=1_000_000) if documents[0].get("trimmed") else []
        entries = {entry["sequence"]: entry for entry in [*trimmed, *kept]}
        disclosed = [await self.disclosed(documents[0], n, entries[n]) for n in sorted(entries)]
        return [JournalEntry.model_validate(entry) for entry in disclosed]

    async def disclosed(self, document: Document, n: int, entry: Document) -> Document:
        """A journal entry as it is published; without its data where that is forgotten. Raises `SealBroken`."""
        return entry if self.seal is None else await self.seal.open_entry(document, n, entry)

    async def due(self, now: datetime, limit: int = 100) -> list[str]:
        """Ids of aggregates that want to be woken by `now`."""
        found = await self.collection.find({"wake_at": {"$gt": EPOCH, "$lte": now}}, only=("_id",), limit=limit)
        return [str(document["_id"]) for document in found]

    async def wake(self, id_: str, now: datetime) -> None:
        """Call the aggregate's `wake` once, if it is still due."""
        await self.change(id_, lambda a: a.wake(now) if a.wake_at is not None and a.wake_at <= now else None)
