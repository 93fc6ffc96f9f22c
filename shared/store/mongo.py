"""The real store, through motor. No other module imports motor or pymongo."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import UpdateOne, errors
from pymongo.write_concern import WriteConcern

from shared.store.collection import Document, DuplicateKey, Filter, Index, Unavailable, Update
from shared.store.together import Together

T = TypeVar("T")

SERVER_WAIT_MS = 2_000
PING_SECONDS = 2.0
TRANSIENT = frozenset({6, 7, 50, 64, 89, 91, 112, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, 14031})
"""Server errors that pass: network, time limits, write conflict, stepdown, shutdown, not primary, disk full."""
INTERNAL, ENGINE = 1, "WiredTiger error"
"""A full disk, as the embedded store tells it: its engine failed, which is nobody's fault who asked."""
DUPLICATE = 11000
NOT_THERE = frozenset({26, 27})
"""No such collection, no such index."""
TOGETHER = 500
"""Inserts in one round trip, at most."""
TOGETHER_BYTES = 8_000_000
READ_TOGETHER = 100
READS_AT_ONCE = 2


async def _asked(answer: Awaitable[T]) -> T:
    """Await the driver and speak our errors."""
    try:
        return await answer
    except errors.PyMongoError as exc:
        if (ours := _ours(exc)) is exc:
            raise
        raise ours from exc


def _ours(exc: errors.PyMongoError) -> Exception:
    """What a failure of the driver means to us; itself where it has no name of ours."""
    if isinstance(exc, errors.DuplicateKeyError):
        return DuplicateKey(str((exc.details or {}).get("keyPattern")))
    if isinstance(exc, errors.ConnectionFailure):
        return Unavailable(type(exc).__name__)
    if isinstance(exc, errors.BulkWriteError):
        faults = [fault for part in ("writeErrors", "writeConcernErrors") for fault in exc.details.get(part, ())]
        codes = {fault["code"] for fault in faults}
        if any(_passes(fault["code"], str(fault.get("errmsg"))) for fault in faults):
            return Unavailable(f"BulkWriteError {sorted(codes)}")
        if codes == {DUPLICATE}:
            return DuplicateKey(str(exc.details["writeErrors"][0].get("keyPattern")))
    elif isinstance(exc, errors.OperationFailure) and (
        _passes(exc.code, str(exc)) or exc.has_error_label("TransientTransactionError")
    ):
        return Unavailable(f"{type(exc).__name__} {exc.code}")
    return exc


def _passes(code: int | None, message: str) -> bool:
    """Whether trying again later is right."""
    return code in TRANSIENT or (code == INTERNAL and message.startswith(ENGINE))


def _each(exc: errors.BulkWriteError, count: int) -> list[Exception | None]:
    """What became of each of `count` inserts that went together: the store names those it refused."""
    if exc.details.get("writeConcernErrors"):  # of none is known whether it will last
        return [_ours(exc)] * count
    outcomes: list[Exception | None] = [None] * count
    for fault in exc.details["writeErrors"]:
        alone = errors.DuplicateKeyError if fault["code"] == DUPLICATE else errors.WriteError
        outcomes[fault["index"]] = _ours(alone(fault.get("errmsg", ""), fault["code"], fault))
    return outcomes


def _copied(value: Any) -> Any:
    """A document of its own; what is in it besides objects and lists never changes."""
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


