"""POST case → durable 201: intake alone with broker and store, everything behind it stopped."""

from rich.console import Console

from tests.bench.city import BEHIND_INTAKE, bench_city
from tests.bench.comparison import Comparison
from tests.bench.limit.running import PROGRAMS, limit_pipeline
from tests.bench.load import offer
from tests.bench.result import Goal, Result
from tests.bench.rounds import BURST_CONNECTIONS, Round, Side, posted

PAIRS = 3
BURST = 1500
STEADY_SECONDS = 15.0
WARM_UP = 400


async def measure(console: Console) -> Result:
    """Interleaved bursts of both for the most a second, then each at half of its own most."""
    behind = tuple(name for name in PROGRAMS if name != "limit-intake")
    async with bench_city("b1", open_gates=True) as city, limit_pipeline(city, without=behind) as limit:
        city.stop(BEHIND_INTAKE)
        return await _told(Comparison({"ours": city, "limit": limit}, _burst, _steady, console))


async def _told(found: Comparison) -> Result:
    await found.warm_up()
    await found.most(PAIRS)
    await found.at_half()
    ratio = found.ratio()
    return Result(
        bench="B1",
        title="POST case → durable 201",
        noise=found.noise(),
        goals=[
            Goal(what="cases a second, ours to the limit's", value=ratio.median, limit=0.6),
            Goal(what="p99 at half of the most", value=found.latency("ours", 0.99), limit=50, at_most=True, unit=" ms"),
        ],
        tables=found.tables(),
        plots=found.plots(),
        raw=found.raw(),
    )


async def _burst(name: str, side: Side, count: int | None) -> Round:
    meter = side.meter()
    offered = await offer(side.target(), count or BURST, arrival="burst", connections=BURST_CONNECTIONS)
    return posted(name, "most", offered, meter.usage())


async def _steady(name: str, side: Side, rate: float) -> Round:
    meter = side.meter()
    offered = await offer(side.target(), int(rate * STEADY_SECONDS), rate=rate)
    return posted(name, "steady", offered, meter.usage())
