"""Ours and the limit on one platform in turns: the most each can do, and its latency at half of that."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from tests.bench.figures import Spread, quantile
from tests.bench.result import Noise, Plot, Series, Table
from tests.bench.rounds import Round, Side

WARM_UP = 60
AIMED_SECONDS = 8.0
FLOOR_MS = 0.05
"""Processes that use less a case are not shown."""


@dataclass
class Comparison:
    """`burst(name, side, count)` measures the most (count `None`: as many as usual), `steady(name, side, rate)` a
    fixed rate."""

    sides: Mapping[str, Any]
    burst: Callable[[str, Side, int | None], Awaitable[Round]]
    steady: Callable[[str, Side, float], Awaitable[Round]]
    console: Console
    rounds: list[Round] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    async def warm_up(self) -> None:
        """Some cases that do not count, and from their rate how many make a good burst."""
        for name, side in self.sides.items():
            await self.burst(name, side, WARM_UP)
            rate = (await self.burst(name, side, 4 * WARM_UP)).rate()
            self.counts[name] = max(4 * WARM_UP, int(rate * AIMED_SECONDS))
            self.console.print(f"  {name}: warm, about {rate:.0f}/s", highlight=False)

    async def most(self, pairs: int) -> None:
        """Ours, limit, ours, limit, …"""
        for _ in range(pairs):
            for name, side in self.sides.items():
                self._note(await self.burst(name, side, self.counts[name]))

    async def at_half(self, pairs: int) -> None:
        """Each at half of its own most, in turns."""
        for _ in range(pairs):
            for name, side in self.sides.items():
                self._note(await self.steady(name, side, self.rate(name).median / 2))

    def _note(self, round_: Round) -> None:
        self.rounds.append(round_)
        p50, p99 = (quantile(round_.latencies_ms(), share) for share in (0.5, 0.99))
        lost = f", {round_.lost} NOT DONE" if round_.lost else ""
        told = f"  {round_.side}: {round_.kind} {round_.rate():.0f}/s, p50 {p50:.0f} ms, p99 {p99:.0f} ms"
        self.console.print(f"{told}, {round_.usage.steal:.0%} stolen{lost}", highlight=False)

    # -- what was found ----------------------------------------------------------------------------------

    def _of(self, name: str, kind: str) -> list[Round]:
        return [one for one in self.rounds if one.side == name and one.kind == kind]

    def rate(self, name: str) -> Spread:
        """The most cases a second."""
        return Spread.of([one.rate() for one in self._of(name, "most")])

    def ratio(self) -> Spread:
        """Ours to the limit's, pair by pair."""
        pairs = zip(self._of("ours", "most"), self._of("limit", "most"), strict=True)
        return Spread.of([ours.rate() / limit.rate() for ours, limit in pairs])

    def latency(self, name: str, share: float) -> Spread:
        """A quantile at half of the most, in milliseconds, round by round."""
        return Spread.of([quantile(one.latencies_ms(), share) for one in self._of(name, "steady")])

    def noise(self) -> Noise:
        """The worst round's share of stolen time, and the load average at the end."""
        return Noise(steal=max(one.usage.steal for one in self.rounds), load=self.rounds[-1].usage.load)

    def cpu_ms(self, name: str) -> dict[str, float]:
        """CPU milliseconds a case by process, at the most; the generator's among them."""
        found: dict[str, float] = {}
        for one in (rounds := self._of(name, "most")):
            cases = len(one.done_at)
            each = one.usage.cpu_ms_each(cases) | {"load generator": one.offered.cpu * 1000 / max(1, cases)}
            for process, ms in each.items():
                found[process] = found.get(process, 0.0) + ms / len(rounds)
        return {process: ms for process, ms in found.items() if ms >= FLOOR_MS}

    def tables(self) -> list[Table]:
        """Rates, latencies, CPU."""
        rows = [["the most, cases/s", *(self.rate(name).text() for name in self.sides), self.ratio().text(2)]]
        for share, told in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (1.0, "greatest")):
            cells = [self.latency(name, share).text() for name in self.sides]
            rows.append([f"{told} at half of the most, ms", *cells, ""])
        rows.append(
            [
                "failed or not done",
                *(str(sum(one.lost for one in self.rounds if one.side == n)) for n in self.sides),
                "",
            ]
        )
        shown = Table(title="Median (least to greatest)", columns=["", *self.sides, "ours / limit"], rows=rows)
        return [shown, self._cpu_table()]

    def _cpu_table(self) -> Table:
        costs = {name: self.cpu_ms(name) for name in self.sides}
        roles = sorted({process.removeprefix("limit-") for cost in costs.values() for process in cost})
        rows = []
        for role in roles:
            ours, limit = costs["ours"].get(role), costs["limit"].get(f"limit-{role}", costs["limit"].get(role))
            rows.append([role, *("" if ms is None else f"{ms:.2f}" for ms in (ours, limit))])
        rows.append(["all", *(f"{sum(costs[name].values()):.2f}" for name in self.sides)])
        return Table(title="CPU a case at the most, ms", columns=["process", *self.sides], rows=rows)

    def plots(self) -> list[Plot]:
        """Latencies by share, and the CPU a case."""
        shares = [n / 100 for n in range(0, 100, 2)] + [0.99]
        lines = [
            Series(name=name, points=[(share * 100, self.latency(name, share).median) for share in shares])
            for name in self.sides
        ]
        return [Plot(name="latency", title="Latency at half of the most", x="% of cases", y="ms", series=lines)]

    def raw(self) -> dict[str, Any]:
        """All rounds."""
        return {"rounds": [one.raw() for one in self.rounds]}
