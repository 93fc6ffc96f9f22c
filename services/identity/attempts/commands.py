"""Attempts: let in one by one, counted where they are wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.identity.attempts import store
from services.identity.attempts.domain import Attempts, Limit, TooManyAttempts, WrongProof
from services.identity.desk import Desk


@asynccontextmanager
async def attempt(desk: Desk, *at: tuple[Limit, str]) -> AsyncIterator[None]:
    """One attempt at what is named, under a limit each. Raises `TooManyAttempts` before it.

    A `WrongProof` that comes out of it is counted, one write for each name, for all replicas. A right one writes
    nothing, unless there are wrong ones to forget.
    """
    now, ids = desk.clock.now(), {_id(desk, limit, who): limit for limit, who in at if who}
    found = await asyncio.gather(*(desk.attempts.find(id_) for id_ in ids))
    known = {one.id: one for one in found if one is not None}
    waits = (known.get(id_, Attempts(id=id_)).wait(limit, now, desk.judging[id_]) for id_, limit in ids.items())
    if wait := max(waits, default=0):
        raise TooManyAttempts(wait)
    desk.judging.update(ids.keys())
    try:
        yield
    except WrongProof:
        await asyncio.gather(*(store.add_wrong(desk.attempts, id_, now, ids[id_].until(now)) for id_ in ids))
        raise
    finally:
        _judged(desk, ids)
    for id_ in known.keys() - {id_ for id_, limit in ids.items() if limit.is_window}:
        await store.forget(desk.attempts, id_)


async def forget_old(desk: Desk, id_: str) -> None:
    """Wrong attempts whose time is over go."""
    await store.forget_old(desk.attempts, id_, desk.clock.now())


def _id(desk: Desk, limit: Limit, who: str) -> str:
    return f"attempts-{desk.vault.digest(limit.about, f'{limit.begin(desk.clock.now())} {who}')}"


def _judged(desk: Desk, ids: dict[str, Limit]) -> None:
    desk.judging.subtract(ids.keys())
    for id_ in ids:
        if not desk.judging[id_]:
            del desk.judging[id_]
