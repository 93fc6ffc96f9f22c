"""Work in turn: of one key one after the other in the order it was given, of different keys beside each other."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

Work = Callable[[], Awaitable[None]]


class Turns(Generic[K]):
    """At most `width` keys at once, and besides them what somebody waits for. `on_done` is called when a piece of work
    is over.

    A few workers take what is ready in turns: a task for each key costs as much as what most handlers do.
    """

    def __init__(self, width: int, on_done: Callable[[], None] = lambda: None) -> None:
        self._width, self._on_done = width, on_done
        self._work: dict[K, deque[Work]] = {}
        self._ready: deque[K] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._asked: set[asyncio.Future[Any]] = set()

    def __len__(self) -> int:
        """How many keys have something to do."""
        return len(self._work)

    @property
    def asked(self) -> frozenset["asyncio.Future[Any]"]:
        """What somebody waits for."""
        return frozenset(self._asked)

    def put(self, key: K, work: Work) -> None:
        """Do the work as soon as all is done that the key had to do before. It tells nobody, and must not fail."""
        if (of_key := self._work.get(key)) is not None:
            of_key.append(work)
            return
        self._work[key] = deque((work,))
        self._ready.append(key)
        if len(self._workers) < self._width:
            self._engage()

    async def ask(self, key: K, work: Callable[[], Awaitable[T]]) -> T:
        """Put the work, and wait for what comes of it. It needs no free worker: all may be held up by an outage, for
        which who waits here is no reason to wait."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def answered() -> None:
            try:
                came = await work()
            except Exception as exc:  # noqa: BLE001 - it belongs to who asked
                if not answer.done():
                    answer.set_exception(exc)
            else:
                if not answer.done():
                    answer.set_result(came)
            finally:
                answer.cancel()  # where it ended in another way

        self._asked.add(answer)
        answer.add_done_callback(self._asked.discard)
        self.put(key, answered)
        if len(self._work[key]) == 1 and len(self._workers) >= self._width:
            self._ready.rotate(1)  # the last one is this key, as it has nothing to do before
            self._engage()
        return await answer

    async def stop(self) -> None:
        """Give up what is under way and what waits."""
        self._ready.clear()
        for of_key in self._work.values():
            while len(of_key) > 1:
                of_key.pop()
        workers = set(self._workers)
        for task in (*workers, *self._asked):
            task.cancel()
        if workers:
            await asyncio.wait(workers)
        self._work.clear()

    def _engage(self) -> None:
        worker = asyncio.create_task(self._serve())
        self._workers.add(worker)
        worker.add_done_callback(self._leave)

    def _leave(self, worker: "asyncio.Task[None]") -> None:
        self._workers.discard(worker)
        if self._ready and len(self._workers) < self._width:  # it left in the same moment as something came
            self._engage()

    async def _serve(self) -> None:
        while self._ready:
            key = self._ready.popleft()
            of_key = self._work[key]
            try:
                await of_key[0]()
            finally:
                of_key.popleft()
                if of_key:
                    self._ready.append(key)
                else:
                    del self._work[key]
                self._on_done()
