"""Start-up: from `tongban up` to everything ready, and what the processes use while nothing happens."""

import asyncio
import time

from rich.console import Console

from deploy.local.city import City
from deploy.local.report import SilentReport
from tests.bench.city import bench_city
from tests.bench.figures import Spread
from tests.bench.meter import Usage
from tests.bench.result import Noise, Plot, Result, Series, Table

STARTS = 3
SETTLE_SECONDS = 10.0
IDLE_SECONDS = 30.0
MEGABYTE = 1e6


async def measure(console: Console) -> Result:
    """The first start, which makes everything, and warm ones; then the city idles."""
    began = time.monotonic()
    async with bench_city("b10") as city:
        first = time.monotonic() - began
        warm = [await asyncio.to_thread(_again, city.city) for _ in range(STARTS)]
        console.print(f"  first start {first:.1f} s, warm {Spread.of(warm).text(1)} s", highlight=False)
        await asyncio.sleep(SETTLE_SECONDS)
        meter = city.meter()
        await asyncio.sleep(IDLE_SECONDS)
        usage = meter.usage()
    return _told(first, warm, usage)


def _again(city: City) -> float:
    """Seconds of a start with data, jars and caches in place, the sample city checked."""
    city.down(SilentReport())
    began = time.monotonic()
    city.up(SilentReport())
    return time.monotonic() - began


def _told(first: float, warm: list[float], usage: Usage) -> Result:
    share = {name: seconds / usage.seconds * 100 for name, seconds in usage.cpu.items()}
    rows = [[name, f"{share[name]:.1f}", f"{usage.rss[name] / MEGABYTE:.0f}"] for name in sorted(share)]
    rows.append(["all", f"{sum(share.values()):.1f}", f"{sum(usage.rss.values()) / MEGABYTE:.0f}"])
    names = sorted(share)
    idle = Series(name="% of a core", points=[(float(n), round(share[name], 2)) for n, name in enumerate(names)])
    starts = [["first (empty state folder)", f"{first:.1f}"], ["warm", Spread.of(warm).text(1)]]
    return Result(
        bench="B10",
        title="Start-up and idling",
        noise=Noise(steal=usage.steal, load=usage.load),
        tables=[
            Table(title="`tongban up` until all is ready, seconds", columns=["start", "seconds"], rows=starts),
            Table(title=f"Idle for {IDLE_SECONDS:.0f} s", columns=["process", "% of a core", "memory, MB"], rows=rows),
        ],
        plots=[Plot(name="idle", title="Idle CPU", x="", y="% of a core", series=[idle], labels=names)],
        notes=["The issue sets no limits here; the figures are for comparison from one release to the next."],
        raw={"first": first, "warm": warm, "cpu": dict(usage.cpu), "rss": dict(usage.rss), "seconds": usage.seconds},
    )
