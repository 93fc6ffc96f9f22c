"""Calls that go together: nobody waits for company, and each gets its own answer."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.store.together import Together


class Wire:
    """Doubles numbers, refuses negative ones, and holds what it is asked until it is let go."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.open = asyncio.Event()
        self.cut = False

    async def send(self, numbers: Sequence[int]) -> Sequence[int | Exception]:
        self.asked.append(list(numbers))
        await self.open.wait()
        if self.cut:
            raise ConnectionError("cut")
        return [ValueError(n) if n < 0 else n * 2 for n in numbers]


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def _asked(together: Together[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(together.ask(number)) for number in numbers]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_one_alone_goes_at_once_and_those_who_come_meanwhile_go_together(wire: Wire) -> None:
    together = Together(wire.send, most=10)
    tasks = await _asked(together, 1)
    assert wire.asked == [[1]]
    tasks += await _asked(together, 2)
    tasks += await _asked(together, 3, 4)
    assert wire.asked == [[1]], "one on its way at a time"
    wire.open.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert wire.asked == [[1], [2, 3, 4]]


async def test_each_gets_its_own_failure(wire: Wire) -> None:
    wire.open.set()
    results = await asyncio.gather(*await _asked(Together(wire.send, most=10), 1, -2, 3), return_exceptions=True)
    assert results[0] == 2
    assert results[2] == 6
    assert isinstance(results[1], ValueError)


async def test_a_failure_of_the_whole_is_everybodys_and_the_next_ones_go_on(wire: Wire) -> None:
    together = Together(wire.send, most=10)
    tasks = await _asked(together, 1, 2)
    wire.cut = True
    wire.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError] * 2
    wire.cut = False
    assert await together.ask(3) == 6


async def test_not_more_go_together_than_may(wire: Wire) -> None:
    by_count, by_weight = Together(wire.send, most=2), Together(wire.send, most=9, weight=10, weigh=float)
    wire.open.set()
    await asyncio.gather(*await _asked(by_count, 1, 2, 3))
    await asyncio.gather(*await _asked(by_weight, 4, 7, 1, 8))
    assert wire.asked == [[1, 2], [3], [4, 7], [1, 8]]


async def test_one_who_leaves_takes_nobody_with_him(wire: Wire) -> None:
    together = Together(wire.send, most=10)
    first, second, third = await _asked(together, 1, 2, 3)
    second.cancel()
    wire.open.set()
    assert await asyncio.gather(*[first, third]) == [2, 6]
    assert second.cancelled()


async def test_several_may_be_on_their_way(wire: Wire) -> None:
    together = Together(wire.send, most=10, flights=2)
    tasks = [*await _asked(together, 1), *await _asked(together, 2), *await _asked(together, 3, 4)]
    assert wire.asked == [[1], [2]]
    wire.open.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert wire.asked == [[1], [2], [3, 4]]


async def test_who_asks_again_as_soon_as_he_is_answered_is_served(wire: Wire) -> None:
    together = Together(wire.send, most=10)
    wire.open.set()
    async with asyncio.timeout(5):
        assert [await together.ask(number) for number in range(5)] == [0, 2, 4, 6, 8]


async def test_nobody_waits_for_ever_when_the_sending_is_ended(wire: Wire) -> None:
    together = Together(wire.send, most=10)
    tasks = [*await _asked(together, 1), *await _asked(together, 2)]
    sending = next(task for task in asyncio.all_tasks() if "Together._fly" in repr(task))
    sending.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)
