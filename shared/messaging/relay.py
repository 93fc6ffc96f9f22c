"""The relay: journal entries out to Kafka, in order per document, each at least once under one stable id.

One relay per service holds the lease; writes in this process wake it, and the relays of other replicas tell it of
theirs. Every few seconds it looks everywhere, for what a replica wrote and could not tell any more. An entry whose
outcome is unknown is simply sent again: readers know its `ce_id` and sequence.
"""

import asyncio
import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry

from shared import crashpoint
from shared.clock import Clock
from shared.messaging.envelope import headers
from shared.messaging.journals import JOURNAL_LIMIT, trim
from shared.messaging.metrics import RelayMetrics
from shared.messaging.notes import Notes
from shared.store.collection import Collection, Document, Unavailable
from shared.store.lease import Lease
from shared.store.repository import EPOCH, Repository

log = structlog.get_logger("relay")

LOOK_SECONDS = 0.5
"""Between two looks at what other replicas tell."""
SWEEP_SECONDS = 5.0
"""Between two looks at every journal."""
AGAIN_SECONDS = 1.0
"""After the store or the broker was away."""
TELL_SECONDS = 0.1
"""Between two notes to who holds the lease, at least."""
PACE_SECONDS = 0.02
"""Between the beginnings of two sweeps, at least. What is written after a quiet moment is published at once; while much
is written, what comes in the meantime goes together: fewer questions to the store, fewer requests to the broker."""
BATCH = 200
BACKLOG = 20_000
"""Ids of waiting documents that are read at once, when there are more than a batch."""
CARRY_SECONDS = 0.5
REST_SECONDS = 2.0
LONGEST_REST_SECONDS = 60.0
DRAIN_SECONDS = 2.0
STOP_SECONDS = 3.0


