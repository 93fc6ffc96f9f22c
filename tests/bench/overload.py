"""Twice the maximum for two minutes: what is too much is refused, what is taken is answered in time, nothing grows."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from tests.bench.city import BenchCity, bench_city
from tests.bench.figures import quantile
from tests.bench.load import Offered, offer
from tests.bench.meter import Usage, rss_of
from tests.bench.result import Goal, Noise, Plot, Result, Series, Table
from tests.bench.rounds import BURST_CONNECTIONS, MAILS

BURST = 400
OVERLOAD_SECONDS = 120.0
AFTER_SECONDS = 20.0
CALM = 0.25
"""Share of the maximum at which it is seen how it is when nothing is wrong."""
NORMAL = 2.0
"""Normal again: not slower than so many times the latency before."""
DRAIN_SECONDS = 120.0
MEGABYTE = 1e6
NOT_OURS = {"kafka", "store"}
"""They keep what they were given, in memory too: shown, and no goal of ours."""


@dataclass(frozen=True)
class Overload:
    """The loads in their order, and resident bytes by program, once a second while it was too much."""

    most: float
    before: Offered
    much: Offered
    after: Offered
    usage: Usage
    memory: Sequence[Mapping[str, int]]
    drained: float | None
    """Seconds from the end of the overload until the last case taken in it was done."""


async def measure(console: Console) -> Result:
    """The whole city runs, for all of it shares the machine."""
    async with bench_city("b7") as city:
        found = await _overload(city, console)
    return _told(found)


async def _overload(city: BenchCity, console: Console) -> Overload:
    mails = city.new_mails()
    await offer(city.target(), 60, arrival="burst", connections=BURST_CONNECTIONS)
    first = await offer(city.target(), BURST, arrival="burst", connections=BURST_CONNECTIONS)
    most, taken = first.rate(), 60 + len(first.taken)
    await mails.reach(MAILS * taken, DRAIN_SECONDS)
    console.print(f"  {most:.0f} POSTs a second are taken at most, the whole city running", highlight=False)
    before = await offer(city.target(), int(most * CALM * 15), rate=most * CALM)
    await mails.reach(MAILS * (taken + len(before.taken)), DRAIN_SECONDS)
    mails, meter, memory = city.new_mails(), city.meter(), list[Mapping[str, int]]()
    watching = asyncio.create_task(_watch(meter.pids, memory))
    much = await offer(city.target(), int(most * 2 * OVERLOAD_SECONDS), rate=most * 2)
    watching.cancel()
    usage = meter.usage()
    console.print(f"  twice as many: {much.statuses()}, p99 {much.latency_ms(0.99):.0f} ms", highlight=False)
    after = await offer(city.target(), int(most * CALM * AFTER_SECONDS), rate=most * CALM)
    wanted = MAILS * (len(much.taken) + len(after.taken))
    done = await mails.reach(wanted, DRAIN_SECONDS)
    last = max((moments[-1] for moments in mails.accepted_at().values()), default=0.0)
    drained = last - (much.zero + much.shots[-1].meant) if done else None
    return Overload(most, before, much, after, usage, memory, drained)


async def _watch(pids: Mapping[str, int], memory: list[Mapping[str, int]]) -> None:
    while True:
        memory.append({name: rss_of(pid) for name, pid in pids.items()})
        await asyncio.sleep(1)


def _told(found: Overload) -> Result:
    growth = _growth(found.memory)
    refused = [shot for shot in found.much.shots if shot.status in (429, 503)]
    named = sum(shot.retry_after is not None for shot in refused) / max(1, len(refused))
    strange = len(found.much.shots) - len(found.much.taken) - len(refused)
    worst = max(growth.keys() - NOT_OURS, key=lambda name: growth[name], default="")
    goals = [
        Goal(what="refused that say when to come again", value=named * 100, limit=100, unit=" %"),
        Goal(what="answers that are neither a case nor a refusal", value=strange, limit=0, at_most=True),
        Goal(what="p99 of what is taken", value=found.much.latency_ms(0.99), limit=2000, at_most=True, unit=" ms"),
        Goal(what=f"growth of {worst}", value=growth.get(worst, 0.0), limit=10, at_most=True, unit=" MB"),
        Goal(
            what="normal again after",
            value=max((at for at, _, _ in _strained(found)), default=0.0),
            limit=10,
            at_most=True,
            unit=" s",
        ),
    ]
    return Result(
        bench="B7",
        title="Twice the maximum for two minutes",
        noise=Noise(steal=found.usage.steal, load=found.usage.load),
        goals=goals,
        tables=[_table(found), _memory_table(found, growth)],
        plots=[_latency_plot(found), _answers_plot(found)],
        notes=_notes(found),
        raw={"statuses": found.much.statuses(), "usage_cpu": dict(found.usage.cpu), "memory": _thinned(found.memory)},
    )


def _growth(memory: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Megabytes from the second quarter's mean to the last one's, by program."""
    quarter = max(1, len(memory) // 4)
    early, late = memory[quarter : 2 * quarter], memory[-quarter:]
    return {name: (_mean(late, name) - _mean(early, name)) / MEGABYTE for name in (memory[0] if memory else {})}


def _mean(memory: Sequence[Mapping[str, int]], name: str) -> float:
    return sum(one[name] for one in memory) / max(1, len(memory))


def _strained(found: Overload) -> list[tuple[float, float, int]]:
    """The seconds after the overload in which the latency was not as before or something was refused: its end, counted
    from the last request of the overload; p90 of what was taken (ms); refused.

    The load after it begins when that request is answered.
    """
    usual = found.before.latency_ms(0.9)
    between = found.after.zero - (found.much.zero + found.much.shots[-1].meant)
    return [
        (between + second + 1, p90, refused)
        for second, p90, refused in _seconds(found.after)
        if refused or not p90 <= NORMAL * usual
    ]


def _seconds(offered: Offered) -> list[tuple[float, float, int]]:
    """For each second by the moment meant: p90 of what was taken (ms), and how many were refused."""
    found = []
    for second in range(int(offered.shots[-1].meant) + 1 if offered.shots else 0):
        within = [shot for shot in offered.shots if second <= shot.meant < second + 1]
        taken = [shot.latency * 1000 for shot in within if shot.taken]
        p90 = quantile(taken, 0.9) if taken else 0.0
        found.append((float(second), p90, len(within) - len(taken)))
    return found


def _table(found: Overload) -> Table:
    loads = (("before", found.before), ("twice the maximum", found.much), ("after", found.after))
    rows = [
        [
            name,
            str(len(one.shots)),
            str(len(one.taken)),
            str(sum(shot.status in (429, 503) for shot in one.shots)),
            *(f"{one.latency_ms(share):.0f}" for share in (0.5, 0.99, 1.0)),
        ]
        for name, one in loads
    ]
    columns = ["", "offered", "taken", "refused", "p50, ms", "p99, ms", "greatest, ms"]
    return Table(title=f"POSTs; the maximum was {found.most:.0f} a second", columns=columns, rows=rows)


def _memory_table(found: Overload, growth: Mapping[str, float]) -> Table:
    end = found.memory[-1] if found.memory else {}
    rows = [[name, f"{end[name] / MEGABYTE:.0f}", f"{grown:+.1f}"] for name, grown in sorted(growth.items())]
    return Table(title="Memory", columns=["process", "at the end, MB", "grown, MB"], rows=rows)


def _latency_plot(found: Overload) -> Plot:
    points = [(second, p90) for second, p90, _ in _seconds(found.much)]
    series = [Series(name="p90 of what was taken", points=points)]
    return Plot(name="latency", title="Latency at twice the maximum", x="seconds", y="ms", series=series)


def _answers_plot(found: Overload) -> Plot:
    refused = [(second, float(count)) for second, _, count in _seconds(found.much)]
    times = [int(shot.meant) for shot in found.much.taken]
    taken = [(second, float(times.count(int(second)))) for second, _ in refused]
    series = [Series(name="taken", points=taken), Series(name="refused", points=refused)]
    return Plot(name="answers", title="Answers at twice the maximum", x="seconds", y="a second", series=series)


def _notes(found: Overload) -> list[str]:
    strained = "; ".join(f"{at:.0f} s (p90 {p90:.0f} ms, {refused} refused)" for at, p90, refused in _strained(found))
    drained = "not within two minutes" if found.drained is None else f"{found.drained:.0f} s"
    return [
        f"The last mail of the cases taken, with those of the calm load after it, came {drained} after the overload.",
        "Refused callers do not come again here: what would come again is in the rate already.",
        f"Normal: no second's p90 over {NORMAL:.0f} times the p90 before ({found.before.latency_ms(0.9):.0f} ms), and "
        f"nothing refused. Not so after the overload: {strained or 'never'}.",
    ]


def _thinned(memory: Sequence[Mapping[str, int]]) -> list[dict[str, int]]:
    return [dict(one) for one in memory[::10]]
