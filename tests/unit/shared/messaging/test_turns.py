"""Turns: order within a key, keys beside each other, so many at once, and an end to it."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from shared.messaging.turns import Turns
from shared.testing.waiting import eventually


async def soon(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""

    async def looked() -> bool:
        return condition()

    await eventually(looked, every=0.001)


class Desk:
    """Pieces of work that begin, and end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}

    def work(self, name: str) -> Callable[[], Awaitable[None]]:
        return partial(self._work, name)

    async def _work(self, name: str) -> None:
        self.begun.append(name)
        await self._gates.setdefault(name, asyncio.Event()).wait()
        self.ended.append(name)

    def end(self, *names: str) -> None:
        for name in names:
            self._gates.setdefault(name, asyncio.Event()).set()

    async def has_begun(self, *names: str) -> None:
        await soon(lambda: set(names) <= set(self.begun))


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_one_key_goes_in_order_and_others_beside_it(desk: Desk) -> None:
    turns: Turns[str] = Turns(8)
    for name in ("a1", "a2", "b1", "a3"):
        turns.put(name[0], desk.work(name))
    await desk.has_begun("a1", "b1")
    assert desk.begun == ["a1", "b1"]
    assert len(turns) == 2
    desk.end("a3", "a2", "b1", "a1")
    await soon(lambda: len(turns) == 0)
    assert [name for name in desk.ended if name[0] == "a"] == ["a1", "a2", "a3"]


async def test_so_many_keys_at_once_and_a_key_with_much_to_do_keeps_no_place(desk: Desk) -> None:
    turns: Turns[str] = Turns(2)
    for name in ("a1", "a2", "b1", "c1"):
        turns.put(name[0], desk.work(name))
    await desk.has_begun("a1", "b1")
    desk.end("a1")
    await desk.has_begun("c1")
    assert desk.begun == ["a1", "b1", "c1"]
    desk.end("b1")
    await desk.has_begun("a2")
    desk.end("a2", "c1")
    await soon(lambda: len(turns) == 0)


async def test_what_comes_in_the_moment_in_which_all_is_done_is_done_too(desk: Desk) -> None:
    turns: Turns[str] = Turns(1)

    async def last() -> None:  # the worker has left when it comes, and has not been missed yet
        asyncio.get_running_loop().call_soon(turns.put, "b", desk.work("b1"))

    desk.end("b1")
    turns.put("a", last)
    await soon(lambda: desk.ended == ["b1"])


async def test_who_asks_waits_for_its_key_and_not_for_a_worker(desk: Desk) -> None:
    async def counted() -> int:
        return len(desk.begun)

    turns: Turns[str] = Turns(2)
    for name in ("a1", "b1", "c1"):
        turns.put(name[0], desk.work(name))
    await desk.has_begun("a1", "b1")
    async with asyncio.timeout(5):
        assert await turns.ask("d", counted) == 2
    desk.end("a1", "b1", "c1")
    await soon(lambda: len(turns) == 0)


async def test_who_asks_is_told_when_the_work_was_ended(desk: Desk) -> None:
    async def ended() -> int:
        raise asyncio.CancelledError

    turns: Turns[str] = Turns(1)
    with pytest.raises(asyncio.CancelledError):
        await turns.ask("a", ended)
    desk.end("a1")
    turns.put("a", desk.work("a1"))
    await soon(lambda: desk.ended == ["a1"])


async def test_who_asks_hears_what_came_of_it_in_its_turn(desk: Desk) -> None:
    async def counted() -> int:
        return len(desk.ended)

    async def failed() -> int:
        raise LookupError

    turns: Turns[str] = Turns(4)
    turns.put("a", desk.work("a1"))
    answer = asyncio.create_task(turns.ask("a", counted))
    await desk.has_begun("a1")
    assert len(turns.asked) == 1
    desk.end("a1")
    assert await answer == 1
    with pytest.raises(LookupError):
        await turns.ask("a", failed)
    assert not turns.asked


async def test_stopping_gives_up_what_waits_and_a_new_start_begins_with_nothing(desk: Desk) -> None:
    async def never() -> None:
        desk.begun.append("asked")

    turns: Turns[str] = Turns(1)
    for name in ("a1", "a2", "b1"):
        turns.put(name[0], desk.work(name))
    asked = asyncio.create_task(turns.ask("a", never))
    await desk.has_begun("a1")
    await turns.stop()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert (desk.begun, desk.ended, len(turns)) == (["a1"], [], 0)
    desk.end("a9")
    turns.put("a", desk.work("a9"))
    await soon(lambda: desk.ended == ["a9"])
