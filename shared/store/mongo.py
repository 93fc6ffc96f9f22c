"""The real store, through motor. No other module imports motor or pymongo."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import UTC
from typing import Any, TypeVar

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import UpdateOne, errors
from pymongo.write_concern import WriteConcern

from shared.store.collection import Document, DuplicateKey, Filter, Index, Unavailable, Update

T = TypeVar("T")

SERVER_WAIT_MS = 2_000
PING_SECONDS = 2.0
TRANSIENT = frozenset({6, 7, 50, 64, 89, 91, 112, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, 14031})
"""Server errors that pass: network, time limits, write conflict, stepdown, shutdown, not primary, disk full."""
DUPLICATE = 11000


async def _asked(answer: Awaitable[T]) -> T:
    """Await the driver and speak our errors."""
    try:
        return await answer
    except errors.DuplicateKeyError as exc:
        raise DuplicateKey(str((exc.details or {}).get("keyPattern"))) from exc
    except errors.ConnectionFailure as exc:
        raise Unavailable(type(exc).__name__) from exc
    except errors.BulkWriteError as exc:
        codes = {fault["code"] for part in ("writeErrors", "writeConcernErrors") for fault in exc.details.get(part, ())}
        if codes & TRANSIENT:
            raise Unavailable(f"BulkWriteError {sorted(codes)}") from exc
        if codes == {DUPLICATE}:
            raise DuplicateKey(str(exc.details["writeErrors"][0].get("keyPattern"))) from exc
        raise
    except errors.OperationFailure as exc:
        if exc.code in TRANSIENT or exc.has_error_label("TransientTransactionError"):
            raise Unavailable(f"{type(exc).__name__} {exc.code}") from exc
        raise


class MongoCollection:
    """One collection over motor; see `Collection`."""

    def __init__(self, collection: Any) -> None:
        self._c = collection
        self.name: str = collection.name

    async def insert(self, document: Document) -> None:
        await _asked(self._c.insert_one(document))

    async def get(self, id_: str, *, without: Sequence[str] = ()) -> Document | None:
        found: Document | None = await _asked(self._c.find_one({"_id": id_}, dict.fromkeys(without, 0) or None))
        return found

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

    async def delete(self, filter_: Filter) -> int:
        return int((await _asked(self._c.delete_many(filter_))).deleted_count)

    async def ensure(self, *indexes: Index) -> None:
        for index in indexes:
            options: dict[str, Any] = {"unique": index.unique}
            if index.partial is not None:
                options["partialFilterExpression"] = dict(index.partial)
            await _asked(self._c.create_index(list(index.keys), **options))


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
        )
        self._db = self._client.get_database(
            name,
            codec_options=CodecOptions(tz_aware=True, tzinfo=UTC),
            write_concern=WriteConcern(w="majority", j=True),
        )

    def collection(self, name: str) -> MongoCollection:
        return MongoCollection(self._db[name])

    async def ping(self) -> None:
        try:
            async with asyncio.timeout(PING_SECONDS):
                await _asked(self._db.command("ping"))
        except TimeoutError as exc:
            raise Unavailable(f"no answer within {PING_SECONDS:.0f} s") from exc

    async def close(self) -> None:
        self._client.close()
