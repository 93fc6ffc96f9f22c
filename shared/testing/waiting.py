"""Waiting for a condition with a deadline; tests never sleep for a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(probe: Callable[[], Awaitable[T]], *, within: float = 10.0, every: float = 0.05) -> T:
    """The first truthy result of `probe`. When time is up, the last failure or falsy result is told."""
    deadline = time.monotonic() + within
    last: object = None
    while True:
        try:
            last = found = await probe()
            if found:
                return found
        except AssertionError as exc:
            last = exc
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last seen: {last!r}")
        await asyncio.sleep(every)
