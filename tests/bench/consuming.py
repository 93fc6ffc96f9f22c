"""The consumer alone: records that wait on a topic, one idempotent effect each, ours and by hand in turns."""

import os

from rich.console import Console

from deploy.local.city import City
from tests.bench.city import private_city
from tests.bench.figures import Spread
from tests.bench.readers import Drained, effects_of, read_by_hand, read_by_lane
from tests.bench.result import Goal, Noise, Result, Table
from tests.bench.topics import fill, unique
from tests.city.platform import Ground

RECORDS = int(os.environ.get("RECORDS", "100000"))
PAIRS = 3
COPIES = 10


async def pairs(city: City, topic: str, records: int, console: Console, *, count: int = PAIRS) -> list[Drained]:
    """Ours, by hand, ours, by hand, …, each with a group and effects of its own; what they leave must be the same."""
    found = []
    for n in range(count):
        left = set()
        for name, read in (("ours", read_by_lane), ("hand", read_by_hand)):
            database = f"{name}-{topic.replace('.', '-')}-{n}"
            found.append(await read(city, topic, database, records))
            left.add(await effects_of(city, database))
            tell(found[-1], console)
        assert len(left) == 1, "the two left different effects"
    return found


def tell(one: Drained, console: Console) -> None:
    """One line for a reading."""
    told = f"  {one.side}: {one.rate:.0f} records/s, {one.commits} commits, {one.usage.steal:.0%} stolen"
    console.print(told, highlight=False)


def rate(found: list[Drained], side: str) -> Spread:
    """Records a second of a side."""
    return Spread.of([one.rate for one in found if one.side == side])


def ratio(found: list[Drained]) -> Spread:
    """Ours to the other's, pair by pair."""
    return Spread.of([ours.rate / other.rate for ours, other in zip(found[::2], found[1::2], strict=True)])


def table(found: list[Drained]) -> Table:
    """Rates and CPU of both sides."""
    rows = []
    for side in dict.fromkeys(one.side for one in found):
        of = [one for one in found if one.side == side]
        cpu = {name: Spread.of([one.usage.cpu[name] * 1e6 / one.records for one in of]) for name in of[0].usage.cpu}
        rows.append([side, rate(found, side).text(), *(spread.text() for spread in cpu.values())])
    return Table(
        title="Records a second, and CPU microseconds a record by process: median (least to greatest)",
        columns=["side", "records/s", *(f"{name} µs" for name in found[0].usage.cpu)],
        rows=rows,
    )


def noise(found: list[Drained]) -> Noise:
    """The worst of all readings."""
    return Noise(steal=max(one.usage.steal for one in found), load=max(one.usage.load for one in found))


async def measure(console: Console) -> Result:
    """One topic, read over and over by new groups."""
    with private_city("b4", only_platform=True) as city:
        ground = Ground(city)
        topic = ground.topic()
        records = fill(ground, topic, unique(RECORDS))
        found = await pairs(city, topic, records, console)
    ours = [one for one in found if one.side == "ours"]
    return Result(
        bench="B4",
        title=f"The consumer: {records} records, one idempotent effect each",
        noise=noise(found),
        goals=[
            Goal(what="records a second, ours to the hand-written consumer's", value=ratio(found).median, limit=0.6),
            Goal(
                what="commits for each batch",
                value=max(one.commits / max(1, one.batches) for one in ours),
                limit=1,
                at_most=True,
            ),
        ],
        tables=[table(found)],
        notes=[f"Ours: {ours[-1].batches} batches in {ours[-1].commits} commits, the last time."],
        raw={"readings": [vars(one) | {"usage": vars(one.usage)} for one in found]},
    )
