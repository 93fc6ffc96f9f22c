"""The relay alone: events that wait in their documents, published and marked, ours and by hand in turns."""

import asyncio
import gc
import hashlib
import os
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorClient
from prometheus_client import CollectorRegistry
from pymongo.write_concern import WriteConcern
from rich.console import Console

from deploy.local.city import City
from shared.clock import SystemClock
from shared.messaging.broker import client_options
from shared.messaging.envelope import headers
from shared.messaging.metrics import RelayMetrics
from shared.messaging.outlet import KafkaOutlet
from shared.messaging.relay import Relay
from shared.settings import ServiceSettings
from shared.store.lease import Lease
from shared.store.memory import MemoryDatabase
from shared.store.mongo import MongoDatabase
from shared.store.repository import Repository
from tests.bench.city import private_city
from tests.bench.consuming import noise, rate, ratio, table, tell
from tests.bench.figures import quantile
from tests.bench.meter import Meter
from tests.bench.readers import Drained, pids
from tests.bench.result import Goal, Result
from tests.city.platform import Ground
from tests.city.running import RunningCity
from tests.petitions import Petition

EVENTS = int(os.environ.get("RECORDS", "100000"))
PAIRS = 3
SEED_BATCH = 1000
BY_HAND_BATCH = 1000
BY_HAND_BACKLOG = 20_000
STEADY_SECONDS = 20.0
BURST, AT_ONCE = 1500, 32
SAMPLE_SECONDS = 0.005


async def seed(settings: ServiceSettings, office: str, count: int) -> None:
    """Documents of petitions with one event each that nobody published yet."""
    petitions = Repository(MemoryDatabase(), "petitions", Petition)
    await petitions.add(Petition.file("p", datetime.now(UTC), office=office))
    (document,) = await petitions.collection.find({})
    client: Any = AsyncIOMotorClient(settings.mongo_uri.get_secret_value())
    collection = client[settings.mongo_database]["petitions"]
    for start in range(0, count, SEED_BATCH):
        ids = range(start, min(start + SEED_BATCH, count))
        await collection.insert_many([document | {"_id": f"p{n:07}"} for n in ids], ordered=False)
    client.close()


class OneRelay:
    """Our relay with its lease, outlet and repository, and nothing else of a service."""

    def __init__(self, settings: ServiceSettings, outlet: KafkaOutlet | None = None) -> None:
        self.database = MongoDatabase(settings.mongo_uri.get_secret_value(), settings.mongo_database)
        self.outlet = outlet or KafkaOutlet(lambda: client_options(settings))
        self.petitions = Repository(self.database, "petitions", Petition, lambda _: self.relay.nudge("petitions"))
        lease = Lease(self.database.collection("leases"), "relay", settings.instance)
        self.registry = CollectorRegistry()
        self.relay = Relay(
            [self.petitions],
            self.outlet,
            lease,
            SystemClock(),
            f"/bench/{settings.service}",
            metrics=RelayMetrics(self.registry),
        )
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "OneRelay":
        await self.petitions.ensure()
        await self.outlet.rebuild()
        return self

    def sent(self) -> float:
        """Entries confirmed and marked so far."""
        return self.registry.get_sample_value("tongban_entries_sent_total") or 0.0

    def start(self) -> None:
        """Publish from now on."""
        self._task = asyncio.create_task(self.relay.run())

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.outlet.stop()
        await self.database.close()


async def drain_by_relay(city: City, settings: ServiceSettings, count: int) -> Drained:
    """Ours."""
    async with OneRelay(settings) as one:
        meter, began = Meter(pids(city)), time.monotonic()
        one.start()
        while one.sent() < count:  # noqa: ASYNC110 - looked at from outside, as anybody would
            await asyncio.sleep(0.02)
        return Drained("ours", count, time.monotonic() - began, 0, meter.usage())


async def drain_by_hand(city: City, settings: ServiceSettings, count: int) -> Drained:
    """The least that does the same: read, send all, await all, mark all that came as far in one statement."""
    client: Any = AsyncIOMotorClient(settings.mongo_uri.get_secret_value())
    database = client.get_database(settings.mongo_database, write_concern=WriteConcern(w="majority", j=True))
    petitions = database["petitions"]
    producer = AIOKafkaProducer(**client_options(settings), acks="all", enable_idempotence=True, linger_ms=0)
    await producer.start()
    meter, began = Meter(pids(city)), time.monotonic()
    try:
        while found := await petitions.find({"pending": {"$gt": 0}}, {"_id": 1}).to_list(BY_HAND_BACKLOG):
            for start in range(0, len(found), BY_HAND_BATCH):
                ids = [one["_id"] for one in found[start : start + BY_HAND_BATCH]]
                documents = await petitions.find({"_id": {"$in": ids}}, {"seq": 1, "sent": 1, "journal": 1}).to_list(
                    None
                )
                await _publish(producer, settings, documents)
                await _mark(petitions, documents)
        return Drained("by hand", count, time.monotonic() - began, 0, meter.usage())
    finally:
        await producer.stop()
        client.close()


