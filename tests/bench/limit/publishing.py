"""The limit's relay: entries that were just written go out together and are marked together."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer
from pymongo import UpdateOne

from tests.bench.limit import wire

LIMIT = 500


class Publisher:
    """Publishes journal entries of one service, in order per document; what a crash left is found at the start."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._queue: asyncio.Queue[tuple[Any, str, int, int, list[wire.Document]]] = asyncio.Queue()

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

    def written(self, collection: Any, id_: str, version: int, seq: int, entries: list[wire.Document]) -> None:
        """These entries, the last of them number `seq`, are in the document as of `version`."""
        if entries:
            self._queue.put_nowait((collection, id_, version, seq, entries))

    async def change(self, collection: Any, changes: list[tuple[wire.Document, wire.Document]]) -> bool:
        """Write (document as read, update), each where nobody was quicker; whether that was so everywhere."""
        updates = [UpdateOne({"_id": one["_id"], "v": one["v"]}, update) for one, update in changes]
        result = await collection.bulk_write(updates, ordered=False)
        if result.matched_count < len(updates):  # which of them were written only the store knows
            await self._find(collection, {"_id": {"$in": [one["_id"] for one, _ in changes]}})
            return False
        for one, update in changes:
            entries = [value for name, value in update["$set"].items() if name.startswith("journal.")]
            self.written(collection, one["_id"], one["v"] + 1, update["$set"]["seq"], entries)
        return True

    async def _find(self, collection: Any, filter_: wire.Document) -> None:
        async for document in collection.find({**filter_, "pending": {"$gt": 0}}):
            entries = [document["journal"][str(n)] for n in range(document["sent"] + 1, document["seq"] + 1)]
            self.written(collection, document["_id"], document["v"], document["seq"], entries)

    async def _publish(self, producer: Any, batch: list[tuple[Any, str, int, int, list[wire.Document]]]) -> None:
        sent = []
        for _, id_, _, seq, entries in batch:
            for n, one in enumerate(entries, seq - len(entries) + 1):
                head = wire.headers(self._service, id_, n, one)
                topic = wire.PREFIX + one["topic"]
                sent.append(await producer.send(topic, one["data"].encode(), key=id_.encode(), headers=head))
        await asyncio.gather(*sent)
        marks: dict[Any, list[UpdateOne]] = {}
        for collection, id_, version, seq, _ in batch:  # where the document moved on, the next batch marks it
            mark = UpdateOne({"_id": id_, "v": version}, {"$set": {"sent": seq, "pending": 0}})
            marks.setdefault(collection, []).append(mark)
        for collection, updates in marks.items():
            await collection.bulk_write(updates, ordered=False)
