"""Offering load: the plan for the generator's process, and what came of it."""

import asyncio
import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from deploy.local.settings import ROOT
from tests.bench.browser import Issuer
from tests.bench.figures import quantile

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Shot:
    """One request. Seconds from the start: when it was meant, sent and answered (`None`: it never was)."""

    meant: float
    sent: float | None
    answered: float | None
    status: int
    number: str | None
    retry_after: str | None

    @property
    def taken(self) -> bool:
        """Whether a case was made (or found again)."""
        return self.status in (200, 201)

    @property
    def latency(self) -> float:
        """Seconds from the moment meant to the answer; infinite where none came."""
        return float("inf") if self.answered is None else self.answered - self.meant


@dataclass(frozen=True)
class Offered:
    """What came of a load. `zero`: Unix time of its start; `cpu`: seconds the generator itself used."""

    zero: float
    seconds: float
    cpu: float
    shots: tuple[Shot, ...]

    @property
    def taken(self) -> list[Shot]:
        """The requests that made a case."""
        return [shot for shot in self.shots if shot.taken]

    def statuses(self) -> dict[int, int]:
        """How often each status was answered."""
        found: dict[int, int] = {}
        for shot in self.shots:
            found[shot.status] = found.get(shot.status, 0) + 1
        return found

    def rate(self) -> float:
        """Cases taken a second, from the start to the last answer."""
        taken = self.taken
        return len(taken) / max(shot.answered or 0.0 for shot in taken) if taken else 0.0

    def latency_ms(self, share: float) -> float:
        """A quantile of what was taken, in milliseconds from the moment meant."""
        return quantile([shot.latency * 1000 for shot in self.taken], share)


@dataclass(frozen=True)
class Target:
    """Where to, as whom (nobody: an empty token), with what. `each`: headers and bodies that requests have in turns
    instead of the one body."""

    url: str
    token: str
    body: str = ""
    path: str = "/cases"
    method: str = "POST"
    each: Sequence[tuple[Mapping[str, str], str]] = ()


async def offer(
    target: Target,
    count: int,
    *,
    rate: float = 0.0,
    arrival: Literal["even", "poisson", "burst"] = "poisson",
    connections: int = 256,
    patience: float = PATIENCE_SECONDS,
    headers: Mapping[str, str] | None = None,
    seed: int = 1,
) -> Offered:
    """Offer `count` requests at `rate` a second (a burst: as fast as `connections` take them) and wait for answers."""
    address = urlsplit(target.url)
    plan = {
        "host": address.hostname,
        "port": address.port,
        "method": target.method,
        "path": target.path,
        "headers": {
            **({"Authorization": f"Bearer {target.token}"} if target.token else {}),
            "Content-Type": "application/json",
            **(headers or {}),
        },
        "each": [[dict(headers), body] for headers, body in target.each] or [[{}, target.body]],
        "key": uuid.uuid4().hex,
        "arrival": arrival,
        "rate": rate,
        "count": count,
        "seed": seed,
        "connections": connections,
        "open_first": min(connections, 32),
        "patience": patience,
    }
    return await carried_out("generator", plan)


async def offer_sign_ins(
    issuer: Issuer,
    people: Sequence[tuple[str, str]],
    count: int,
    *,
    rate: float = 0.0,
    arrival: Literal["even", "poisson", "burst"] = "poisson",
    connections: int = 256,
    seed: int = 1,
) -> Offered:
    """Let people (login and password, in turns) sign in, from the page to the token; see `offer`."""
    plan = {
        "issuer": issuer.plan(),
        "people": list(people),
        "arrival": arrival,
        "rate": rate,
        "count": count,
        "seed": seed,
        "connections": connections,
        "patience": PATIENCE_SECONDS,
    }
    return await carried_out("browsers", plan)


async def carried_out(module: str, plan: Mapping[str, Any]) -> Offered:
    """What came of a plan, which a process of its own carries out: `generator` or `browsers`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"tests.bench.{module}",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        said, _ = await process.communicate(json.dumps(plan).encode())
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    found = json.loads(said)
    shots = tuple(Shot(*shot) for shot in found["shots"])
    return Offered(found["zero"], found["seconds"], found["cpu"], shots)
