"""Timers: aggregates that asked to be woken (`wake_at`), each once whatever the number of replicas."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog

from shared.clock import Clock
from shared.store.collection import Unavailable
from shared.store.repository import Contention, Repository

log = structlog.get_logger("timers")

SWEEP_SECONDS = 1.0
UNHURRIED_SECONDS = 30.0
"""Between two looks where nobody notices that something is late, as when what has expired is only cleared away."""
REST_SECONDS = 30.0
BATCH = 100
BACKLOG = 20_000
"""Ids that are read at once where more are due than a batch: the store goes through all, however few are wanted."""
WIDTH = 16
HOLD_UP_SECONDS = 2.0
"""How long `sweep` waits for what it woke."""

Waking = Callable[[str], Awaitable[bool | None]]
"""`False`: there was nothing to do yet."""


class Timers:
    """One loop a repository whose aggregates have something to do later: a slow effect of one holds up no other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watches: list[_Watch] = []

    def watch(self, repository: Repository[Any], waking: Waking | None = None, every: float | None = None) -> None:
        """Wake the repository's due aggregates: by their own `wake`, or by `waking(id)` where an effect is outside.
        `every`: seconds between two looks at what became due by itself; a second, where nothing is said."""

        async def wake(id_: str) -> None:
            await repository.wake(id_, self._clock.now())

        self._watches.append(_Watch(repository, waking or wake, self._clock, every))

    def nudge(self, collection: str, id_: str | None = None) -> None:
        """Something is due there at once: this one, and the store need not be asked for it."""
        for watch in self._watches:
            if watch.repository.collection.name == collection:
                watch.nudge(id_)

    async def run(self) -> None:
        """Wake until cancelled."""
        async with asyncio.TaskGroup() as group:
            for watch in self._watches:
                group.create_task(watch.run())

    async def sweep(self) -> int:
        """Wake everything that is due, and wait for it a while; how many."""
        return sum([await watch.sweep() for watch in self._watches])


class _Watch:
    """One repository."""

    def __init__(self, repository: Repository[Any], waking: Waking, clock: Clock, every: float | None) -> None:
        self.repository, self._waking, self._clock, self._rarely = repository, waking, clock, every
        self._resting: dict[str, float] = {}
        self._flying: dict[str, asyncio.Task[bool]] = {}
        self._passed: set[str] = set()
        self._backlog: deque[str] = deque()
        self._named: list[str] = []
        self._asking, self._asked = True, float("-inf")
        self._slots = asyncio.Semaphore(WIDTH)
        self._woken = asyncio.Event()

    @property
    def _every(self) -> float:
        return SWEEP_SECONDS if self._rarely is None else self._rarely

    def nudge(self, id_: str | None = None) -> None:
        """Look at once: at this one, or at what the store says is due. Nobody passes a backlog by being named."""
        if id_ is not None and not self._backlog and len(self._flying) + len(self._named) < BATCH:
            self._named.append(id_)
        else:
            self._asking = True
        self._woken.set()

    async def run(self) -> None:
        """Look when nudged and every so often; what was woken goes on beside, so that the next look comes at once."""
        try:
            while True:
                self._woken.clear()
                try:
                    await self._look()
                except Unavailable as exc:
                    log.warning("timers.store-away", collection=self.repository.collection.name, error=str(exc))
                if len(self._flying) >= BATCH:  # enough for now
                    await asyncio.wait(self._flying.values(), return_when=asyncio.FIRST_COMPLETED)
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._every):
                        await self._woken.wait()
        finally:
            for task in self._flying.values():
                task.cancel()

    async def sweep(self) -> int:
        """One look at what the store says is due, and a wait for what was woken; how many had something to do."""
        self._asking = True
        if woken := await self._look():
            await asyncio.wait(woken, timeout=HOLD_UP_SECONDS)
        return sum(not task.done() or task.result() for task in woken)

    async def _look(self) -> list[asyncio.Task[bool]]:
        now = time.monotonic()
        self._resting = {id_: until for id_, until in self._resting.items() if until > now}
        found, self._named = dict.fromkeys(self._named), []
        is_time = self._asking or now - self._asked >= self._every
        if is_time and len(self._flying) < BATCH:  # where enough is woken, the first that lands looks again
            self._asking, self._asked = False, float("-inf")
            found |= dict.fromkeys(await self._due())  # where the store is away, those named are due there as well
            self._asked = now
        self._passed.update(id_ for id_ in found if id_ in self._flying)
        return [self._launch(id_) for id_ in found if id_ not in self._resting and id_ not in self._flying]

    async def _due(self) -> list[str]:
        """The next ones, and the order to look again where there are more. What has done its work since it was put
        into the backlog is not due any more, and its `wake` does nothing."""
        if self._backlog:
            self.nudge()
            return [self._backlog.popleft() for _ in range(min(BATCH - len(self._flying), len(self._backlog)))]
        limit = BATCH + len(self._resting) + len(self._flying)  # those must not crowd the others out
        found = await self.repository.due(self._clock.now(), limit)
        room, fresh = BATCH - len(self._flying), [id_ for id_ in found if id_ not in self._flying]
        self._backlog.extend(fresh[room:])
        if len(found) == limit:
            known = set(found)
            more = await self.repository.due(self._clock.now(), limit + BACKLOG)
            self._backlog.extend(id_ for id_ in more if id_ not in known)
        if self._backlog:
            self.nudge()
        return [*(id_ for id_ in found if id_ in self._flying), *fresh[:room]]

    def _launch(self, id_: str) -> asyncio.Task[bool]:
        task = asyncio.create_task(self._wake(id_))
        self._flying[id_] = task
        task.add_done_callback(lambda _: self._landed(id_))
        return task

    def _landed(self, id_: str) -> None:
        self._flying.pop(id_, None)
        if id_ in self._passed:  # it was due again while it was being woken
            self._passed.discard(id_)
            self.nudge()

    async def _wake(self, id_: str) -> bool:
        async with self._slots:
            try:
                return await self._waking(id_) is not False
            except (Unavailable, Contention) as exc:
                log.warning("timers.again", subject=id_, error=repr(exc))
            except Exception:
                log.exception("timers.failed", subject=id_)
                self._resting[id_] = time.monotonic() + REST_SECONDS
            return True
