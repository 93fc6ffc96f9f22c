"""An event loop whose time is ours, and processes whose every step into the world waits until it is let go."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.clock import Clock

_running_in: ContextVar["Process | None"] = ContextVar("process", default=None)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Time stands still until `advance`; nothing runs but in `settle`. Never waits for the real clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.set_task_factory(_owned_task)  # type: ignore[arg-type]  # typeshed wants every kind of awaitable

    def time(self) -> float:
        return self.now

    def settle(self) -> None:
        """Run whatever can run now, until everything waits for a gate or for time."""
        while True:
            self.call_soon(self.stop)
            self.run_forever()
            if not self._ready:  # type: ignore[attr-defined]  # CPython's own name for what can run now
                return

    def next_timer(self) -> float | None:
        """When the next timer is due, or `None`."""
        due = [handle.when() for handle in self._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
        return min(due, default=None)

    def advance(self, seconds: float) -> None:
        """Let this much time pass."""
        self.now += seconds
        self.settle()


def _owned_task(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
) -> "asyncio.Task[Any]":
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
    if (process := _running_in.get()) is not None:
        process.tasks[task] = None
        task.add_done_callback(lambda _: process.tasks.pop(task))
    return task


@dataclass
class Gate:
    """One step that a process is about to take."""

    process: "Process"
    step: str
    opened: "asyncio.Future[None]"


@dataclass(eq=False)
class Process:
    """Tasks that live and die together. A frozen one waits at its next gate; a dead one touches nothing any more."""

    name: str
    loop: SimulatedLoop
    waiting: list[Gate]
    alive: bool = True
    frozen: bool = False
    tasks: dict["asyncio.Task[Any]", None] = field(default_factory=dict)
    """In the order of their making: a set would end them in another order each time."""
    failed: list[BaseException] = field(default_factory=list)
    """What its parts ended with and should not have."""

    def spawn(self, make: Callable[[], Coroutine[Any, Any, Any]]) -> "asyncio.Task[Any]":
        """Run a coroutine as part of this process."""
        context = copy_context()
        context.run(_running_in.set, self)
        task: asyncio.Task[Any] = context.run(lambda: self.loop.create_task(make(), context=context))
        task.add_done_callback(self._ended)
        return task

    async def gate(self, step: str) -> None:
        """Wait until this step is let go."""
        if not self.alive:
            raise asyncio.CancelledError
        gate = Gate(self, step, self.loop.create_future())
        self.waiting.append(gate)
        try:
            await gate.opened
        finally:
            if gate in self.waiting:
                self.waiting.remove(gate)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed.append(error)

    def kill(self) -> None:
        """As `kill -9`: it stops where it stands."""
        self.alive = False
        for task in list(self.tasks):
            task.cancel()
        self.loop.settle()


@dataclass
class ShiftedClock:
    """A process's clock: the world's, and how wrong it goes."""

    right: Clock
    wrong_by: timedelta = timedelta(0)

    def now(self) -> datetime:
        return self.right.now() + self.wrong_by
