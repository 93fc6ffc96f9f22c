"""Sign-ins and programs' tokens a second: identity, with npm oidc-provider and canaille beside it, in turns."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import jwt
from rich.console import Console

from tests.bench.browser import FORM, Browser, Line, Refused
from tests.bench.city import BenchCity, bench_city
from tests.bench.figures import Spread, quantile
from tests.bench.load import Offered, Target, offer, offer_sign_ins
from tests.bench.meter import Meter
from tests.bench.neighbours import running
from tests.bench.neighbours.installing import NotHere
from tests.bench.neighbours.running import SECRET, Key, Provider
from tests.bench.residents import PASSWORD, Residents, login, ours
from tests.bench.result import Goal, Noise, Plot, Result, Series, Table
from tests.bench.rounds import Round, posted

PEOPLE = 200
ROUNDS = 3
AIMED_SECONDS = 3.0
STEADY_SECONDS = 8.0
ASSERTION_SECONDS = 3600
"""As long as well-kept libraries make them. Each is used once."""
DONE_SHARE = 95.0
FLOOR_MS = 0.05
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Arrival = Literal["poisson", "burst"]


@dataclass(frozen=True)
class Side:
    """Somebody who gives tokens, and the people who can sign in there."""

    name: str
    provider: Provider
    people: Sequence[tuple[str, str]]
    key: Key

    def meter(self) -> Meter:
        """Measures its processes from now on."""
        return Meter(self.provider.pids)

    def basic(self) -> tuple[Mapping[str, str], str]:
        """Headers and body of a request with a secret."""
        name, secret = self.provider.secret
        proof = base64.b64encode(f"{name}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {proof}"}, urlencode(self._asked())

    def keyed(self, at: int) -> tuple[Mapping[str, str], str]:
        """The same with a fresh assertion."""
        name = self.provider.keyed
        claims = {"iss": name, "sub": name, "aud": self.provider.audience, "jti": uuid4().hex}
        times = {"iat": at, "exp": at + ASSERTION_SECONDS}
        assertion = jwt.encode(claims | times, self.key.private, "ES256", {"kid": self.key.kid})
        proof = {"client_id": name, "client_assertion_type": JWT_BEARER, "client_assertion": assertion}
        return {}, urlencode(self._asked() | proof)

    def _asked(self) -> dict[str, str]:
        return {"grant_type": "client_credentials", "scope": self.provider.scope}


async def _sign_ins(side: Side, count: int, rate: float, arrival: Arrival, connections: int) -> Offered:
    issuer, people = side.provider.issuer, side.people
    return await offer_sign_ins(issuer, people, count, rate=rate, arrival=arrival, connections=connections)


async def _by_secret(side: Side, count: int, rate: float, arrival: Arrival, connections: int) -> Offered:
    return await _tokens(side, [side.basic()], count, rate, arrival, connections)


async def _by_key(side: Side, count: int, rate: float, arrival: Arrival, connections: int) -> Offered:
    at = int(time.time())
    each = await asyncio.to_thread(lambda: [side.keyed(at) for _ in range(count)])
    return await _tokens(side, each, count, rate, arrival, connections)


async def _tokens(
    side: Side,
    each: Sequence[tuple[Mapping[str, str], str]],
    count: int,
    rate: float,
    arrival: Arrival,
    connections: int,
) -> Offered:
    issuer = side.provider.issuer
    target = Target(issuer.url, "", path=issuer.token, each=each)
    return await offer(
        target, count, rate=rate, arrival=arrival, connections=connections, headers={"Content-Type": FORM}
    )


@dataclass(frozen=True)
class Grant:
    """One way to a token: how it is offered, how many a second are wanted, through how many connections a burst goes
    (as few as keep the cores busy: what waits in a queue tells nothing), and how many come first, uncounted."""

    offer: Callable[[Side, int, float, Arrival, int], Awaitable[Offered]]
    wanted: float
    at_once: int
    warm_up: int


GRANTS = {
    "sign-in by password": Grant(_sign_ins, 40, 6, 12),
    "client_secret_basic": Grant(_by_secret, 500, 16, 100),
    "private_key_jwt": Grant(_by_key, 500, 16, 100),
}


async def _asked_once(side: Side, name: str) -> None:
    """Raises `NotHere` where this side does not give a token in this way, with its own words."""
    issuer = side.provider.issuer
    try:
        if name == "sign-in by password":
            line = await Line.to(issuer.url)
            await Browser(line, issuer).sign_in(*side.people[0])
            line.close()
            return
        headers, body = side.basic() if name == "client_secret_basic" else side.keyed(int(time.time()))
        async with httpx.AsyncClient(timeout=10) as http:
            url = f"{issuer.url}{issuer.token}"
            answer = await http.post(url, content=body, headers={"Content-Type": FORM, **headers})
    except (Refused, OSError, httpx.HTTPError) as error:
        raise NotHere(str(error)) from None
    if answer.status_code != 200:
        raise NotHere(f"{answer.status_code} {answer.text.strip()[:200]}")


@dataclass
class Comparison:
    """All sides and grants in turns."""

    sides: Sequence[Side]
    console: Console
    absent: dict[str, str] = field(default_factory=dict)
    """What is not there, and why."""
    most: dict[tuple[str, str], list[Round]] = field(default_factory=dict)
    steady: dict[tuple[str, str], Round] = field(default_factory=dict)

    async def run(self) -> None:
        """Warm up, then bursts in turns, then each at the wanted rate: we in any case, others if they come so far."""
        pairs = [(side, name) for name in GRANTS for side in self.sides if await self._is_there(side, name)]
        counts = {(side.name, name): await self._warm(side, name) for side, name in pairs}
        for _ in range(ROUNDS):
            for side, name in pairs:
                round_ = await self._burst(side, name, counts[side.name, name])
                self.most.setdefault((side.name, name), []).append(round_)
        for side, name in pairs:
            if side.name == "ours" or self.rate(side.name, name).median >= GRANTS[name].wanted:
                await self._steady(side, name)

    async def _is_there(self, side: Side, name: str) -> bool:
        try:
            await _asked_once(side, name)
        except NotHere as why:
            if side.name == "ours":
                raise
            self.absent[f"{side.name}, {name}"] = str(why)
            return False
        return True

    async def _warm(self, side: Side, name: str) -> int:
        """How many make a good burst."""
        grant = GRANTS[name]
        first = (await self._burst(side, name, grant.warm_up)).rate()
        rate = (await self._burst(side, name, max(grant.warm_up, int(first)))).rate()
        self.console.print(f"  {side.name}, {name}: warm, about {rate:.0f}/s", highlight=False)
        return max(grant.warm_up, int(rate * AIMED_SECONDS))

    async def _burst(self, side: Side, name: str, count: int) -> Round:
        meter = side.meter()
        offered = await GRANTS[name].offer(side, count, 0.0, "burst", GRANTS[name].at_once)
        return posted(side.name, "most", offered, meter.usage())

    async def _steady(self, side: Side, name: str) -> None:
        rate, meter = GRANTS[name].wanted, side.meter()
        offered = await GRANTS[name].offer(side, int(rate * STEADY_SECONDS), rate, "poisson", 256)
        self.steady[side.name, name] = found = posted(side.name, "steady", offered, meter.usage())
        told = f"  {side.name}, {name} at {rate:.0f}/s: p99 {quantile(found.latencies_ms(), 0.99):.0f} ms"
        self.console.print(told, highlight=False)

    # -- what was found ----------------------------------------------------------------------------------

    def rate(self, side: str, name: str) -> Spread:
        """The most a second."""
        return Spread.of([one.rate() for one in self.most[side, name]])

    def rounds(self) -> Iterator[Round]:
        """All of them."""
        for rounds in self.most.values():
            yield from rounds
        yield from self.steady.values()

    def done_in_time(self, name: str) -> float:
        """Percent of ours that were done when the last one came."""
        found = self.steady["ours", name]
        return 100 * (1 - found.behind() / len(found.meant))

    def cpu_ms(self, side: str, name: str) -> dict[str, float]:
        """CPU milliseconds of each process for one, at the most."""
        found: dict[str, float] = {}
        for one in (rounds := self.most[side, name]):
            done = len(one.done_at) - one.lost
            each = one.usage.cpu_ms_each(done) | {"load generator": one.offered.cpu * 1000 / max(1, done)}
            for process, ms in each.items():
                found[process] = found.get(process, 0.0) + ms / len(rounds)
        return {process: ms for process, ms in found.items() if ms >= FLOOR_MS}


async def measure(console: Console) -> Result:
    """Everybody has the same people, programs and hashing, and idles while another is measured."""
    people, key, absent = [(login(n), PASSWORD) for n in range(PEOPLE)], Key(), dict[str, str]()
    async with bench_city("b11", open_gates=True) as city, _beside(people, key, absent) as neighbours:
        sides = [await asyncio.to_thread(_ours, city, people, key)]
        sides += [Side(name, provider, people, key) for name, provider in neighbours.items()]
        found = Comparison(sides, console, absent)
        await found.run()
    return _told(found)


def _ours(city: BenchCity, people: Sequence[tuple[str, str]], key: Key) -> Side:
    Residents(city).fill(len(people))
    program = {"kind": "department", "organisation": "police", "name": "Bench"}
    city.operator.ask("identity", "PUT", "/clients/bench-secret", json=program | {"secret": SECRET})
    city.operator.ask("identity", "PUT", "/clients/bench-key", json=program | {"jwks": [key.jwk()]})
    issuer = replace(ours(city), scope="openid services")
    provider = Provider(issuer, city.pids(), issuer.url, "services", ("bench-secret", SECRET), "bench-key")
    return Side("ours", provider, people, key)


@asynccontextmanager
async def _beside(
    people: Sequence[tuple[str, str]], key: Key, absent: dict[str, str]
) -> AsyncIterator[dict[str, Provider]]:
    """The neighbours that run; why the others do not goes to `absent`. Starting them blocks."""

    @contextmanager
    def held() -> Iterator[dict[str, Provider]]:
        makers: dict[str, Callable[..., AbstractContextManager[Provider]]] = {
            "oidc-provider": running.oidc_provider,
            "canaille": running.canaille,
        }
        with ExitStack() as stack:
            found = {}
            for name, make in makers.items():
                try:
                    found[name] = stack.enter_context(make(people, key))
                except NotHere as why:
                    absent[name] = str(why)
            yield found

    context = held()
    found = await asyncio.to_thread(context.__enter__)
    try:
        yield found
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


def _told(found: Comparison) -> Result:
    goals = []
    for name, grant in GRANTS.items():
        goals.append(Goal(what=f"{name}: a second, at most", value=found.rate("ours", name).median, limit=grant.wanted))
        told = f"{name}: done when the last came, {grant.wanted:.0f} a second offered"
        goals.append(Goal(what=told, value=found.done_in_time(name), limit=DONE_SHARE, unit=" %"))
    rounds = list(found.rounds())
    raw = {
        "absent": found.absent,
        "most": {", ".join(pair): [one.raw() for one in of] for pair, of in found.most.items()},
        "steady": {", ".join(pair): one.raw() for pair, one in found.steady.items()},
    }
    return Result(
        bench="B11",
        title="Sign-ins and programs' tokens, beside oidc-provider and canaille",
        noise=Noise(steal=max(one.usage.steal for one in rounds), load=rounds[-1].usage.load),
        goals=goals,
        tables=[_most_table(found), _steady_table(found), _cpu_table(found)],
        plots=_plots(found),
        notes=[f"Not measured: {what}: {why}" for what, why in found.absent.items()],
        raw=raw,
    )


def _names(found: Comparison) -> list[str]:
    return [side.name for side in found.sides]


def _most_table(found: Comparison) -> Table:
    rows = []
    for name in GRANTS:
        cells = [found.rate(side, name).text() if (side, name) in found.most else "–" for side in _names(found)]
        rows.append([name, *cells])
    rows.append(["failed", *(str(_lost(found, side)) for side in _names(found))])
    return Table(title="The most a second: median (least to greatest)", columns=["", *_names(found)], rows=rows)


def _lost(found: Comparison, side: str) -> int:
    return sum(one.lost for one in found.rounds() if one.side == side)


def _steady_table(found: Comparison) -> Table:
    rows = []
    for (side, name), one in found.steady.items():
        shown = [f"{quantile(one.latencies_ms(), share):.0f}" for share in (0.5, 0.9, 0.99)]
        busy = f"{sum(one.usage.cpu.values()) / one.usage.seconds:.2f}"
        rows.append([f"{side}, {name}", f"{GRANTS[name].wanted:.0f}", *shown, str(one.lost), busy])
    columns = ["", "offered a second", "p50, ms", "p90, ms", "p99, ms", "failed", "cores used"]
    return Table(
        title="Open loop at the rate that is wanted; others where their most is enough for it",
        columns=columns,
        rows=rows,
    )


def _cpu_table(found: Comparison) -> Table:
    costs = {pair: found.cpu_ms(*pair) for pair in found.most}
    rows = []
    for side in _names(found):
        for process in sorted({process for pair in costs if pair[0] == side for process in costs[pair]}):
            cells = [costs.get((side, name), {}).get(process) for name in GRANTS]
            rows.append([f"{side}: {process}", *("" if ms is None else f"{ms:.2f}" for ms in cells)])
        alls = [sum(costs[side, name].values()) if (side, name) in costs else None for name in GRANTS]
        rows.append([f"{side}: all", *("" if ms is None else f"{ms:.2f}" for ms in alls)])
    return Table(title="CPU for one at the most, ms", columns=["process", *GRANTS], rows=rows)


def _plots(found: Comparison) -> list[Plot]:
    plots = []
    for name, title, grants in (
        ("sign-ins", "Sign-ins by password a second", ["sign-in by password"]),
        ("tokens", "Programs' tokens a second", ["client_secret_basic", "private_key_jwt"]),
    ):
        series = []
        for side in _names(found):
            measured = [(n, grant) for n, grant in enumerate(grants) if (side, grant) in found.most]
            points = [(float(n), found.rate(side, grant).median) for n, grant in measured]
            series.append(Series(name=side, points=points))
        goal = GRANTS[grants[0]].wanted
        plots.append(Plot(name=name, title=title, x="", y="a second", series=series, labels=grants, goal=goal))
    return plots
