"""From a revocation to its refusal by every service: 200 of all kinds under load, one service killed meanwhile."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from shared.testing.waiting import eventually
from tests.bench.city import BenchCity, bench_city
from tests.bench.figures import quantile
from tests.bench.load import Offered, offer
from tests.bench.meter import Usage
from tests.bench.result import Goal, Noise, Plot, Result, Series, Table
from tests.bench.revocables import KINDS, Revocable, prepared
from tests.bench.watching import SERVICES, Seen, accepted_by_all, watched

REVOCATIONS = 200
EVERY_SECONDS = 0.25
CASES = 6.0
"""Applications a second, the whole time."""
KILLED, KILLED_AFTER = "sharing", 15.0
LIMIT_SECONDS = 2.0
LONGEST_SECONDS = 60.0
"""A service that does not refuse by then never does, here."""


@dataclass(frozen=True)
class Revoked:
    """One revocation: how many seconds into the run it was answered, and how each service took it."""

    kind: str
    at: float
    seen: Sequence[Seen]

    @property
    def closed(self) -> float:
        """Seconds until no service took the token any more."""
        return max(one.closed for one in self.seen)

    @property
    def proven(self) -> float:
        """Seconds until each service had said itself that the token is revoked."""
        return max(one.proven for one in self.seen)


@dataclass(frozen=True)
class Run:
    """The revocations, the load beside them, and when the killed service answered again (seconds after the kill)."""

    revoked: Sequence[Revoked]
    load: Offered
    back: float
    usage: Usage

    def met_the_dead(self) -> int:
        """How many revocations found a service away."""
        return sum(any(seen.was_away for seen in one.seen) for one in self.revoked)


async def measure(console: Console) -> Result:
    """The whole city with its gates, as it runs."""
    async with bench_city("b13") as city:
        await offer(city.target(), 60, rate=CASES)  # warm
        revocables = await prepared(city, REVOCATIONS)
        console.print(f"  {len(revocables)} tokens of {len(KINDS)} kinds are given", highlight=False)
        found = await _run(city, revocables)
    slowest = max(one.closed for one in found.revoked)
    console.print(f"  the slowest revocation took {slowest:.2f} s, {KILLED} {found.back:.1f} s", highlight=False)
    return _told(found)


async def _run(city: BenchCity, revocables: Sequence[Revocable]) -> Run:
    meter, seconds = city.meter(), len(revocables) * EVERY_SECONDS
    load = asyncio.create_task(offer(city.target(), int(CASES * seconds), rate=CASES))
    began = time.monotonic()
    killing = asyncio.create_task(_killed(city))
    ending = []
    for n, revocable in enumerate(revocables):
        await asyncio.sleep(max(0.0, began + n * EVERY_SECONDS - time.monotonic()))
        ending.append(asyncio.create_task(_revoked(city, revocable, began)))
    revoked = await asyncio.gather(*ending)
    back, offered = await killing, await load
    return Run(revoked, offered, back, meter.usage())


async def _revoked(city: BenchCity, revocable: Revocable, began: float) -> Revoked:
    """Let every service see the token, revoke it, and ask each with it until it refuses."""
    await accepted_by_all(city.urls, revocable.token)
    await revocable.revoke()
    at = time.monotonic()
    watching = (watched(city.urls, service, revocable.token, at, LONGEST_SECONDS) for service in SERVICES)
    return Revoked(revocable.kind, at - began, await asyncio.gather(*watching))


async def _killed(city: BenchCity) -> float:
    """Kill the service; seconds until it is ready again, by the supervisor's doing."""
    await asyncio.sleep(KILLED_AFTER)
    await asyncio.to_thread(city.kill, KILLED)
    began = time.monotonic()

    async def is_back() -> bool:
        return await asyncio.to_thread(city.is_ready, KILLED)

    await eventually(is_back, within=LONGEST_SECONDS, every=0.05)
    return time.monotonic() - began


