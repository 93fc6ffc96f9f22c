"""What every service runs on: its store, relay, lane, tables and timers, started and stopped together.

`app.py` of a service names the parts; the runtime starts each when what it needs is there, keeps it running
while broker or store come and go, and tells readiness what is missing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Gauge

from shared import telemetry
from shared.aggregate import Aggregate
from shared.clock import AGREEMENT_SECONDS, Clock, SystemClock
from shared.contracts.registry import EventModel
from shared.messaging.broker import client_options, consumer_broker, readable_topics
from shared.messaging.handling import Handlers
from shared.messaging.journals import forget
from shared.messaging.lane import Lane
from shared.messaging.metrics import LaneMetrics, RelayMetrics
from shared.messaging.notes import Notes
from shared.messaging.outlet import KafkaOutlet
from shared.messaging.parked import Parked
from shared.messaging.relay import Outlet, Relay
from shared.messaging.table import Table, TableReader
from shared.settings import ServiceSettings
from shared.store import Collection, Database, Repository
from shared.store.collection import Index, Timed, Unavailable
from shared.store.lease import Lease
from shared.store.remembered import Remembered
from shared.store.seal import DataKeys
from shared.timers import Timers, Waking

log = structlog.get_logger("runtime")

A = TypeVar("A", bound=Aggregate)
M = TypeVar("M", bound=EventModel)

RETRY_SECONDS = 1.0
TEND_SECONDS = 1.0
FORGET_SECONDS = 60.0
COMPARE_SECONDS = 10.0
ANSWER_SECONDS = 1.0
"""An answer that took longer says nothing about clocks."""


class Runtime:
    """The parts of one service. `outlet` given: no Kafka, a test feeds the lane and reads what was published."""

    def __init__(
        self, settings: ServiceSettings, database: Database, clock: Clock, *, outlet: Outlet | None = None
    ) -> None:
        self.settings, self.database, self.clock = settings, database, clock
        self.registry: CollectorRegistry = telemetry.new_registry()
        self._running_tasks = Gauge("tongban_tasks", "Tasks of the event loop", registry=self.registry)
        self.parked = Parked(database.collection("parked"), clock)
        self.timers = Timers(clock)
        self.lane: Lane | None = None
        self.tables: TableReader | None = None
        self._kafka = outlet is None
        self._outlet: Outlet = outlet or KafkaOutlet(lambda: client_options(settings))
        self._repositories: list[tuple[Repository[Any], tuple[Index, ...]]] = []
        self._collections: list[tuple[Collection, tuple[Index, ...]]] = []
        self._remembered: dict[str, list[Remembered[Any]]] = {}
        self._tables: list[Table[Any]] = []
        self._at_start: list[Callable[[], Awaitable[None]]] = []
        self._at_stop: list[Callable[[], Awaitable[None]]] = []
        self._beside: list[Callable[[], Awaitable[None]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._prepared = asyncio.Event()
        self._ahead = 0.0
        self.relay: Relay | None = None

    # -- naming the parts --------------------------------------------------------------------------------

    def repository(self, name: str, model: type[A], *indexes: Index, keys: DataKeys | None = None) -> Repository[A]:
        """A repository whose journal the relay publishes; with data `keys`, what is personal in it is sealed."""
        repository = Repository(self.database, name, model, partial(self._written, name), keys=keys)
        self._repositories.append((repository, indexes))
        return repository

    def remembered(self, repository: Repository[A]) -> Remembered[A]:
        """The repository's aggregates through a small memory; what this process writes is seen at once."""
        remembered = Remembered(repository)
        self._remembered.setdefault(repository.collection.name, []).append(remembered)
        return remembered

    def collection(self, name: str, *indexes: Index) -> Collection:
        """A plain collection, for read models."""
        collection = self.database.collection(name)
        self._collections.append((collection, indexes))
        return collection

    def table(self, model: type[M], key: Callable[[M], str], on_change: Callable[[], None] = lambda: None) -> Table[M]:
        """A table of reference data."""
        table = Table(model, key, on_change)
        self.follow(table)
        return table

    def follow(self, table: Table[Any]) -> None:
        """Keep a table that somebody else made."""
        self._tables.append(table)

    def table_age(self, topic: str) -> float:
        """Seconds since the tables were known to hold all of the topic, at most."""
        return self.tables.age(topic) if self.tables is not None else float("inf")

    def read(self, topics: Callable[[], Iterable[str]], handlers: Handlers) -> None:
        """The service's one lane: group `<service>.main`."""
        self.lane = Lane(
            f"{self.settings.service}.main",
            topics,
            handlers,
            self.parked,
            instance=self.settings.instance,
            now=lambda: self.clock.now().timestamp(),
            session_seconds=self.settings.kafka_session_seconds,
            connect=(lambda: consumer_broker(self.settings)) if self._kafka else None,
            readable=lambda: readable_topics(self.settings),
            metrics=LaneMetrics(self.registry),
        )

    def wake(self, repository: Repository[Any], waking: Waking | None = None, every: float | None = None) -> None:
        """Serve the repository's `wake_at`: see `Timers.watch`."""
        self.timers.watch(repository, waking, every)

    def at_start(self, prepare: Callable[[], Awaitable[None]]) -> None:
        """Run once the store is there, before anything else; tried again until it succeeds."""
        self._at_start.append(prepare)

    def at_stop(self, finish: Callable[[], Awaitable[None]]) -> None:
        """Run first when leaving, while all still runs: effects outside that are under way may end."""
        self._at_stop.append(finish)

    def beside(self, part: Callable[[], Awaitable[None]]) -> None:
        """Run while the service runs, once it is prepared; begun again when it breaks."""
        self._beside.append(part)

    def _written(self, collection: str, aggregate: Aggregate) -> None:
        for remembered in self._remembered.get(collection, ()):
            remembered.forget(aggregate.id)
        if self.relay is not None:
            self.relay.nudge(collection)
        if aggregate.wake_at is not None and aggregate.wake_at <= self.clock.now():
            self.timers.nudge(collection, aggregate.id)

    def wire(self) -> None:
        """All parts are named: make what serves them."""
        self.relay = Relay(
            [repository for repository, _ in self._repositories],
            self._outlet,
            Lease(self.database.collection("leases"), "relay", self.settings.instance),
            self.clock,
            f"/{self.settings.city}/{self.settings.service}",
            notes=Notes(self.database),
            metrics=RelayMetrics(self.registry),
        )
        options = (lambda: client_options(self.settings)) if self._kafka else None
        self.tables = TableReader(self._tables, self.parked, options)

    # -- running -----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything runs inside; leaving finishes what is under way, publishes what is pending and closes."""
        loop = asyncio.get_running_loop()
        self._running_tasks.set_function(lambda: len(asyncio.all_tasks(loop)))
        parts = (
            self._prepare, self._publish, self._follow_tables, self._handle, self._wake, self._forget,
            self._compare_clocks, *map(self._once_prepared, self._beside),
        )  # fmt: skip
        for part in parts:
            self._tasks.append(asyncio.create_task(self._keep(part), name=part.__name__))
        try:
            yield
        finally:
            await self._stop()

    async def _stop(self) -> None:
        parts: list[Callable[[], Awaitable[None]]] = [*self._at_stop, self._end_tasks]
        if self.lane is not None:
            parts.insert(0, self.lane.stop)
        if self.relay is not None and self._prepared.is_set():
            parts.append(self.relay.stop)
        if isinstance(self._outlet, KafkaOutlet):
            parts.append(self._outlet.stop)
        for part in (*parts, self.database.close):
            try:
                await part()
            except Exception as exc:  # noqa: BLE001 - the others must stop too; what is left goes on after the next start
                log.warning("runtime.stopped-early", part=getattr(part, "__qualname__", ""), error=repr(exc))

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part; start it again when it breaks, for broker and store come and go."""
        while True:
            try:
                await part()
                return
            except Exception as exc:  # noqa: BLE001 - named in the log, seen in readiness, tried again
                log.warning("runtime.again", part=part.__name__, error=repr(exc)[:500])
                await asyncio.sleep(RETRY_SECONDS)

    async def prepare(self) -> None:
        """Make the indexes and run what was asked for at the start."""
        await self.parked.ensure()
        for repository, indexes in self._repositories:
            await repository.ensure(*indexes)
        for collection, indexes in self._collections:
            await collection.ensure(*indexes)
        for start in self._at_start:
            await start()

    async def _prepare(self) -> None:
        await self.prepare()
        self._prepared.set()

    def _once_prepared(self, part: Callable[[], Awaitable[None]]) -> Callable[[], Coroutine[Any, Any, None]]:
        async def beside() -> None:
            await self._prepared.wait()
            await part()

        return beside

    async def _publish(self) -> None:
        await self._prepared.wait()
        assert self.relay is not None  # noqa: S101 - wire() comes before running()
        if isinstance(self._outlet, KafkaOutlet):
            self.relay.connected(await self._outlet.rebuild())
        await self.relay.run()

    async def _follow_tables(self) -> None:
        await self._prepared.wait()
        if self.tables is not None:
            await self.tables.run()

    async def _handle(self) -> None:
        await self._prepared.wait()
        if self.tables is not None:
            await self.tables.ready.wait()
        if self.lane is not None:
            await self.lane.stop()
            await self.lane.start()
        while True:
            await asyncio.sleep(TEND_SECONDS)
            if self.lane is not None:
                await self.lane.follow()
            try:
                await self._release()
            except Unavailable as exc:  # no reason to leave the group
                log.warning("runtime.store-away", error=str(exc))
            if self.lane is not None and (stuck := self.lane.stuck()) is not None:
                raise ConnectionError(stuck)

    async def _release(self) -> None:
        if await self.parked.releasing():
            for reader in (self.lane, self.tables):
                if reader is not None:
                    await reader.release_due()

    async def _wake(self) -> None:
        await self._prepared.wait()
        if self.tables is not None:  # what is woken may look things up, as handlers do
            await self.tables.ready.wait()
        await self.timers.run()

    async def _forget(self) -> None:
        await self._prepared.wait()
        while True:
            await self.forget()
            await asyncio.sleep(FORGET_SECONDS)

    async def forget(self) -> int:
        """Forget what is personal in journals and over its time; how many entries."""
        return await forget([repository for repository, _ in self._repositories], self.clock.now())

    def behind_seconds(self) -> float:
        """How long the events that our lane handles now have waited for it."""
        return self.lane.behind_seconds() if self.lane is not None else 0.0

    async def _compare_clocks(self) -> None:
        """A clock that jumps alone moves nobody; it is told until it agrees with the store's again."""
        while isinstance(self.clock, SystemClock) and isinstance(self.database, Timed):
            asked = time.monotonic()
            with suppress(Unavailable):
                stores = await self.database.time()
                if time.monotonic() - asked < ANSWER_SECONDS:
                    machine, self._ahead = self.clock.compare(stores)
                    if abs(machine) >= AGREEMENT_SECONDS:
                        log.error("runtime.clocks-differ", machine=round(machine, 1), ours=round(self._ahead, 1))
            await asyncio.sleep(COMPARE_SECONDS)

    # -- readiness ---------------------------------------------------------------------------------------

    async def store_fault(self) -> str | None:
        """Why the store cannot be used, or `None`."""
        await self.database.ping()
        return None if self._prepared.is_set() else "not prepared yet"

    async def clock_fault(self) -> str | None:
        """Why our time cannot be relied on, or `None`. It is the machine's as it was when we were started."""
        return f"{self._ahead:+.0f} s against the store's" if abs(self._ahead) >= AGREEMENT_SECONDS else None

    async def broker_fault(self) -> str | None:
        """Why nothing can be published, or `None`."""
        if isinstance(self._outlet, KafkaOutlet) and not await self._outlet.ping():
            return "does not answer"
        return None

    async def tables_fault(self) -> str | None:
        """Why the reference data cannot be relied on, or `None`."""
        return self.tables.fault() if self.tables is not None else None

    async def lanes_fault(self) -> str | None:
        """Why events are not being handled, or `None`."""
        return self.lane.fault() if self.lane is not None else None
