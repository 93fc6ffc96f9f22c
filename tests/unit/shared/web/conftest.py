"""A small service of its own to try the kit on: a key, tokens, a few routes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from shared import telemetry
from shared.caller import Caller
from shared.contracts.identity import KeyPublished
from shared.errors import Conflict, Fault, IdempotencyKeyReused, Invalid
from shared.policy import OPERATOR, PERSON, Act
from shared.revocations import Revocations
from shared.store import Contention, Unavailable
from shared.testing.clock import FakeClock
from shared.web.admission import Admission
from shared.web.app import ServiceApp, create_app
from shared.web.authentication import PRIVILEGED_SECONDS, Verifier, public, requires
from shared.web.idempotency import IdempotencyKey, body_digest, derive
from shared.web.paging import Cursor, Page, Paging
from shared.web.preconditions import IfMatch, etag
from shared.web.readiness import Readiness

ISSUER = "http://127.0.0.1:8101"


@dataclass
class Signer:
    """Signs tokens as identity does, and wrong ones on demand."""

    clock: FakeClock
    kid: str = "key-1"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def jwk(self) -> dict[str, Any]:
        return jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True) | {"kid": self.kid}

    @property
    def row(self) -> KeyPublished:
        return KeyPublished.model_construct(**self.jwk, alg="ES256", use="sig", not_after=None)

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.clock.now().timestamp())
        return {
            "iss": ISSUER,
            "sub": "person-li-na",
            "aud": "tongban",
            "iat": now,
            "exp": now + int(timedelta(minutes=5).total_seconds()),
            "jti": "t1",
            "client_id": "web",
            "kind": "person",
            "org": None,
            "division": None,
            "scope": "services",
        } | changes

    def token(self, headers: Mapping[str, Any] | None = None, algorithm: str = "ES256", **changes: Any) -> str:
        headers = {"typ": "at+jwt", "kid": self.kid} | dict(headers or {})
        return jwt.encode(self.claims(**changes), self.key, algorithm, headers)


class Thing(BaseModel):
    """A thing."""

    label: str
    size: int


@dataclass
class Crowd:
    """Requests that stay inside until the test lets them go, and how far behind the service says it is."""

    behind: float = 0.0
    age: float = 0.0
    """Of the revocations."""
    inside: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)


router = APIRouter(prefix="/things", tags=["things"])
may_see = Act("things.see", "查看", "see things", PERSON)
People = Annotated[Caller, Depends(requires(may_see))]
anybody = [Depends(public("a test"))]


Operators = Annotated[
    Caller, Depends(requires(Act("things.keep", "维护", "keep things", OPERATOR), within=PRIVILEGED_SECONDS))
]


@router.get("/mine")
async def mine(caller: People) -> str:
    return caller.id


@router.get("/all")
async def everything(caller: Operators) -> str:
    return caller.id


Anytime = Annotated[Caller, Depends(requires(may_see, within=float("inf")))]


@router.delete("/session")
async def leave(caller: Anytime) -> str:
    return caller.id


Sure = Annotated[Caller, Depends(requires(may_see, acr="aal2", max_age=300))]
Known = Annotated[Caller, Depends(requires(may_see, acr="aal1"))]


@router.delete("/mine")
async def give_up(caller: Sure) -> str:
    return caller.id


@router.get("/known")
async def known(caller: Known) -> str:
    return caller.acr


@router.post("", status_code=201, summary="Make a thing")
async def make(body: Thing, key: IdempotencyKey, caller: People) -> dict[str, str]:
    return {"id": derive("thing", caller, key), "digest": body_digest(body)}


@router.get("", dependencies=anybody)
async def listing(window: Paging) -> Page[int]:
    rows = list(range(5))
    after = -1 if window.after is None else int(window.after.key)
    read = [row for row in rows if row > after][: window.limit + 1]
    return window.page(read, place=lambda row: Cursor(key=row, id=f"thing-{row}"), show=lambda row: row)


@router.put("/{id}", dependencies=anybody)
async def change(id: str, expected: IfMatch, response: Response) -> dict[str, int | None]:  # noqa: A002
    response.headers["ETag"] = etag(7)
    return {"expected": expected}


@router.post("/upload", dependencies=anybody, max_body_size=3_000_000)
async def upload(body: Thing) -> int:
    return len(body.label)


@router.post("/slow", dependencies=anybody)
async def slow(body: Thing, request: Request) -> int:
    crowd: Crowd = request.app.state.crowd
    crowd.inside += 1
    await crowd.go.wait()
    return body.size


@router.get("/broken/{how}", dependencies=anybody)
async def broken(how: str) -> None:
    raise {
        "conflict": Conflict("It is finished", code="thing_finished"),
        "invalid": Invalid("Does not fit", faults=(Fault("/form/size", "too_big", "is too big"),)),
        "reused": IdempotencyKeyReused(),
        "store": Unavailable("mongodb://user:canary@host"),
        "contention": Contention("thing-1"),
        "bug": RuntimeError("canary"),
    }[how]


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def signer(clock: FakeClock) -> Signer:
    return Signer(clock)


@pytest.fixture
def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
def admission(crowd: Crowd) -> Admission:
    return Admission(2, lambda: crowd.behind, patience=5.0)


@pytest.fixture
def revocations(clock: FakeClock, crowd: Crowd) -> Revocations:
    return Revocations(clock, telemetry.new_registry(), lambda: crowd.age)


@pytest.fixture
def app(
    signer: Signer,
    clock: FakeClock,
    readiness: Readiness,
    admission: Admission,
    revocations: Revocations,
    crowd: Crowd,
) -> ServiceApp:
    made = create_app(
        "waterworks",
        "1.0",
        lifespan=None,
        readiness=readiness,
        registry=telemetry.new_registry(),
        admission=admission,
        verifier=Verifier({signer.kid: signer.row}, ISSUER, clock, revocations),
        routers=[router],
        asyncapi=lambda: {"asyncapi": "3.0.0"},
    )
    made.state.crowd = crowd
    return made


@pytest.fixture
async def client(app: ServiceApp) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as opened:
        yield opened
