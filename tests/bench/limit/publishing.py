"""The limit's relay: entries that were just written go out together and are marked together."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer
from pymongo import UpdateOne

from tests.bench.limit import wire

LIMIT = 500
_Written = tuple[Any, str, int, list[wire.Document]]


class Publisher:
    """Publishes journal entries of one service, in order per document; what a crash left is found at the start."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._queue: asyncio.Queue[_Written] = asyncio.Queue()

    async def run(self, *collections: Any) -> None:
        """Publish until cancelled."""
        producer = AIOKafkaProducer(**wire.kafka(), acks="all", enable_idempotence=True, linger_ms=0)
        await producer.start()
        for collection in collections:
            await self._find(collection, {})
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty() and len(batch) < LIMIT:
                batch.append(self._queue.get_nowait())
            await self._publish(producer, batch)

    def written(self, collection: Any, id_: str, seq: int, entries: list[wire.Document]) -> None:
        """These entries, the last of them number `seq`, are in the document."""
        if entries:
            self._queue.put_nowait((collection, id_, seq, entries))

    async def change(self, collection: Any, changes: list[tuple[wire.Document, wire.Document]]) -> bool:
        """Write (document as read, update), each where nobody was quicker; whether that was so everywhere."""
        updates = [UpdateOne({"_id": one["_id"], "v": one["v"]}, update) for one, update in changes]
        result = await collection.bulk_write(updates, ordered=False)
        if result.matched_count < len(updates):  # which of them were written only the store knows
            await self._find(collection, {"_id": {"$in": [one["_id"] for one, _ in changes]}})
            return False
        for one, update in changes:
            entries = [value for name, value in update["$set"].items() if name.startswith("journal.")]
            self.written(collection, one["_id"], update["$set"]["seq"], entries)
        return True

    async def _find(self, collection: Any, filter_: wire.Document) -> None:
        async for document in collection.find({**filter_, "pending": {"$gt": 0}}):
            entries = [document["journal"][str(n)] for n in range(document["sent"] + 1, document["seq"] + 1)]
            self.written(collection, document["_id"], document["seq"], entries)

    async def _publish(self, producer: Any, batch: list[_Written]) -> None:
        sent = []
        for _, id_, seq, entries in batch:
            for n, one in enumerate(entries, seq - len(entries) + 1):
                head = wire.headers(self._service, id_, n, one)
                topic = wire.PREFIX + one["topic"]
                sent.append(await producer.send(topic, one["data"].encode(), key=id_.encode(), headers=head))
        await asyncio.gather(*sent)
        far: dict[tuple[Any, int], list[str]] = {}
        for collection, id_, seq, _ in batch:  # where the document moved on, the next batch marks it
            far.setdefault((collection, seq), []).append(id_)
        for (collection, seq), ids in far.items():
            pending = {"$cond": [{"$lte": ["$seq", seq]}, 0, "$pending"]}
            await collection.update_many({"_id": {"$in": ids}}, [{"$set": {"sent": seq, "pending": pending}}])
