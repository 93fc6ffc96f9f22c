"""Two consumers with the same durable effect, one document an event: a lane of ours, and one written by hand."""

import asyncio
import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import BulkWriteError
from pymongo.write_concern import WriteConcern

from deploy.local.city import City
from shared.clock import SystemClock
from shared.messaging.broker import client_options
from shared.messaging.envelope import Event
from shared.runtime import Runtime
from shared.settings import ServiceSettings
from shared.store.collection import DuplicateKey
from shared.store.mongo import MongoDatabase
from tests.bench.meter import Meter, Usage
from tests.city.platform import Ground
from tests.petitions import PetitionAnswered

DUPLICATE = 11000
BY_HAND_BATCH = 1000


@dataclass(frozen=True)
class Drained:
    """One reading of a topic. `usage` by process: reader, kafka, store. `batches`: in how many it was handled."""

    side: str
    records: int
    seconds: float
    commits: int
    usage: Usage
    batches: int = 0

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def pids(city: City) -> dict[str, int]:
    """The processes that have a part in it."""
    named = {one.name: one.pid for one in city.supervisor.processes() if one.pid is not None}
    return {"reader": os.getpid(), "kafka": named["kafka"], "store": named["store"]}


def fresh(city: City, database: str) -> ServiceSettings:
    """Settings of a service that nobody was yet, so that its group starts at the beginning of the topic."""
    return Ground(city).settings().model_copy(update={"mongo_database": database})


class Reader:
    """A service whose only work is one document an event."""

    def __init__(self, settings: ServiceSettings, topic: str) -> None:
        database = MongoDatabase(settings.mongo_uri.get_secret_value(), settings.mongo_database)
        self.runtime = Runtime(settings, database, SystemClock())
        self.effects = self.runtime.collection("effects")
        self.runtime.read(lambda: [topic], {PetitionAnswered: self.hear})
        self.runtime.wire()
        self.handled, self.began, self._awaited = 0, 0.0, 0
        self._done = asyncio.Event()

    async def read(self, records: int) -> None:
        """Wait until so many records were handled."""
        self._awaited = records
        await self._done.wait()

    async def hear(self, event: Event[Any]) -> None:
        """The effect: *create*, the first of the three ways to be idempotent."""
        self.began = self.began or time.monotonic()
        effect = {"_id": event.id, "subject": event.subject, "sequence": event.sequence, "text": event.data.text}
        with suppress(DuplicateKey):
            await self.effects.insert(effect)
        self.handled += 1
        if self.handled == self._awaited:
            self._done.set()


async def read_by_lane(city: City, topic: str, database: str, records: int) -> Drained:
    """Ours, all of it: runtime, lane, parked keys, metrics."""
    reader = Reader(fresh(city, database), topic)
    meter = Meter(pids(city))
    async with reader.runtime.running():
        await reader.read(records)
        seconds = time.monotonic() - reader.began
        usage = meter.usage()
    counted = (reader.runtime.registry.get_sample_value(f"tongban_{name}_total") for name in ("commits", "batches"))
    commits, batches = (int(value or 0) for value in counted)
    return Drained("ours", records, seconds, commits, usage, batches)


async def read_by_hand(city: City, topic: str, database: str, records: int) -> Drained:
    """The least that does the same: poll, insert what is new in one command, commit."""
    settings = fresh(city, database)
    client: Any = AsyncIOMotorClient(settings.mongo_uri.get_secret_value())
    effects = client[database].get_collection("effects", write_concern=WriteConcern(w="majority", j=True))
    consumer = AIOKafkaConsumer(
        topic,
        group_id=f"{settings.service}.main",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **client_options(settings),
    )
    meter = Meter(pids(city))
    await consumer.start()
    handled = commits = 0
    began = 0.0
    try:
        while handled < records:
            found = await consumer.getmany(timeout_ms=1000, max_records=BY_HAND_BATCH)
            batch = [record for part in found.values() for record in part]
            began = began or time.monotonic()
            if batch:
                await _keep(effects, [_effect(record) for record in batch])
                await consumer.commit()
                handled, commits = handled + len(batch), commits + 1
        return Drained("by hand", records, time.monotonic() - began, commits, meter.usage())
    finally:
        await consumer.stop()
        client.close()


def _effect(record: Any) -> dict[str, Any]:
    head = dict(record.headers)
    return {
        "_id": head["ce_id"].decode(),
        "subject": record.key.decode(),
        "sequence": int(head["ce_sequence"]),
        "text": json.loads(record.value)["text"],
    }


async def _keep(effects: Any, batch: list[dict[str, Any]]) -> None:
    try:
        await effects.insert_many(batch, ordered=False)
    except BulkWriteError as exc:  # what is there already was kept before
        if any(fault["code"] != DUPLICATE for fault in exc.details["writeErrors"]):
            raise


async def effects_of(city: City, database: str) -> str:
    """A digest of all effects, to compare what two readings left behind."""
    digest = hashlib.sha256()
    store = MongoDatabase(city.platform.store.uri, database)
    async for effect in store.collection("effects").scan({}):
        digest.update(json.dumps(effect, sort_keys=True).encode())
    await store.close()
    return digest.hexdigest()