def _told(found: Run) -> Result:
    closed = [one.closed for one in found.revoked]
    never = sum(seen.proven == float("inf") for one in found.revoked for seen in one.seen)
    again = sum(seen.accepted_after_away for one in found.revoked for seen in one.seen)
    what = f"refused everywhere, p99 of {len(closed)}"
    goals = [
        Goal(what=what, value=quantile(closed, 0.99), limit=LIMIT_SECONDS, at_most=True, unit=" s"),
        Goal(what="taken again by a service that came back", value=again, limit=0, at_most=True),
        Goal(what="never refused by a service", value=never, limit=0, at_most=True),
    ]
    return Result(
        bench="B13",
        title=f"{len(closed)} revocations under load, {KILLED} killed meanwhile",
        noise=Noise(steal=found.usage.steal, load=found.usage.load),
        goals=goals,
        tables=[_kinds_table(found), _services_table(found), _load_table(found)],
        plots=[_shares_plot(found), _times_plot(found)],
        notes=_notes(found),
        raw={
            "revoked": [
                {
                    "kind": one.kind,
                    "at": round(one.at, 3),
                    "closed": {seen.service: round(seen.closed, 3) for seen in one.seen},
                    "proven": {seen.service: round(seen.proven, 3) for seen in one.seen},
                }
                for one in found.revoked
            ],
            "load": found.load.statuses(),
            "back": found.back,
            "usage_cpu": dict(found.usage.cpu),
        },
    )


def _shown(values: Sequence[float]) -> list[str]:
    return [str(len(values)), *(f"{quantile(values, share) * 1000:.0f}" for share in (0.5, 0.9, 0.99, 1.0))]


def _kinds_table(found: Run) -> Table:
    rows = [[kind, *_shown([one.closed for one in found.revoked if one.kind == kind])] for kind in KINDS]
    rows.append(["all", *_shown([one.closed for one in found.revoked])])
    rows.append(["all, until each service says so itself", *_shown([one.proven for one in found.revoked])])
    title = "From the answer to the revoking request until no service takes the token, ms"
    return Table(title=title, columns=["what was revoked", "times", "p50", "p90", "p99", "greatest"], rows=rows)


def _services_table(found: Run) -> Table:
    rows = []
    for n, service in enumerate(SERVICES):
        rows.append([service, *_shown([one.seen[n].proven for one in found.revoked])])
    title = "By service, until it says itself that the token is revoked, ms"
    return Table(title=title, columns=["", "times", "p50", "p90", "p99", "greatest"], rows=rows)


def _load_table(found: Run) -> Table:
    load = found.load
    shown = [str(len(load.shots)), str(len(load.taken)), *(f"{load.latency_ms(at):.0f}" for at in (0.5, 0.99))]
    busy = f"{sum(found.usage.cpu.values()) / found.usage.seconds:.2f}"
    columns = ["offered", "taken", "p50, ms", "p99, ms", "cores used by the city"]
    return Table(title=f"The load beside it: {CASES:.0f} applications a second", columns=columns, rows=[[*shown, busy]])


def _shares_plot(found: Run) -> Plot:
    shares = [n / 100 for n in range(0, 100, 2)] + [0.99]
    lines = []
    for kind in KINDS:
        values = [one.closed for one in found.revoked if one.kind == kind]
        lines.append(Series(name=kind, points=[(share * 100, quantile(values, share)) for share in shares]))
    title = "Until no service takes the token"
    return Plot(name="shares", title=title, x="% of revocations", y="seconds", series=lines, goal=LIMIT_SECONDS)


def _times_plot(found: Run) -> Plot:
    in_order = sorted(found.revoked, key=lambda one: one.at)
    lines = [
        Series(name="not taken any more", points=[(one.at, one.closed) for one in in_order]),
        Series(name="each service says so", points=[(one.at, one.proven) for one in in_order]),
    ]
    title = f"The same in the order of the run; {KILLED} killed after {KILLED_AFTER:.0f} s"
    return Plot(name="times", title=title, x="seconds into the run", y="seconds", series=lines, goal=LIMIT_SECONDS)


def _notes(found: Run) -> list[str]:
    return [
        f"{KILLED} was killed (-9) {KILLED_AFTER:.0f} s into the run and was ready again after {found.back:.1f} s; "
        f"{found.met_the_dead()} revocations found it away.",
        "A service that does not answer takes no token: it counts as refusing from the first try that found it away, "
        "and it is asked on until it says itself that the token is revoked.",
    ]