async def _publish(producer: Any, settings: ServiceSettings, documents: list[dict[str, Any]]) -> None:
    futures = []
    for one in documents:
        for n in range(one["sent"] + 1, one["seq"] + 1):
            entry = one["journal"][str(n)]
            head = headers(
                id_=f"{one['_id']}:{n}",
                source=f"/bench/{settings.service}",
                type_=entry["type"],
                subject=one["_id"],
                time=entry["time"].replace(tzinfo=UTC),
                sequence=n,
                trace=entry["trace"],
            )
            pairs = [(name, text.encode()) for name, text in head.items()]
            futures.append(
                await producer.send(entry["topic"], entry["data"].encode(), key=one["_id"].encode(), headers=pairs)
            )
    await asyncio.gather(*futures)


async def _mark(petitions: Any, documents: list[dict[str, Any]]) -> None:
    far: dict[int, list[str]] = {}
    for one in documents:
        far.setdefault(one["seq"], []).append(one["_id"])
    for seq, ids in far.items():
        pending = {"$cond": [{"$lte": ["$seq", seq]}, 0, "$pending"]}
        await petitions.update_many({"_id": {"$in": ids}}, [{"$set": {"sent": seq, "pending": pending}}])


class _Watched(KafkaOutlet):
    """Notes when each document's event was confirmed."""

    def __init__(self, settings: ServiceSettings, written: dict[str, float]) -> None:
        super().__init__(lambda: client_options(settings))
        self.written = written

    async def publish(self, topic: str, key: str, headers: dict[str, str], value: bytes) -> None:
        await super().publish(topic, key, headers, value)
        del self.written[key]


async def oldest_unsent(settings: ServiceSettings, office: str) -> tuple[float, list[float]]:
    """Half of the writes a second that one process makes and publishes at the most; and at that rate, at random
    moments, the age of the oldest event that is written and not confirmed, in milliseconds, looked at all the time."""
    written: dict[str, float] = {}
    ages: list[float] = []
    async with OneRelay(settings, _Watched(settings, written)) as one:
        one.start()

        async def write(id_: str, at: float) -> None:
            written[id_] = at
            await one.petitions.add(Petition.file(id_, datetime.now(UTC), office=office))

        gc.freeze()  # as a service does when it has started
        half = await _most(write, written) / 2

        async def look() -> None:
            while True:
                now = time.monotonic()
                ages.append((now - min(written.values(), default=now)) * 1000)
                await asyncio.sleep(SAMPLE_SECONDS)

        draw = random.Random(1)
        moments = sorted(draw.uniform(0, STEADY_SECONDS) for _ in range(int(half * STEADY_SECONDS)))
        looking, began = asyncio.create_task(look()), time.monotonic()
        async with asyncio.TaskGroup() as writes:
            for n, at in enumerate(moments):
                await asyncio.sleep(began + at - time.monotonic())
                writes.create_task(write(f"s{n:06}", began + at))
        looking.cancel()
    return half, ages


async def _most(write: Callable[[str, float], Awaitable[None]], written: dict[str, float]) -> float:
    """Writes a second until all are confirmed, some of them at once."""
    began, slots = time.monotonic(), asyncio.Semaphore(AT_ONCE)

    async def one(n: int) -> None:
        async with slots:
            await write(f"m{n:06}", time.monotonic())

    await asyncio.gather(*map(one, range(BURST)))
    while written:  # noqa: ASYNC110 - looked at from outside, as anybody would
        await asyncio.sleep(0.01)
    return BURST / (time.monotonic() - began)


async def published(city: City, topic: str) -> str:
    """A digest of the events on a topic, each once."""
    ids = await asyncio.to_thread(lambda: {record.key() for record in RunningCity(city).read_all(topic)})
    return f"{len(ids)} {hashlib.sha256(b'|'.join(sorted(id_ or b'' for id_ in ids))).hexdigest()}"


async def measure(console: Console) -> Result:
    """Each side drains the same documents in a database of its own."""
    found: list[Drained] = []
    with private_city("b3", only_platform=True) as city:
        left = set()
        for _ in range(PAIRS):
            for drain in (drain_by_relay, drain_by_hand):
                ground = Ground(city)
                topic = ground.topic()
                async with OneRelay(ground.settings()):  # makes the indexes
                    await seed(ground.settings(), ground.service, EVENTS)
                found.append(await drain(city, ground.settings(), EVENTS))
                tell(found[-1], console)
                left.add(await published(city, topic))
        assert len(left) == 1, f"the two published different events: {left}"
        ground = Ground(city)
        ground.topic()
        half, ages = await oldest_unsent(ground.settings(), ground.service)
    return Result(
        bench="B3",
        title=f"The relay drains {EVENTS} pending events",
        noise=noise(found),
        goals=[
            Goal(what="events a second, ours to the hand-written relay's", value=ratio(found).median, limit=0.6),
            Goal(
                what=f"oldest unsent, p99 at {half:.0f} writes/s, half of the most",
                value=quantile(ages, 0.99),
                limit=100,
                at_most=True,
                unit=" ms",
            ),
        ],
        tables=[table(found)],
        notes=[f"ours {rate(found, 'ours').text()} events/s, by hand {rate(found, 'by hand').text()} events/s"],
        raw={"readings": [vars(one) | {"usage": vars(one.usage)} for one in found], "ages_ms": ages},
    )
