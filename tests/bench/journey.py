"""The whole journey: POST → shared data → decision → second mail accepted by the mailbox."""

from rich.console import Console

from tests.bench.city import BenchCity, bench_city
from tests.bench.comparison import Comparison
from tests.bench.limit.running import limit_pipeline
from tests.bench.load import offer
from tests.bench.result import Goal, Result
from tests.bench.rounds import BURST_CONNECTIONS, Round, Side, mailed

PAIRS = 3
BURST = 300
STEADY_SECONDS = 15.0


async def measure(console: Console) -> Result:
    """Interleaved bursts of both for the most a second, then each at half of its own most."""
    async with bench_city("b2", open_gates=True) as city, limit_pipeline(city) as limit:
        found = Comparison({"ours": city, "limit": limit}, _Burst(city), _Steady(city), console)
        await found.warm_up()
        await found.most(PAIRS)
        await found.at_half(PAIRS)
    return Result(
        bench="B2",
        title="The whole journey: POST → decision → mail accepted",
        noise=found.noise(),
        goals=[
            Goal(what="cases a second, ours to the limit's", value=found.ratio().median, limit=0.6),
            Goal(
                what="p50 at half of the most",
                value=found.latency("ours", 0.5).median,
                limit=100,
                at_most=True,
                unit=" ms",
            ),
            Goal(
                what="p99 at half of the most",
                value=found.latency("ours", 0.99).median,
                limit=500,
                at_most=True,
                unit=" ms",
            ),
        ],
        tables=found.tables(),
        plots=found.plots(),
        raw=found.raw(),
    )


class _Burst:
    """All at once, as fast as intake takes them; over when the last mail is there."""

    def __init__(self, city: BenchCity) -> None:
        self._city = city

    async def __call__(self, name: str, side: Side, count: int | None) -> Round:
        mails, meter = self._city.new_mails(), side.meter()
        offered = await offer(side.target(), count or BURST, arrival="burst", connections=BURST_CONNECTIONS)
        return await mailed(name, "most", offered, meter, mails)


class _Steady:
    """At a fixed rate, at random moments."""

    def __init__(self, city: BenchCity) -> None:
        self._city = city

    async def __call__(self, name: str, side: Side, rate: float) -> Round:
        mails, meter = self._city.new_mails(), side.meter()
        offered = await offer(side.target(), max(20, int(rate * STEADY_SECONDS)), rate=rate)
        return await mailed(name, "steady", offered, meter, mails)
