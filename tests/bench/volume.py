"""Volume: the journey, work lists and searches with nothing stored, and with many cases of former years."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from pymongo import MongoClient
from rich.console import Console

from tests.bench.city import BenchCity, bench_city
from tests.bench.figures import quantile
from tests.bench.load import offer
from tests.bench.result import Goal, Noise, Plot, Result, Series, Table
from tests.bench.rounds import Round, mailed, posted

STORED = tuple(int(n) for n in os.environ.get("STORED", "0 10000 100000").split())
ASKED = int(os.environ.get("CASES", "0"))
YEARS_DAYS, PEOPLE = 730, 5000
SEED_BATCH = 2000
RATE = 10.0
SECONDS = 20.0
LOOKS, SEARCHES = 200, 700
ROUNDS = 3
"""At each size; of the p99 the median counts, for that of one round is its second slowest request."""
DEPARTMENT = "police"
FIGURES = ("B1", "B2", "work list", "search")


Found = dict[str, list[list[float]]]
"""Latencies in milliseconds, round by round, of each figure."""


class Archive:
    """Puts cases of former years into the store with their exchanges and messages: copies of a real one, with their
    own ids, numbers and days."""

    def __init__(self, city: BenchCity, model: str) -> None:
        self._client: Any = MongoClient(city.city.platform.store.uri)
        self.model: dict[str, Any] = self._client["tongban_intake"]["cases"].find_one({"_id": model}) or {}
        self._about = {
            self._client[f"tongban_{service}"][name]: list(
                self._client[f"tongban_{service}"][name].find({"case": model})
            )
            for service, name in (("sharing", "exchanges"), ("notifications", "messages"))
        }
        self.stored = 0

    def fill(self, stored: int) -> None:
        """Until so many are there."""
        while self.stored < stored:
            batch = range(self.stored, min(stored, self.stored + SEED_BATCH))
            self._client["tongban_intake"]["cases"].insert_many([self._case(n) for n in batch], ordered=False)
            for collection, models in self._about.items():
                collection.insert_many([one for n in batch for one in self._of(models, n)], ordered=False)
            self.stored = batch.stop

    def _case(self, n: int) -> dict[str, Any]:
        at, id_ = self._at(n), f"case-stored-{n:07}"
        return self.model | {
            "_id": id_,
            "number": self.number(n),
            "applicant": f"person-{n % PEOPLE}",
            "submitted_at": at,
            "sort_key": f"{at:%Y%m%dT%H%M%S.%fZ}/{id_}",
        }

    def _of(self, models: Sequence[Mapping[str, Any]], n: int) -> Iterator[dict[str, Any]]:
        """The case's exchanges or messages."""
        at, case, person = self._at(n), f"case-stored-{n:07}", f"person-{n % PEOPLE}"
        for place, model in enumerate(models):
            changed = {"_id": f"{model['_id'].partition('-')[0]}-stored-{n:07}-{place}", "case": case}
            own = {"wish": f"{case}:{place}", "wished_at": at, "subject": person, "queued_at": at, "person": person}
            yield {**model, **changed, **{name: value for name, value in own.items() if name in model}}

    @staticmethod
    def _at(n: int) -> datetime:
        return datetime.now(UTC) - timedelta(days=YEARS_DAYS * ((n * 0.6180339887) % 1.0), hours=1)

    @staticmethod
    def number(n: int) -> str:
        """A number as no case of today has it."""
        return f"9{n:020}"


def _timed(look: Callable[[int], object], times: int) -> list[float]:
    took = []
    for n in range(times):
        began = time.perf_counter()
        look(n)
        took.append((time.perf_counter() - began) * 1000)
    return took


async def _figures(city: BenchCity, archive: Archive) -> tuple[dict[str, list[float]], Round]:
    mails, meter = city.new_mails(), city.meter()
    offered = await offer(city.target(), int(RATE * SECONDS), rate=RATE)
    journey = await mailed("ours", "steady", offered, meter, mails)
    officer, state = city.officer(DEPARTMENT), archive.model["state"]
    officer.get("intake", "/cases", state=state)

    def search(n: int) -> None:
        number = archive.number(n * 7919 % archive.stored) if archive.stored else archive.model["number"]
        assert officer.get("intake", "/cases", number=number)["items"]

    lists = await asyncio.to_thread(_timed, lambda _: officer.get("intake", "/cases", state=state), LOOKS)
    searches = await asyncio.to_thread(_timed, search, SEARCHES)
    posts = posted("ours", "steady", offered, journey.usage)
    return dict(zip(FIGURES, (posts.latencies_ms(), journey.latencies_ms(), lists, searches), strict=True)), journey


async def measure(console: Console) -> Result:
    """The same load and the same questions at each size."""
    found: dict[int, Found] = {}
    rounds: list[Round] = []
    async with bench_city("b9") as city:
        model = city.apply()["case"]
        city.told(model, "case-accepted", "case-decided")
        archive = Archive(city, model)
        meter, mails = (
            city.meter(),
            city.new_mails(),
        )  # warm, to the last mail: one that comes late is not to be counted
        await mailed("ours", "steady", await offer(city.target(), 60, rate=RATE), meter, mails)
        for stored in (*STORED, *([ASKED] if max(STORED) < ASKED else [])):
            await asyncio.to_thread(archive.fill, stored)
            found[stored] = {name: [] for name in FIGURES}
            for _ in range(ROUNDS):
                figures, one = await _figures(city, archive)
                rounds.append(one)
                for name, values in figures.items():
                    found[stored][name].append(values)
            told = ", ".join(f"{name} {_quantile(of, 0.99):.0f}" for name, of in found[stored].items())
            console.print(f"  {stored} stored: p99 ms {told}", highlight=False)
    return _told(found, Noise(steal=max(one.usage.steal for one in rounds), load=rounds[-1].usage.load))


def _quantile(rounds: Sequence[Sequence[float]], share: float) -> float:
    return median(quantile(values, share) for values in rounds)


def _told(found: dict[int, Found], noise: Noise) -> Result:
    p99 = {stored: {name: _quantile(rounds, 0.99) for name, rounds in of.items()} for stored, of in found.items()}
    most = max(found)
    goals = []
    for name in FIGURES:
        told = f"{name}: p99 at {most} stored to empty"
        goals.append(Goal(what=told, value=p99[most][name] / p99[0][name], limit=1.3, at_most=True))
    lists = p99[most]["work list"]
    goals.append(Goal(what=f"work list p99 at {most}", value=lists, limit=150, at_most=True, unit=" ms"))
    told, rows = f"p50 / p99 in milliseconds, medians of {ROUNDS} rounds", []
    for stored, of in found.items():
        rows.append([str(stored), *(f"{_quantile(of[name], 0.5):.1f} / {p99[stored][name]:.1f}" for name in FIGURES)])
    lines = [Series(name=name, points=[(float(stored), p99[stored][name]) for stored in found]) for name in FIGURES]
    return Result(
        bench="B9",
        title="Volume: 0 to many stored cases",
        noise=noise,
        goals=goals,
        tables=[Table(title=told, columns=["stored", *FIGURES], rows=rows)],
        notes=[
            "Each stored case has its exchanges and its messages. The sizes follow one another in one city, so what a "
            "city becomes slower by as it runs is in the figures too.",
        ],
        plots=[Plot(name="b9-volume", title="p99 by stored cases", x="stored cases", y="ms", series=lines)],
        raw={"latencies_ms": {str(stored): of for stored, of in found.items()}},
    )