class MongoCollection:
    """One collection over motor; see `Collection`."""

    def __init__(self, collection: Any) -> None:
        self._c = collection
        self.name: str = collection.name
        self._inserts: Together[bytes, None] = Together(
            self._insert, most=TOGETHER, weight=TOGETHER_BYTES, weigh=len, flights=1
        )
        self._gets: dict[tuple[str, ...], Together[str, Document | None]] = {}

    async def insert(self, document: Document) -> None:
        # Made into bytes here, so that what the driver refuses is refused to this caller alone.
        await self._inserts.ask(bson.encode(document))

    async def _insert(self, documents: Sequence[bytes]) -> Sequence[Exception | None]:
        raw = [RawBSONDocument(one) for one in documents]
        if len(raw) == 1:
            await _asked(self._c.insert_one(raw[0]))
            return [None]
        try:
            await self._c.insert_many(raw, ordered=False)
        except errors.BulkWriteError as exc:
            return _each(exc, len(raw))
        except errors.PyMongoError as exc:
            return [_ours(exc)] * len(raw)
        return [None] * len(raw)

    async def get(self, id_: str, *, without: Sequence[str] = ()) -> Document | None:
        left_out = tuple(without)
        if (gets := self._gets.get(left_out)) is None:
            gets = Together(partial(self._get, left_out), most=READ_TOGETHER, flights=READS_AT_ONCE)
            self._gets[left_out] = gets
        return await gets.ask(id_)

    async def _get(self, without: Sequence[str], ids: Sequence[str]) -> Sequence[Document | None]:
        shown = dict.fromkeys(without, 0) or None
        if len(ids) == 1:
            return [await _asked(self._c.find_one({"_id": ids[0]}, shown))]
        wanted = list(dict.fromkeys(ids))
        found = {one["_id"]: one for one in await _asked(self._c.find({"_id": {"$in": wanted}}, shown).to_list(None))}
        # Each gets its own: what one changes, the other must not see.
        return [_copied(found.get(id_)) if ids.count(id_) > 1 else found.get(id_) for id_ in ids]

    async def find(
        self, filter_: Filter, *, sort: Sequence[tuple[str, int]] = (), limit: int = 100, only: Sequence[str] = ()
    ) -> list[Document]:
        cursor = self._c.find(filter_, dict.fromkeys(only, 1) or None).limit(limit)
        if sort:
            cursor = cursor.sort(list(sort))
        found: list[Document] = await _asked(cursor.to_list(length=limit))
        return found

    async def scan(self, filter_: Filter) -> AsyncIterator[Document]:
        cursor = self._c.find(filter_, sort=[("_id", 1)])
        while batch := await _asked(cursor.to_list(length=200)):
            for document in batch:
                yield document

    async def count(self, filter_: Filter) -> int:
        return int(await _asked(self._c.count_documents(filter_)))

    async def update(self, filter_: Filter, update: Update, *, upsert: bool = False) -> bool:
        result = await _asked(self._c.update_one(filter_, update, upsert=upsert))
        return bool(result.matched_count or result.upserted_id is not None)

    async def update_each(self, updates: Sequence[tuple[Filter, Update]]) -> int:
        if not updates:
            return 0
        writes = [UpdateOne(filter_, update) for filter_, update in updates]
        return int((await _asked(self._c.bulk_write(writes, ordered=False))).matched_count)

    async def compute(self, filter_: Filter, fields: Mapping[str, Any]) -> int:
        return int((await _asked(self._c.update_many(filter_, [{"$set": dict(fields)}]))).matched_count)

    async def delete(self, filter_: Filter) -> int:
        return int((await _asked(self._c.delete_many(filter_))).deleted_count)

    async def ensure(self, *indexes: Index) -> None:
        for index in indexes:
            options: dict[str, Any] = {"unique": index.unique}
            if index.partial is not None:
                options["partialFilterExpression"] = dict(index.partial)
            await _asked(self._c.create_index(list(index.keys), **options))

    async def drop(self, index: Index) -> None:
        try:
            await _asked(self._c.drop_index(list(index.keys)))
        except errors.OperationFailure as exc:
            if exc.code not in NOT_THERE:
                raise


class MongoDatabase:
    """One service's database on a replica set (or the embedded store); see `Database`."""

    def __init__(self, uri: str, name: str) -> None:
        self._client: Any = AsyncIOMotorClient(
            uri,
            appname=name,
            serverSelectionTimeoutMS=SERVER_WAIT_MS,
            connectTimeoutMS=SERVER_WAIT_MS,
            socketTimeoutMS=15_000,
            maxPoolSize=24,
            # A write whose answer was lost is told as `Unavailable` and never sent again behind our back: where others
            # have changed the document since, the second one meets their version, and its writer would do it again.
            retryWrites=False,
        )
        self._db = self._client.get_database(
            name,
            codec_options=CodecOptions(tz_aware=True, tzinfo=UTC),
            write_concern=WriteConcern(w="majority", j=True),
        )
        self._collections: dict[str, MongoCollection] = {}

    def collection(self, name: str) -> MongoCollection:
        if (known := self._collections.get(name)) is None:  # one of a name: calls from everywhere go together
            known = self._collections[name] = MongoCollection(self._db[name])
        return known

    async def ping(self) -> None:
        try:
            async with asyncio.timeout(PING_SECONDS):  # a read: a `ping` is answered where the engine has given up
                await _asked(self._db["ping"].find_one())
        except TimeoutError as exc:
            raise Unavailable(f"no answer within {PING_SECONDS:.0f} s") from exc

    async def time(self) -> datetime:
        """What the store's clock says. Raises `Unavailable`."""
        hello: dict[str, Any] = await _asked(self._db.command("hello", codec_options=self._db.codec_options))
        told: datetime = hello["localTime"]
        return told

    async def close(self) -> None:
        self._client.close()
