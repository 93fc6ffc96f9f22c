"""Calls of one kind that come while another is on its way go together in the next one.

A call that comes alone goes at once, so nothing waits for company; under load the store sees few large
operations instead of many small ones, and flushes once for all of them.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
R = TypeVar("R")


class Together(Generic[Q, R]):
    """`send` takes what was asked and gives an answer or a failure for each, in the same order.

    At most `flights` are on their way at once, each of at most `most` questions and about `weight` in sum.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Q]], Awaitable[Sequence[R | Exception]]],
        *,
        most: int,
        weight: float = float("inf"),
        weigh: Callable[[Q], float] = lambda _: 0.0,
        flights: int = 1,
    ) -> None:
        self._send, self._most, self._weight, self._weigh, self._flights = send, most, weight, weigh, flights
        self._waiting: deque[tuple[Q, asyncio.Future[R]]] = deque()
        self._flying: set[asyncio.Task[None]] = set()
        self._in_the_air = 0

    async def ask(self, question: Q) -> R:
        """The answer; raises the failure that belongs to this question."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._in_the_air < self._flights:
            self._in_the_air += 1
            task = asyncio.create_task(self._fly())
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)
        return await answer

    async def _fly(self) -> None:
        try:
            while taken := self._take():
                await self._carry(taken)
        finally:  # in the same step as the last look: who asks now starts anew
            self._in_the_air -= 1

    async def _carry(self, taken: "list[tuple[Q, asyncio.Future[R]]]") -> None:
        try:
            answers: Sequence[R | Exception] = await self._send([question for question, _ in taken])
        except Exception as exc:  # noqa: BLE001 - it belongs to everybody who asked
            answers = [exc] * len(taken)
        except BaseException:  # we are being ended: nobody must wait for ever
            for _, answer in (*taken, *self._waiting):
                answer.cancel()
            self._waiting.clear()
            raise
        for (_, answer), came in zip(taken, answers, strict=True):
            if answer.done():  # who asked has left
                continue
            if isinstance(came, Exception):
                answer.set_exception(came)
            else:
                answer.set_result(came)

    def _take(self) -> list[tuple[Q, "asyncio.Future[R]"]]:
        taken: list[tuple[Q, asyncio.Future[R]]] = []
        weight = 0.0
        while self._waiting and len(taken) < self._most and weight < self._weight:
            taken.append(self._waiting.popleft())
            weight += self._weigh(taken[-1][0])
        return taken
