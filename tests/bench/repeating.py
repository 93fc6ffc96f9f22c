"""Repeats: every record ten times, then the whole topic again from the start, and the effects stay the same."""

from dataclasses import replace

from rich.console import Console

from tests.bench.city import private_city
from tests.bench.consuming import RECORDS, noise, table, tell
from tests.bench.figures import Spread
from tests.bench.readers import Drained, effects_of, read_by_lane
from tests.bench.result import Goal, Result
from tests.bench.topics import fill, repeated, unique
from tests.city.platform import Ground

COPIES = 10
ROUNDS = 2


async def measure(console: Console) -> Result:
    """As many records once each, then a tenth of the events ten times each, then those again by a new group."""
    found: list[Drained] = []
    same = True
    with private_city("b5", only_platform=True) as city:
        once, often = Ground(city), Ground(city)
        once.topic(), often.topic()
        fill(once, f"{once.service}.petitions", unique(RECORDS))
        fill(often, f"{often.service}.petitions", repeated(RECORDS // COPIES, COPIES))
        readings = (("once", once, "once"), ("ten times", often, "often"), ("again", often, "often"))
        for n in range(ROUNDS):
            left = {}
            for side, ground, database in readings:
                one = await read_by_lane(city, f"{ground.service}.petitions", f"{database}-{n}", RECORDS)
                found.append(replace(one, side=side))
                tell(found[-1], console)
                left[side] = await effects_of(city, f"{database}-{n}")
            same = same and left["ten times"] == left["again"]
    ratios = [
        Spread.of([repeat.rate / base.rate for base, repeat in zip(found[0::3], found[of::3], strict=True)])
        for of in (1, 2)
    ]
    return Result(
        bench="B5",
        title=f"Repeats: {RECORDS // COPIES} events, each {COPIES} times, then all from the start",
        noise=noise(found),
        goals=[
            Goal(what="same effects after all was read again (1: yes)", value=float(same), limit=1),
            Goal(what="unique events/s to B4's divided by the copies", value=ratios[0].median, limit=0.8),
        ],
        tables=[table(found)],
        notes=[f"The whole topic again by a new group: {ratios[1].text(2)} of the rate of records that are new."],
        raw={"readings": [vars(one) | {"usage": vars(one.usage)} for one in found]},
    )
