"""Timers: aggregates that asked to be woken (`wake_at`), each once whatever the number of replicas."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from shared.clock import Clock
from shared.store.collection import Unavailable
from shared.store.repository import Contention, Repository

log = structlog.get_logger("timers")

SWEEP_SECONDS = 1.0
REST_SECONDS = 30.0
WIDTH = 16

Waking = Callable[[str], Awaitable[None]]


class Timers:
    """One loop per service over the repositories whose aggregates have something to do later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watched: list[tuple[Repository[Any], Waking]] = []
        self._resting: dict[str, float] = {}
        self._slots = asyncio.Semaphore(WIDTH)
        self._woken = asyncio.Event()

    def watch(self, repository: Repository[Any], waking: Waking | None = None) -> None:
        """Wake the repository's due aggregates: by their own `wake`, or by `waking(id)` where an effect is outside."""

        async def wake(id_: str) -> None:
            await repository.wake(id_, self._clock.now())

        self._watched.append((repository, waking or wake))

    def nudge(self) -> None:
        """Something is due at once."""
        self._woken.set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            self._woken.clear()
            try:
                await self.sweep()
            except Unavailable as exc:
                log.warning("timers.store-away", error=str(exc))
            try:
                async with asyncio.timeout(SWEEP_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def sweep(self) -> int:
        """Wake everything that is due; how many."""
        now, due = time.monotonic(), 0
        self._resting = {id_: until for id_, until in self._resting.items() if until > now}
        for repository, waking in self._watched:
            ids = [id_ for id_ in await repository.due(self._clock.now()) if id_ not in self._resting]
            await asyncio.gather(*(self._wake(waking, id_) for id_ in ids))
            due += len(ids)
        return due

    async def _wake(self, waking: Waking, id_: str) -> None:
        async with self._slots:
            try:
                await waking(id_)
            except (Unavailable, Contention) as exc:
                log.warning("timers.again", subject=id_, error=repr(exc))
            except Exception:
                log.exception("timers.failed", subject=id_)
                self._resting[id_] = time.monotonic() + REST_SECONDS
