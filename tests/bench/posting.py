"""POST case → durable 201: intake alone with broker and store, everything behind it stopped."""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

from pymongo import MongoClient
from rich.console import Console

from shared.testing.waiting import eventually
from tests.bench.city import BEHIND_INTAKE, bench_city
from tests.bench.comparison import Comparison
from tests.bench.limit.running import PROGRAMS, limit_pipeline
from tests.bench.load import Offered, offer
from tests.bench.meter import Meter
from tests.bench.result import Goal, Result
from tests.bench.rounds import BURST_CONNECTIONS, DRAIN_SECONDS, Round, Side, posted

PAIRS = 3
BURST = 1500
STEADY_SECONDS = 15.0
WARM_UP = 400


async def measure(console: Console) -> Result:
    """Interleaved bursts of both for the most a second, then each at half of its own most."""
    behind = tuple(name for name in PROGRAMS if name != "limit-intake")
    async with bench_city("b1", open_gates=True) as city, limit_pipeline(city, without=behind) as limit:
        city.stop(BEHIND_INTAKE)
        uri = city.city.platform.store.uri
        return await _told(Comparison({"ours": city, "limit": limit}, _Burst(uri), _Steady(uri), console))


async def _told(found: Comparison) -> Result:
    await found.warm_up()
    await found.most(PAIRS)
    await found.at_half(PAIRS)
    ratio = found.ratio()
    return Result(
        bench="B1",
        title="POST case → durable 201",
        noise=found.noise(),
        goals=[
            Goal(what="cases a second, ours to the limit's", value=ratio.median, limit=0.6),
            Goal(
                what="p99 at half of the most",
                value=found.latency("ours", 0.99).median,
                limit=50,
                at_most=True,
                unit=" ms",
            ),
        ],
        tables=found.tables(),
        plots=found.plots(),
        raw=found.raw(),
    )


@dataclass(frozen=True)
class _Burst:
    """As many as usual at once. `uri`: of the store, where one sees what is still to be published."""

    uri: str

    async def __call__(self, name: str, side: Side, count: int | None) -> Round:
        meter = side.meter()
        offered = await offer(side.target(), count or BURST, arrival="burst", connections=BURST_CONNECTIONS)
        return await _settled(self.uri, name, "most", offered, meter)


@dataclass(frozen=True)
class _Steady:
    """At a fixed rate, at random moments."""

    uri: str

    async def __call__(self, name: str, side: Side, rate: float) -> Round:
        meter = side.meter()
        offered = await offer(side.target(), int(rate * STEADY_SECONDS), rate=rate)
        return await _settled(self.uri, name, "steady", offered, meter)


async def _settled(uri: str, name: str, kind: Literal["most", "steady"], offered: Offered, meter: Meter) -> Round:
    """Wait until everything is published: that belongs to these cases, and must not run into the other's turn."""
    owner = "tongban_intake" if name == "ours" else "limit_intake"
    with MongoClient[dict[str, Any]](uri) as store:
        cases = store[owner]["cases"]

        async def published() -> bool:
            return await asyncio.to_thread(cases.count_documents, {"pending": {"$gt": 0}}) == 0

        await eventually(published, within=DRAIN_SECONDS, every=0.1)
    return posted(name, kind, offered, meter.usage())
