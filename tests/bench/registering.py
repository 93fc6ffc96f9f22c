"""Many people: signing in and finding a person with a hundred in the store, and with a hundred thousand."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import median

from rich.console import Console

from services.identity.accounts import store
from services.identity.accounts.domain import Person
from shared.store.mongo import MongoDatabase
from shared.store.repository import Repository
from tests.bench.city import BenchCity, bench_city
from tests.bench.figures import quantile
from tests.bench.load import Offered, offer_sign_ins
from tests.bench.meter import Usage
from tests.bench.residents import PASSWORD, Residents, login, ours, person
from tests.bench.result import Goal, Noise, Plot, Result, Series, Table

STORED = tuple(int(n) for n in os.environ.get("PEOPLE", "100 10000 100000").split())
"""The first is the yardstick: nobody at all cannot sign in."""
RATE, SECONDS = 15.0, 10.0
LOOKS = 700
ROUNDS = 3
"""At each size; of the p99 the median counts, for that of one round is its second slowest."""
STRIDE = 7919
"""A prime, so that look after look goes all over the store."""
LIMIT = 1.3
SHARES = {"p50": 0.5, "p99": 0.99}
SIGN_IN = "sign-in"
FINDS: Mapping[str, Callable[[Repository[Person], int], Awaitable[Person | None]]] = {
    "by login": lambda people, n: store.by_login(people, login(n)),
}
"""How the n-th resident is found, as identity's own commands find people."""

Found = dict[str, list[list[float]]]
"""Latencies in milliseconds, round by round, of each figure."""


async def measure(console: Console) -> Result:
    """The same sign-ins and looks at each size, one after the other in one city."""
    found: dict[int, Found] = {}
    usages: list[Usage] = []
    async with bench_city("b14") as city:
        residents = await asyncio.to_thread(Residents, city)
        await asyncio.to_thread(residents.fill, STORED[0])
        await _signed_in(city, STORED[0], 0)  # warm
        for stored in STORED:
            await asyncio.to_thread(residents.fill, stored)
            found[stored] = {}
            for round_ in range(ROUNDS):
                meter = city.meter()
                await _look(city, stored, round_, found[stored])
                usages.append(meter.usage())
            told = ", ".join(f"{name} {_median(of, 0.5):.1f}" for name, of in found[stored].items())
            console.print(f"  {stored} people: p50 ms {told}", highlight=False)
    return _told(found, usages)


async def _look(city: BenchCity, stored: int, round_: int, found: Found) -> None:
    offered = await _signed_in(city, stored, round_)
    took = [shot.latency * 1000 if shot.taken else float("inf") for shot in offered.shots]
    found.setdefault(SIGN_IN, []).append(took)
    database = MongoDatabase(city.city.platform.store.uri, "tongban_identity")
    people = Repository(database, "people", Person)
    try:
        for name, find in FINDS.items():
            took = []
            for n in _numbers(stored, LOOKS, round_):
                began = time.perf_counter()
                someone = await find(people, n)
                took.append((time.perf_counter() - began) * 1000)
                if someone is None or someone.id != person(n):
                    raise RuntimeError(f"{person(n)} is not found {name}")
            found.setdefault(f"find {name}", []).append(took)
    finally:
        await database.close()


async def _signed_in(city: BenchCity, stored: int, round_: int) -> Offered:
    """People from all over the store sign in."""
    count = int(RATE * SECONDS)
    people = [(login(n), PASSWORD) for n in _numbers(stored, count, round_)]
    return await offer_sign_ins(ours(city), people, count, rate=RATE, seed=round_)


def _numbers(stored: int, count: int, round_: int) -> list[int]:
    return [(round_ * count + n) * STRIDE % stored for n in range(count)]


def _median(rounds: Sequence[Sequence[float]], share: float) -> float:
    return median(quantile(values, share) for values in rounds)


def _told(found: dict[int, Found], usages: Sequence[Usage]) -> Result:
    least, most = min(found), max(found)
    names = list(found[least])
    goals = []
    for name in names:
        for told, share in SHARES.items():
            ratio = _median(found[most][name], share) / _median(found[least][name], share)
            what = f"{name}: {told} with {most} people to {least}"
            goals.append(Goal(what=what, value=ratio, limit=LIMIT, at_most=True))
    rows = []
    for stored, of in found.items():
        cells = [" / ".join(f"{_median(of[name], share):.1f}" for share in SHARES.values()) for name in names]
        rows.append([str(stored), *cells])
    title = f"p50 / p99 in milliseconds, medians of {ROUNDS} rounds; sign-ins at {RATE:.0f} a second"
    lines = [
        Series(name=name, points=[(float(stored), _median(of[name], 0.99)) for stored, of in found.items()])
        for name in names
    ]
    return Result(
        bench="B14",
        title=f"{least} to {most} people",
        noise=Noise(steal=max(one.steal for one in usages), load=usages[-1].load),
        goals=goals,
        tables=[Table(title=title, columns=["people", *names], rows=rows)],
        plots=[Plot(name="people", title="p99 by people in the store", x="people", y="ms", series=lines)],
        raw={"latencies_ms": {str(stored): of for stored, of in found.items()}},
    )
