"""What it costs a service to check an access token: in process, and as a protected route to a public one."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from jwt.algorithms import ECAlgorithm
from prometheus_client import CollectorRegistry
from rich.console import Console

from deploy.local.settings import ROOT
from shared.clock import SystemClock
from shared.contracts.identity import KeyPublished, RevocationPublished
from shared.revocations import Revocations
from shared.testing.tokens import ISSUER, FakeIdentity
from shared.testing.waiting import eventually
from shared.web.authentication import Verifier
from tests.bench.city import free_ports
from tests.bench.figures import Spread
from tests.bench.gate import CLOSED, OPEN
from tests.bench.load import Target, offer
from tests.bench.meter import Meter, Usage
from tests.bench.result import Goal, Noise, Plot, Result, Series, Table

TOKENS = 2000
ROUNDS = 5
AGAIN = 5
"""How often each token is looked at again, once it is known."""
REVOKED = 10_000
"""Rows of others in the table: so many were revoked within the hour."""
REQUESTS, CONNECTIONS = 3000, 4
HTTP_ROUNDS = 3
LIMIT_MS = 0.3
KINDS = ("program", "person", "person with a mandate")
CHECKS = {"first sight": "a token at first sight", "known": "a known token"}

Make = Callable[[int], str]


class _Blind(Revocations):
    """Looks at nothing: what a look costs is the difference."""

    def refuse(self, scopes: Iterable[tuple[str, int]]) -> bool:  # noqa: ARG002
        return False


@dataclass
class Issued:
    """Tokens as identity gives them, by an identity of the bench's own."""

    identity: FakeIdentity
    given: int = 0

    def key(self) -> KeyPublished:
        """Its public half."""
        jwk = ECAlgorithm.to_jwk(self.identity.key.public_key(), as_dict=True)
        return KeyPublished(kid=self.identity.kid, x=str(jwk["x"]), y=str(jwk["y"]))

    def batch(self, kind: str, count: int) -> list[str]:
        """As many that nobody has seen."""
        numbers = range(self.given, self.given + count)
        self.given = numbers.stop
        return [self._one(kind, n) for n in numbers]

    def _one(self, kind: str, n: int) -> str:
        common: dict[str, Any] = {"jti": f"jti-{n:018}", "client_id": "tongban-demo", "cv": 1}
        if kind == "program":
            return self.identity.token("police-system", "department", "police", ov=1, **common)
        how: dict[str, Any] = {"sid": f"session-{n:026}", "sv": 1, "uv": 1, "acr": "aal1", "auth_time": 1}
        how |= {"amr": ["pwd"], "ial": 1}
        if kind == "person":
            return self.identity.token(f"person-{n:018}", **common, **how)
        mandate = {
            "id": f"mandate-{n:026}",
            "acts": ["apply", "see", "supply"],
            "items": ["residence-permit"],
            "versions": {f"mandate-{n:026}": 1, f"mandate-above-{n:020}": 1},
        }
        actor = {"sub": f"person-{n:018}", "act": {"sub": f"person-above-{n:012}"}}
        return self.identity.token(f"company-{n:018}", **common, **how, act=actor, mandate=mandate)


def _revocations(model: type[Revocations], rows: int) -> Revocations:
    """A table with so many rows of others."""
    clock = SystemClock()
    table, at = model(clock, CollectorRegistry(), lambda: 0.0), clock.now() - timedelta(seconds=1)
    for n in range(rows):
        scope = f"session:session-gone-{n:021}"
        table.put(scope.encode(), RevocationPublished(scope=scope, lowest=2, at=at), 1)
    return table


Costs = dict[tuple[str, str, str], list[float]]
"""(table, kind, check) → CPU milliseconds of one, round by round."""


def _in_process(issued: Issued) -> Costs:
    tables = {
        "no look": _revocations(_Blind, 0),
        "empty": _revocations(Revocations, 0),
        f"{REVOKED} rows": _revocations(Revocations, REVOKED),
    }
    keys, found = {issued.identity.kid: issued.key()}, Costs()
    for _ in range(ROUNDS):
        for kind in KINDS:
            tokens = issued.batch(kind, TOKENS)
            for name, table in tables.items():
                verifier = Verifier(keys, ISSUER, SystemClock(), table)
                found.setdefault((name, kind, "first sight"), []).append(_cpu_ms(verifier, tokens, 1))
                found.setdefault((name, kind, "known"), []).append(_cpu_ms(verifier, tokens, AGAIN))
    return found


def _cpu_ms(verifier: Verifier, tokens: Sequence[str], times: int) -> float:
    """CPU milliseconds to verify one."""
    began = time.process_time()
    for _ in range(times):
        for token in tokens:
            verifier.verify(token)
    return (time.process_time() - began) * 1000 / (times * len(tokens))


@asynccontextmanager
async def _gate(issued: Issued) -> AsyncIterator[tuple[str, int]]:
    """Address and process id of a running gate."""
    port = free_ports("gate")["gate_port"]
    told = {"port": port, "issuer": ISSUER, "key": issued.key().model_dump(mode="json")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.gate",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # its log
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(told).encode())
    process.stdin.write_eof()
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient() as http:

            async def answers() -> bool:
                try:
                    return (await http.get(f"{url}/healthz")).status_code == 200
                except httpx.HTTPError:
                    return False

            await eventually(answers, within=20, every=0.1)
        yield url, process.pid
    finally:
        process.terminate()
        await process.wait()


