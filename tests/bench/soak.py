"""Soak: half of the load for a long time; memory, tasks, files and connections of each process must not grow."""

import asyncio
import os
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from statistics import median

import httpx
import psutil
from rich.console import Console

from tests.bench.city import BenchCity, bench_city
from tests.bench.load import offer
from tests.bench.meter import rss_of
from tests.bench.result import Goal, Noise, Plot, Result, Series, Table
from tests.bench.rounds import BURST_CONNECTIONS, mailed

MINUTES = float(os.environ.get("MINUTES", "20"))
WARM_SHARE = 0.3
BURST = 240
CHUNK_SECONDS = 60.0
SAMPLE_SECONDS = 5.0
OURS = ("identity", "intake", "sharing", "notifications")
TASKS = re.compile(r"^tongban_tasks (\S+)", re.MULTILINE)
NOT_OURS = {"kafka", "store"}
"""They keep what they were given: shown, and no goal of ours."""
KINDS = ("tasks", "files", "connections")
GROWTH = 3.0
"""By how much a median of tasks, files or connections may differ and be none: they come and go under load."""

Samples = dict[tuple[str, str], list[tuple[float, float]]]
"""(process, kind) → (seconds from the start, value)."""


async def _sample(city: BenchCity, samples: Samples, began: float) -> None:
    async with httpx.AsyncClient(timeout=10) as client:
        while True:
            at = time.monotonic() - began
            for name, pid in city.pids().items():
                process = psutil.Process(pid)
                samples[name, "rss"].append((at, rss_of(pid)))
                samples[name, "files"].append((at, process.num_fds()))
                samples[name, "connections"].append((at, len(process.net_connections("tcp"))))
            for name in OURS:
                said = (await client.get(f"{city.urls[name]}/metrics")).text
                if (tasks := TASKS.search(said)) is not None:
                    samples[name, "tasks"].append((at, float(tasks[1])))
            await asyncio.sleep(SAMPLE_SECONDS)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares, in units a second."""
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def growth(points: Sequence[tuple[float, float]]) -> float:
    """How much the median of the last quarter is above that of the first."""
    quarter = max(1, len(points) // 4)
    first, last = ([value for _, value in part] for part in (points[:quarter], points[-quarter:]))
    return median(last) - median(first)


async def _most(city: BenchCity) -> float:
    mails, meter = city.new_mails(), city.meter()
    offered = await offer(city.target(), BURST, arrival="burst", connections=BURST_CONNECTIONS)
    return (await mailed("ours", "most", offered, meter, mails)).rate()


async def measure(console: Console) -> Result:
    """Whole journeys at half of the most that a burst reached, minute after minute."""
    samples: Samples = defaultdict(list)
    async with bench_city("b8") as city:
        await _most(city)
        rate = await _most(city) / 2
        console.print(f"  {rate:.0f} cases/s for {MINUTES:.0f} minutes", highlight=False)
        meter, began, taken = city.meter(), time.monotonic(), 0
        sampling = asyncio.create_task(_sample(city, samples, began))
        while (left := MINUTES * 60 - (time.monotonic() - began)) > 0:
            count = max(1, int(rate * min(CHUNK_SECONDS, left)))
            taken += len((await offer(city.target(), count, rate=rate)).taken)
            if sampling.done():
                sampling.result()
        sampling.cancel()
        usage = meter.usage()
    return _told(samples, Noise(steal=usage.steal, load=usage.load), taken, rate)


def _told(samples: Samples, noise: Noise, taken: int, rate: float) -> Result:
    warm = MINUTES * 60 * WARM_SHARE
    kept = {at: [point for point in points if point[0] >= warm] for at, points in samples.items()}
    names = list(dict.fromkeys(name for name, _ in kept))
    by_hour = {name: slope(kept[name, "rss"]) * 3600 / 1e6 for name in names}
    grown = {(name, kind): growth(kept[name, kind]) for name, kind in kept if kind in KINDS}
    rows = []
    for name in names:
        counts = [f"{grown[name, kind]:+.0f}" if (name, kind) in grown else "" for kind in KINDS]
        rows.append([name, f"{kept[name, 'rss'][-1][1] / 1e6:.0f}", f"{by_hour[name]:+.2f}", *counts])
    judged = [name for name in names if name not in NOT_OURS]
    most = {kind: max(value for (name, of), value in grown.items() if of == kind and name in judged) for kind in KINDS}
    lines = [Series(name=n, points=[(at / 60, value / 1e6) for at, value in samples[n, "rss"]]) for n in OURS]
    return Result(
        bench="B8",
        title=f"{MINUTES:.0f} minutes at half load ({rate:.0f} cases/s, {taken} cases)",
        noise=noise,
        goals=[
            *(Goal(what=f"{name}: memory, MB an hour", value=by_hour[name], limit=1, at_most=True) for name in judged),
            *(
                Goal(what=f"{kind}: growth of the worst process", value=most[kind], limit=GROWTH, at_most=True)
                for kind in KINDS
            ),
        ],
        tables=[Table(title="After warm-up", columns=["process", "MB at the end", "MB an hour", *KINDS], rows=rows)],
        plots=[Plot(name="b8-memory", title="Memory of our processes", x="minutes", y="MB", series=lines)],
        raw={f"{name} {kind}": points for (name, kind), points in samples.items()},
    )
