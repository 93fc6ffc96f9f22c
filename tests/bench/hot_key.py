"""A hot key: half of the load on one subject, and what the others notice of it."""

import asyncio
import time
from typing import Any

from confluent_kafka import Producer
from rich.console import Console

from deploy.local.city import City
from shared.messaging.envelope import Event
from tests.bench.city import private_city
from tests.bench.figures import Spread, quantile
from tests.bench.meter import Meter, Usage
from tests.bench.readers import Reader, fresh, pids
from tests.bench.result import Goal, Noise, Plot, Result, Series, Table
from tests.bench.topics import write
from tests.city.platform import Ground

RATE = 200.0
SECONDS = 20.0
ROUNDS = 3
KEYS = 500
HOT = "hot"


class _Timing(Reader):
    """Notes for each event how long after its intended moment its effect was there, in milliseconds."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.took: list[tuple[str, float]] = []

    async def hear(self, event: Event[Any]) -> None:
        await super().hear(event)
        self.took.append((event.subject, (time.time() - float(event.data.text)) * 1000))


async def steady(city: City, *, hot: bool) -> tuple[list[float], Usage]:
    """Latencies of the events that are not on the hot key, at RATE events a second in all."""
    ground = Ground(city)
    topic = ground.topic()
    reader = _Timing(fresh(city, ground.service), topic)
    producer: Producer = ground.producer()
    meter = Meter(pids(city))
    count = int(RATE * SECONDS)
    async with reader.runtime.running():
        write(ground, producer, topic, "first", 1, text=str(time.time()))
        await reader.read(1)
        began = time.time() + 0.5
        for n in range(count):
            meant = began + n / RATE
            await asyncio.sleep(max(0.0, meant - time.time()))
            subject = HOT if hot and n % 2 else f"p{n % KEYS}"
            write(ground, producer, topic, subject, n + 1, text=str(meant))
            producer.poll(0)
        await reader.read(count + 1)
    return [ms for subject, ms in reader.took[1:] if subject != HOT], meter.usage()


async def measure(console: Console) -> Result:
    """Without and with, in turns."""
    found: dict[bool, list[list[float]]] = {False: [], True: []}
    usages: list[Usage] = []
    with private_city("b6", only_platform=True) as city:
        for _ in range(ROUNDS):
            for hot, rounds in found.items():
                latencies, usage = await steady(city, hot=hot)
                rounds.append(latencies)
                usages.append(usage)
                told = f"  {'half on one key' if hot else 'spread'}: p50 {quantile(latencies, 0.5):.1f} ms, "
                console.print(told + f"p99 {quantile(latencies, 0.99):.1f} ms", highlight=False)
    return _told(found, usages)


def _told(found: dict[bool, list[list[float]]], usages: list[Usage]) -> Result:
    named = {"spread": found[False], "half on one key": found[True]}
    shares = (0.5, 0.9, 0.99)
    rows = [[n, *(Spread.of([quantile(one, at) for one in of]).text(1) for at in shares)] for n, of in named.items()]
    pairs = zip(found[False], found[True], strict=True)
    ratio = Spread.of([quantile(hot, 0.99) / quantile(spread, 0.99) for spread, hot in pairs])
    lines = []
    for name, rounds in named.items():
        every = [ms for one in rounds for ms in one]
        lines.append(Series(name=name, points=[(n / 100, quantile(every, n / 100)) for n in range(100)]))
    return Result(
        bench="B6",
        title=f"Half of {RATE:.0f} events a second on one key",
        noise=Noise(steal=max(one.steal for one in usages), load=usages[-1].load),
        goals=[Goal(what="p99 of the other keys to theirs without it", value=ratio.median, limit=2, at_most=True)],
        tables=[
            Table(
                title="From the intended moment to the effect, milliseconds: median (least to greatest) of the rounds",
                columns=["load", *(f"p{at * 100:.0f}" for at in shares)],
                rows=rows,
            )
        ],
        plots=[Plot(name="b6-latencies", title="Keys that are not hot", x="share of the events", y="ms", series=lines)],
        raw={"latencies_ms": named},
    )
