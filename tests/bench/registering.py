"""Many people: signing in and finding a person with a hundred in the store, and with a hundred thousand."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median

import httpx
from rich.console import Console

from deploy.local.client import Program
from services.identity.accounts import store
from services.identity.accounts.domain import Person
from services.identity.datakeys.domain import DataKey
from services.identity.datakeys.opened import OpenedKeys
from shared.store.mongo import MongoDatabase
from shared.store.repository import Repository
from tests.bench.city import BenchCity, bench_city
from tests.bench.figures import quantile
from tests.bench.load import Offered, offer_sign_ins
from tests.bench.meter import Usage
from tests.bench.residents import PASSWORD, Residents, login, mail, ours, person, phone, secrets_of
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


@dataclass(frozen=True)
class Finder:
    """Finds the n-th resident; the id of whoever was found."""

    people: Repository[Person]
    opened: OpenedKeys
    operator: httpx.AsyncClient

    async def by_login(self, n: int) -> str | None:
        """As signing in does it, with the data key to open what was found."""
        someone = await store.by_login(self.people, self.opened.hash("login", login(n)))
        return someone.id if someone else None

    async def by_mail(self, n: int) -> str | None:
        """As an operator does it, and it is noted who asked."""
        return await self._asked("mail", mail(n))

    async def by_phone(self, n: int) -> str | None:
        """The same by phone number."""
        return await self._asked("phone", phone(n))

    async def _asked(self, kind: str, value: str) -> str | None:
        answer = (await self.operator.get("/people", params={kind: value})).raise_for_status()
        ids: list[str] = answer.json()["items"]
        return ids[0] if len(ids) == 1 else None


FINDS: Mapping[str, Callable[[Finder, int], Awaitable[str | None]]] = {
    "by login": Finder.by_login,
    "by mail, as an operator": Finder.by_mail,
    "by phone, as an operator": Finder.by_phone,
}

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
    async with _finder(city) as finder:
        for name, find in FINDS.items():
            took = []
            for n in _numbers(stored, LOOKS, round_):
                began = time.perf_counter()
                someone = await find(finder, n)
                took.append((time.perf_counter() - began) * 1000)
                if someone != person(n):
                    raise RuntimeError(f"{person(n)} is not found {name}")
            found.setdefault(f"find {name}", []).append(took)


@asynccontextmanager
async def _finder(city: BenchCity) -> AsyncIterator[Finder]:
    """It remembers no data key: of a hundred people it would soon know all, of many none, and that is not asked."""
    database = MongoDatabase(city.city.platform.store.uri, "tongban_identity")
    masters, lookup_key = secrets_of(city)
    opened = OpenedKeys(Repository(database, "data_keys", DataKey), masters, lookup_key, seconds=0.0)
    url, operator = city.urls["identity"], city.city.platform.secrets["operator"]
    token = await asyncio.to_thread(Program(url, "operator", operator).fetch)
    try:
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as http:
            yield Finder(Repository(database, "people", Person, keys=opened), opened, http)
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
