"""Timers: aggregates that asked to be woken (`wake_at`), each once whatever the number of replicas."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog

from shared.clock import Clock
from shared.store.collection import Unavailable
from shared.store.repository import Contention, Repository

log = structlog.get_logger("timers")

SWEEP_SECONDS = 1.0
REST_SECONDS = 30.0
BATCH = 100
WIDTH = 16
HOLD_UP_SECONDS = 2.0
"""How long one sweep waits for what it woke: a slow effect (a mail server) then goes on beside the next sweeps."""

Waking = Callable[[str], Awaitable[bool | None]]
"""`False`: there was nothing to do yet."""


class Timers:
    """One loop per service over the repositories whose aggregates have something to do later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watched: list[tuple[Repository[Any], Waking]] = []
        self._resting: dict[str, float] = {}
        self._flying: dict[str, asyncio.Task[bool]] = {}
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
        try:
            while True:
                await self._round()
        finally:
            for task in self._flying.values():
                task.cancel()

    async def _round(self) -> None:
        self._woken.clear()
        try:
            await self.sweep()
        except Unavailable as exc:
            log.warning("timers.store-away", error=str(exc))
        with suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_SECONDS):
                await self._woken.wait()

    async def sweep(self) -> int:
        """Wake everything that is due; how many had something to do."""
        now, due = time.monotonic(), 0
        self._resting = {id_: until for id_, until in self._resting.items() if until > now}
        for repository, waking in self._watched:
            limit = BATCH + len(self._resting) + len(self._flying)  # those must not crowd the others out
            found = await repository.due(self._clock.now(), limit)
            if len(found) == limit:
                self.nudge()
            ids = [id_ for id_ in found if id_ not in self._resting and id_ not in self._flying]
            woken = [self._launch(waking, id_) for id_ in ids]
            if woken:
                await asyncio.wait(woken, timeout=HOLD_UP_SECONDS)
            due += sum(not task.done() or task.result() for task in woken)
        return due

    def _launch(self, waking: Waking, id_: str) -> asyncio.Task[bool]:
        task = asyncio.create_task(self._wake(waking, id_))
        self._flying[id_] = task
        task.add_done_callback(lambda _: self._flying.pop(id_, None))
        return task

    async def _wake(self, waking: Waking, id_: str) -> bool:
        async with self._slots:
            try:
                return await waking(id_) is not False
            except (Unavailable, Contention) as exc:
                log.warning("timers.again", subject=id_, error=repr(exc))
            except Exception:
                log.exception("timers.failed", subject=id_)
                self._resting[id_] = time.monotonic() + REST_SECONDS
            return True