async def _through_http(issued: Issued, usages: list[Usage]) -> dict[str, list[float]]:
    """CPU milliseconds of one request in the service: public, protected with a known token and with fresh ones."""
    found: dict[str, list[float]] = {"public": [], "known": [], "first sight": []}
    async with _gate(issued) as (url, pid):
        (known,) = issued.batch("person", 1)
        for round_ in range(HTTP_ROUNDS + 1):
            fresh = [({"Authorization": f"Bearer {token}"}, "") for token in issued.batch("person", REQUESTS)]
            targets = {
                "public": Target(url, known, path=OPEN, method="GET"),
                "known": Target(url, known, path=CLOSED, method="GET"),
                "first sight": Target(url, "", path=CLOSED, method="GET", each=fresh),
            }
            for name, target in targets.items():
                meter = Meter({"gate": pid})
                offered = await offer(target, REQUESTS, arrival="burst", connections=CONNECTIONS)
                usage = meter.usage()
                if len(offered.taken) < REQUESTS:
                    raise RuntimeError(f"the gate answered {offered.statuses()}")
                if round_:  # the first one warms up
                    usages.append(usage)
                    found[name].append(usage.cpu_ms_each(REQUESTS)["gate"])
    return found


async def measure(console: Console) -> Result:
    """In this process, then in a service beside it; both alone, without a city."""
    issued, usages, meter = Issued(FakeIdentity(SystemClock())), list[Usage](), Meter({})
    costs = await asyncio.to_thread(_in_process, issued)
    usages.append(meter.usage())
    for check in CHECKS:
        told = Spread.of(costs[f"{REVOKED} rows", "person", check]).text(3)
        console.print(f"  {check}: {told} ms", highlight=False)
    http = await _through_http(issued, usages)
    return _told(costs, http, usages)


def _told(costs: Costs, http: dict[str, list[float]], usages: Sequence[Usage]) -> Result:
    more = {check: [a - b for a, b in zip(http[check], http["public"], strict=True)] for check in CHECKS}
    goals = []
    for check, told in CHECKS.items():
        worst = max(Spread.of(costs[f"{REVOKED} rows", kind, check]).median for kind in KINDS)
        added = Spread.of(more[check]).median
        for what, value in (
            (f"{told}, whoever's", worst),
            (f"{told}: a protected route's request more than a public one's", added),
        ):
            goals.append(Goal(what=what, value=value, limit=LIMIT_MS, at_most=True, unit=" ms CPU"))
    return Result(
        bench="B12",
        title="Checking an access token in a service",
        noise=Noise(steal=max(one.steal for one in usages), load=usages[-1].load),
        goals=goals,
        tables=[_in_process_table(costs), _adds_table(costs), _http_table(http, more)],
        plots=[_plot(costs)],
        raw={"ms": {", ".join(name): rounds for name, rounds in costs.items()}, "http_ms": http},
    )


def _in_process_table(costs: Costs) -> Table:
    rows = [[kind, *(Spread.of(costs[f"{REVOKED} rows", kind, check]).text(3) for check in CHECKS)] for kind in KINDS]
    title = f"In process, {REVOKED} rows of others revoked: CPU ms of one, median (least to greatest)"
    return Table(title=title, columns=["token", *CHECKS], rows=rows)


def _adds_table(costs: Costs) -> Table:
    """What a look at the revocations and a mandate add, microseconds."""

    def median(table: str, kind: str, check: str) -> float:
        return Spread.of(costs[table, kind, check]).median

    rows = []
    for told, (table, kind), (without, plain) in (
        ("the look at the revocations", ("empty", "person"), ("no look", "person")),
        (f"{REVOKED} rows in them", (f"{REVOKED} rows", "person"), ("empty", "person")),
        ("a mandate that rests on another", (f"{REVOKED} rows", KINDS[2]), (f"{REVOKED} rows", "person")),
    ):
        adds = [(median(table, kind, check) - median(without, plain, check)) * 1000 for check in CHECKS]
        rows.append([told, *(f"{added:+.1f}" for added in adds)])
    return Table(title="What adds how much, CPU µs (differences of medians)", columns=["", *CHECKS], rows=rows)


def _http_table(http: dict[str, list[float]], more: dict[str, list[float]]) -> Table:
    rows = [["public route", Spread.of(http["public"]).text(3), ""]]
    for check, told in CHECKS.items():
        rows.append([f"protected route, {told}", Spread.of(http[check]).text(3), Spread.of(more[check]).text(3)])
    title = "Through HTTP: CPU ms of the service a request, median (least to greatest)"
    return Table(title=title, columns=["", "request", "more than public"], rows=rows)


def _plot(costs: Costs) -> Plot:
    series = [
        Series(
            name=check,
            points=[
                (float(n), round(Spread.of(costs[f"{REVOKED} rows", kind, check]).median, 4))
                for n, kind in enumerate(KINDS)
            ],
        )
        for check in CHECKS
    ]
    return Plot(name="check", title="CPU of one check", x="", y="ms", series=series, labels=list(KINDS), goal=LIMIT_MS)