class Outlet(Protocol):
    """Where entries go: Kafka, or a list in a test."""

    async def publish(self, topic: str, key: str, headers: dict[str, str], value: bytes) -> None:
        """Returns when the broker confirmed it; raises when it did not."""
        ...

    async def rebuild(self) -> str | None:
        """Start anew after a failure: an idempotent producer may be stuck after one (aiokafka #1017).

        Says which broker it is: the name of one that came back without its data is another one. `None`: it has none.
        """
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
        notes: Notes | None = None,
        metrics: RelayMetrics | None = None,
    ) -> None:
        self._repositories, self._outlet, self._lease = repositories, outlet, lease
        self._clock, self._source, self._notes = clock, source, notes
        self._connected_to: str | None = None
        self._metrics = metrics or RelayMetrics(CollectorRegistry())
        self._flying: dict[tuple[str, str], asyncio.Task[_Carried]] = {}
        self._resting: dict[tuple[str, str], float] = {}
        self._failures: Counter[tuple[str, str]] = Counter()
        self._nudged: set[str] = set()
        self._backlog: defaultdict[str, deque[Any]] = defaultdict(deque)
        self._swept = self._looked = self._begun = float("-inf")
        self._broken = self._away = False
        self.woken = asyncio.Event()

    def nudge(self, collection: str) -> None:
        """Something was written there: look at once."""
        self._nudged.add(collection)
        self.woken.set()

    def connected(self, broker: str | None) -> None:
        """The outlet is connected to the broker of this name: before anything else is published it is recognised."""
        self._connected_to = broker

    async def run(self) -> None:
        """Sweep until cancelled, and renew the lease beside it."""
        async with asyncio.TaskGroup() as beside:
            beside.create_task(self._lease.keep())
            await self._run()

    async def _run(self) -> None:
        self._swept = float("-inf")  # who runs again has broken off somewhere
        while True:
            self.woken.clear()
            try:
                if not await self._lease.hold():
                    self._broken = True  # who takes over later connects anew, to the broker as it is then
                    self._swept = float("-inf")
                    await self._tell(self._lease.pause)
                    continue
                self._begun = time.monotonic()
                await self._sweep(await self._due())
            except Unavailable as exc:
                log.warning("relay.store-away", error=str(exc))
                self._swept = float("-inf")  # whatever was to be looked at has to be
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            await self._wait()

    async def _wait(self) -> None:
        await asyncio.sleep(self._begun + PACE_SECONDS - time.monotonic())
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self.woken.wait()

    async def _tell(self, seconds: float) -> None:
        """Somebody else publishes what is written here, and is told of it while these seconds pass."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    self.woken.clear()
                    await self._tell_once()
                    await asyncio.sleep(TELL_SECONDS)
                    await self.woken.wait()

    async def _tell_once(self) -> None:
        told, self._nudged = self._nudged, set()
        try:
            if told and self._notes is not None:
                await self._notes.tell(told)
        except BaseException:  # also when the time is over meanwhile: told twice does no harm
            self._nudged |= told
            raise

    async def _due(self) -> list[Repository[Any]]:
        """Where something was written, here or elsewhere, or has rested after a failure; every few seconds all."""
        now = time.monotonic()
        if now - self._swept >= SWEEP_SECONDS:
            self._swept = now
            return list(self._repositories)
        for at in [at for at, until in self._resting.items() if until <= now]:
            del self._resting[at]
            self._nudged.add(at[0])
        if self._notes is not None and now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._nudged |= await self._notes.heard()
        return [repository for repository in self._repositories if repository.collection.name in self._nudged]

    async def stop(self) -> None:
        """Publish what is pending, wait a little until it is confirmed, then give the lease up."""
        if not await self._lease.hold():
            await self._tell_once()
            return
        await self.sweep()
        if self._flying:
            await asyncio.wait(self._flying.values(), timeout=STOP_SECONDS)
            await self.sweep()
        await self._lease.release()

    async def sweep(self) -> int:
        """One round over all journals; how many entries were confirmed."""
        return await self._sweep(self._repositories)

    async def _sweep(self, repositories: Sequence[Repository[Any]]) -> int:
        self._nudged.difference_update(repository.collection.name for repository in repositories)
        if self._broken and not await self._mended():
            return 0
        await self._recognise()
        confirmed = 0
        for repository in repositories:
            carried = await self._carry(repository)
            await self._mark(repository.collection, carried)
            for one in carried:
                confirmed += one.sent - one.document["sent"]
                if len(one.document["journal"]) > JOURNAL_LIMIT:
                    await trim(repository, one.document["_id"])
        self._metrics.sent.inc(confirmed)
        return confirmed

    async def _mended(self) -> bool:
        """Start the producer anew after a failure, before anything else is published.

        What is still on its way has a moment to land. Some of it never does: it is what is stuck behind the failure.
        """
        if self._flying:
            await asyncio.wait(self._flying.values(), timeout=DRAIN_SECONDS)
        try:
            self.connected(await self._outlet.rebuild())
        except Exception as exc:  # noqa: BLE001 - the broker is away; the next round tries again
            log.warning("relay.broker-away", error=repr(exc))
            self._away = True
            self._swept = float("-inf")
            await asyncio.sleep(AGAIN_SECONDS)
            return False
        if self._away:  # it was the broker, and none of the documents
            self._resting.clear()
            self._failures.clear()
        self._broken = self._away = False
        return True

    async def _recognise(self) -> None:
        """`sent` is true of one broker: another one is told everything again, each document from its beginning.

        It must come before anything new. A reader may not have had the last entries that the lost broker had; if a
        newer one came first, it would take those for older ones and ignore them for good.
        """
        if self._notes is None or (name := self._connected_to) is None:
            return
        known = await self._notes.broker()
        if known is not None and known != name:
            log.warning("relay.another-broker", before=known, now=name)
            async for _ in self.replay(EPOCH):
                pass
        if known != name:
            await self._notes.another_broker(name)
        self._connected_to = None

    async def _carry(self, repository: Repository[Any]) -> list[_Carried]:
        """Publish what is pending, and bring what has landed. A document that hangs goes on in the background."""
        now, collection = time.monotonic(), repository.collection
        found = await self._pending(repository)
        self._metrics.waiting.labels(collection.name).set(len(found) + len(self._backlog[collection.name]))
        ready = [
            (at, document)
            for document in found
            if (at := (collection.name, str(document["_id"]))) not in self._flying and self._resting.get(at, now) <= now
        ]
        passed_over = {at for document in found if (at := (collection.name, str(document["_id"]))) in self._flying}
        suspects = sorted((one for one in ready if one[0] in self._failures), key=lambda one: self._failures[one[0]])
        for together in ([one for one in ready if one[0] not in self._failures], suspects[:1]):
            await self._fly(repository, together)
        if suspects[1:]:
            self.nudge(collection.name)
        landed = [at for at, task in self._flying.items() if at[0] == collection.name and task.done()]
        if not passed_over.isdisjoint(landed):  # what was written to it while it flew goes next
            self.nudge(collection.name)
        return [self._land(at) for at in landed]

    async def _pending(self, repository: Repository[Any]) -> list[Document]:
        """The next documents with something to send, and the order to come again where there are more.

        Of a long backlog the ids are read once: the store goes through all that match, however few are wanted.
        """
        collection, backlog = repository.collection, self._backlog[repository.collection.name]
        only = ("v", "seq", "sent", "pending", "journal", repository.model.whose)
        if backlog:
            ids = [backlog.popleft() for _ in range(min(BATCH, len(backlog)))]
            self.nudge(collection.name)
            found = await collection.find({"_id": {"$in": ids}}, only=only, limit=len(ids))
            return [document for document in found if document["pending"] > 0]
        limit = BATCH + len(self._resting) + len(self._flying)  # those must not crowd the others out
        found = await collection.find({"pending": {"$gt": 0}}, only=only, limit=limit)
        if len(found) == limit:
            known = {document["_id"] for document in found}
            more = await collection.find({"pending": {"$gt": 0}}, only=("_id",), limit=limit + BACKLOG)
            backlog.extend(document["_id"] for document in more if document["_id"] not in known)
            self.nudge(collection.name)
        return found

    async def _fly(self, repository: Repository[Any], together: list[tuple[tuple[str, str], Document]]) -> None:
        """Publish these beside each other. The records of one batch are refused together: a document that failed
        goes alone from then on, lest it takes others down with it, or they it."""
        launched = {at: asyncio.create_task(self._publish(repository, document)) for at, document in together}
        self._flying |= launched
        if launched:
            _, late = await asyncio.wait(launched.values(), timeout=CARRY_SECONDS)
            for task in late:
                task.add_done_callback(lambda _: self.nudge(repository.collection.name))

    def _land(self, at: tuple[str, str]) -> _Carried:
        carried = self._flying.pop(at).result()
        if carried.error is None:
            self._failures.pop(at, None)
            return carried
        self._broken = True
        self._failures[at] += 1
        self._metrics.failed.inc()
        rest = min(REST_SECONDS * 2 ** (self._failures[at] - 1), LONGEST_REST_SECONDS)
        self._resting[at] = time.monotonic() + rest * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret
        return carried

    async def _mark(self, collection: Collection, carried: list[_Carried]) -> None:
        """Mark what was confirmed, all documents that came as far in one statement.

        `v` is untouched, and a document that has moved on stays pending: another round finishes. A mark repeated or
        come late changes nothing, so it does not matter who else marks; and where `sent` is not what it was any more
        because a replay was asked for meanwhile, that stands.
        """
        far: dict[tuple[int, int], list[Any]] = defaultdict(list)
        for one in carried:
            if one.sent > one.document["sent"] or one.error is None:
                far[one.document["sent"], one.sent].append(one.document["_id"])
        for (before, sent), ids in far.items():
            still = {"$eq": ["$sent", before]}  # in the filter it would have the embedded store go through everything
            fields = {
                "sent": {"$cond": [still, sent, "$sent"]},
                "pending": {"$cond": [{"$and": [still, {"$lte": ["$seq", sent]}]}, 0, "$pending"]},
            }
            await collection.compute({"_id": {"$in": ids}}, fields)

    async def _publish(self, repository: Repository[Any], document: Document) -> _Carried:
        sent, journal = int(document["sent"]), document["journal"]
        try:
            if sent < document["seq"] and str(sent + 1) not in journal:  # said again, and in the archive by now
                archived = await repository.archive.find({"aggregate": document["_id"]}, limit=1_000_000)
                journal = {str(entry["sequence"]): entry for entry in archived} | journal
            for n in range(sent + 1, int(document["seq"]) + 1):
                if self._lease.lost:  # held up until somebody else may have taken over: the rest is not ours
                    self.nudge(repository.collection.name)  # or ours again
                    return _Carried(document, sent)
                await self._send(str(document["_id"]), n, await repository.disclosed(document, n, journal[str(n)]))
                crashpoint.reached("after-produce")
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

    # -- replay ------------------------------------------------------------------------------------------

    async def replay(self, since: datetime) -> AsyncIterator[int]:
        """Have every confirmed entry from `since` on published again, under its old id; yields how many so far.

        The entries count as unsent from now on: whoever holds the lease publishes them, each before what comes after
        it. Readers that have applied an entry ignore it.
        """
        again = 0
        for repository in self._repositories:
            async for document in repository.collection.scan({}):
                entries = [
                    entry.sequence
                    for entry in await repository.journal(document["_id"])
                    if entry.data is not None and entry.time >= since and entry.sequence <= document["sent"]
                ]
                if entries:
                    unsent = {"$min": {"sent": entries[0] - 1}, "$max": {"pending": 1}}
                    await repository.collection.update({"_id": document["_id"]}, unsent)
                    again += len(entries)
                    self.nudge(repository.collection.name)
                    yield again
