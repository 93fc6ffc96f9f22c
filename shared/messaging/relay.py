"""The relay: journal entries out to Kafka, in order per document, each at least once under one stable id.

One relay per service holds the lease; writes in this process wake it, and it sweeps each second for those of
other replicas. An entry whose outcome is unknown is simply sent again: readers know its `ce_id` and sequence.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry

from shared.clock import Clock
from shared.messaging.envelope import headers
from shared.messaging.metrics import RelayMetrics
from shared.store.collection import Collection, Document, DuplicateKey, Filter, Unavailable, Update
from shared.store.lease import Lease
from shared.store.repository import EPOCH, PERSONAL_RETENTION, Repository

log = structlog.get_logger("relay")

SWEEP_SECONDS = 1.0
BATCH = 200
JOURNAL_LIMIT = 1000
REST_SECONDS = 5.0


class Outlet(Protocol):
    """Where entries go: Kafka, or a list in a test."""

    async def publish(self, topic: str, key: str, headers: dict[str, str], value: bytes) -> None:
        """Returns when the broker confirmed it; raises when it did not."""
        ...

    async def rebuild(self) -> None:
        """Start anew after a failure: an idempotent producer may be stuck after one (aiokafka #1017)."""
        ...


@dataclass
class _Carried:
    """How far one document's entries came."""

    document: Document
    sent: int
    error: Exception | None = None


class Relay:
    """Publishes the journals of some repositories under the source `/<city>/<service>`."""

    def __init__(
        self,
        repositories: Sequence[Repository[Any]],
        outlet: Outlet,
        lease: Lease,
        clock: Clock,
        source: str,
        *,
        metrics: RelayMetrics | None = None,
    ) -> None:
        self._repositories, self._outlet, self._lease = repositories, outlet, lease
        self._clock, self._source = clock, source
        self._metrics = metrics or RelayMetrics(CollectorRegistry())
        self._flying: dict[str, asyncio.Task[_Carried]] = {}
        self._resting: dict[str, float] = {}
        self.woken = asyncio.Event()

    def nudge(self) -> None:
        """Something was written: look at once."""
        self.woken.set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            self.woken.clear()
            try:
                sent = await self.sweep() if await self._lease.hold() else 0
            except Unavailable as exc:
                log.warning("relay.store-away", error=str(exc))
                await asyncio.sleep(SWEEP_SECONDS)
                continue
            if sent == 0:
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(SWEEP_SECONDS):
                await self.woken.wait()
        except TimeoutError:
            return

    async def stop(self) -> None:
        """Let what is on its way arrive, then give the lease up."""
        if self._flying:
            await asyncio.wait(self._flying.values(), timeout=5)
        await self._lease.release()

    async def sweep(self) -> int:
        """One round over all journals; how many entries were confirmed."""
        confirmed = 0
        failed = False
        for repository in self._repositories:
            carried = await self._carry(repository.collection)
            confirmed += sum(c.sent - c.document["sent"] for c in carried)
            await repository.collection.update_each([mark for c in carried for mark in _marks(c)])
            for c in carried:
                failed |= c.error is not None
                if len(c.document["journal"]) > JOURNAL_LIMIT:
                    await self._trim(repository, c.document["_id"])
        self._metrics.sent.inc(confirmed)
        if failed and not self._flying:
            await self._rebuild()
        return confirmed

    async def _rebuild(self) -> None:
        try:
            await self._outlet.rebuild()
        except Exception as exc:  # noqa: BLE001 - the broker is away; the next round tries again
            log.warning("relay.broker-away", error=repr(exc))
            await asyncio.sleep(SWEEP_SECONDS)

    async def _carry(self, collection: Collection) -> list[_Carried]:
        """Publish what is pending; documents that hang go on in the background and hold up no other."""
        now = time.monotonic()
        self._resting = {id_: until for id_, until in self._resting.items() if until > now}
        found = await collection.find({"pending": {"$gt": 0}}, only=("v", "seq", "sent", "journal"), limit=BATCH)
        self._metrics.waiting.set(len(found))
        tasks = {
            self._flying[at]
            if (at := f"{collection.name}/{document['_id']}") in self._flying
            else self._launch(at, document)
            for document in found
            if f"{collection.name}/{document['_id']}" not in self._resting
        }
        if not tasks:
            return []
        done, _ = await asyncio.wait(tasks, timeout=2.0)
        return [task.result() for task in done]

    def _launch(self, at: str, document: Document) -> asyncio.Task[_Carried]:
        task = asyncio.create_task(self._publish(document))
        self._flying[at] = task

        def landed(finished: asyncio.Task[_Carried]) -> None:
            self._flying.pop(at, None)
            if not finished.cancelled() and finished.result().error is not None:
                self._resting[at] = time.monotonic() + REST_SECONDS
                self._metrics.failed.inc()
            self.woken.set()

        task.add_done_callback(landed)
        return task

    async def _publish(self, document: Document) -> _Carried:
        sent = int(document["sent"])
        try:
            for n in range(sent + 1, int(document["seq"]) + 1):
                await self._send(str(document["_id"]), n, document["journal"][str(n)])
                sent = n
        except Exception as exc:  # noqa: BLE001 - any failure leaves the rest pending, and is logged
            log.warning("relay.unsent", subject=document["_id"], sequence=sent + 1, error=repr(exc)[:300])
            return _Carried(document, sent, exc)
        return _Carried(document, sent)

    async def _send(self, id_: str, sequence: int, entry: Document) -> None:
        if entry.get("data") is None:
            return  # forgotten by law: its digest stays in the journal
        head = headers(
            id_=f"{id_}:{sequence}",
            source=self._source,
            type_=entry["type"],
            subject=id_,
            time=entry["time"],
            sequence=sequence,
            trace=entry["trace"],
        )
        await self._outlet.publish(entry["topic"], id_, head, entry["data"].encode())

    # -- journals that grow old --------------------------------------------------------------------------

    async def _trim(self, repository: Repository[Any], id_: str) -> None:
        """Move confirmed entries of a long journal into `<name>_journal`; a crash between repeats, loses nothing."""
        found = await repository.collection.find({"_id": id_}, only=("sent", "journal"), limit=1)
        for document in found:
            old = {n: e for n, e in document["journal"].items() if int(n) <= document["sent"] and not _personal(e)}
            for n, entry in old.items():
                try:
                    await repository.archive.insert(
                        {"_id": f"{id_}:{n}", "aggregate": id_, "sequence": int(n), **entry}
                    )
                except DuplicateKey:  # a crash came between this and the removal below
                    continue
            gone = {f"journal.{n}": "" for n in old}
            await repository.collection.update({"_id": id_}, {"$unset": gone, "$set": {"trimmed": True}})

    async def forget(self) -> int:
        """Take the data out of personal entries whose time is over (their digest stays); how many entries."""
        now, forgotten = self._clock.now(), 0
        for repository in self._repositories:
            due = await repository.collection.find(
                {"forget_at": {"$gt": EPOCH, "$lte": now}}, only=("sent", "journal"), limit=BATCH
            )
            updates = [_forgetting(document, now) for document in due]
            forgotten += sum(len(update["$set"]) for _, update in updates)
            await repository.collection.update_each([(f, {k: v for k, v in u.items() if v}) for f, u in updates])
        return forgotten

    # -- replay ------------------------------------------------------------------------------------------

    async def replay(self, since: datetime) -> AsyncIterator[int]:
        """Publish again every confirmed entry from `since` on, under its old id; yields how many so far.

        For a broker that lost its data: readers that have applied an entry ignore it.
        """
        published = 0
        for repository in self._repositories:
            async for document in repository.collection.scan({}):
                for entry in await repository.journal(document["_id"]):
                    if entry.time >= since and entry.sequence <= document["sent"]:
                        await self._send(document["_id"], entry.sequence, entry.model_dump())
                        published += 1
                yield published


def _marks(carried: _Carried) -> list[tuple[Filter, Update]]:
    """Mark what was confirmed. `v` is untouched; where the document moved on, the next round finishes."""
    document, at = carried.document, {"_id": carried.document["_id"]}
    if carried.sent == document["sent"] and carried.error is not None:
        return []
    marks: list[tuple[Filter, Update]] = [(at, {"$max": {"sent": carried.sent}})]
    if carried.error is None:
        marks = [({**at, "v": document["v"]}, {"$set": {"sent": carried.sent, "pending": 0}}), *marks]
    return marks


def _personal(entry: Document) -> bool:
    return bool(entry.get("personal")) and entry["data"] is not None


def _forgetting(document: Document, now: datetime) -> tuple[Filter, dict[str, Any]]:
    personal = {n: e for n, e in document["journal"].items() if _personal(e)}
    over = {n for n, e in personal.items() if e["time"] + PERSONAL_RETENTION <= now and int(n) <= document["sent"]}
    later = [e["time"] + PERSONAL_RETENTION for n, e in personal.items() if n not in over]
    update: dict[str, Any] = {"$set": {f"journal.{n}.data": None for n in over}}
    if later:
        update["$max"] = {"forget_at": max(min(later), now)}
    else:
        update["$unset"] = {"forget_at": ""}
    return {"_id": document["_id"]}, update
