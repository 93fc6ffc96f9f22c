"""Identity with a clock, a store and a bus of the test's own, and an application that signs people in."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from services.identity.accounts.domain import Person
from services.identity.app import build_for_tests
from services.identity.desk import Desk
from services.identity.passwords.hashing import Passwords
from services.identity.posts.domain import Post
from services.identity.settings import IdentitySettings
from services.identity.tokens.issuing import Versions, access_token
from shared.caller import Caller, Role
from shared.runtime import Runtime
from shared.store.memory import MemoryDatabase
from shared.testing import FakeClock, MemoryBus
from shared.testing.kms import FakeKms

ISSUER, NAMED = "http://127.0.0.1:8101", "http://localhost:8101"
RETURN = "http://127.0.0.1:5173/signed-in"
VERIFIER = "v" * 43
OPERATOR_SECRET = "operator-secret-of-tests"
PASSWORD = "canary-password-山水"

DIVISIONS: list[dict[str, Any]] = [
    {"code": "21", "name": {"zh": "辽宁省", "en": "Liaoning"}, "level": 1, "parent": None},
    {"code": "2102", "name": {"zh": "大连市", "en": "Dalian"}, "level": 2, "parent": "21"},
    {"code": "210203", "name": {"zh": "西岗区", "en": "Xigang"}, "level": 3, "parent": "2102"},
]
POLICE = {
    "code": "police",
    "name": {"zh": "公安局", "en": "Police"},
    "division": "2102",
    "matters": ["residence-permit"],
    "resources": [],
    "systems": [],
}
HRSS = POLICE | {"code": "hrss", "matters": ["unemployment-registration"], "resources": ["hrss.social-insurance"]}
LI_NA = {
    "login": "li.na",
    "password": PASSWORD,
    "name": "canary-name-李娜",
    "mail": "canary-mail@example.org",
    "phone": "13900007777",
    "language": "zh",
    "posts": [],
}
CHEAP = Passwords(memory_kib=64, passes=1)
"""Hashes for tests that are not about how long one takes."""
WEB = {"kind": "application", "name": "通办 Web", "redirect_uris": [RETURN, "https://portal.example.org/back"]}


def settings(issuer: str = ISSUER) -> IdentitySettings:
    return IdentitySettings(
        http_port=8101,
        issuer=issuer,
        kafka_bootstrap="127.0.0.1:9092",
        kafka_username="identity",
        kafka_password=SecretStr("x"),
        mongo_uri=SecretStr("mongodb://x"),
        key_passphrase=SecretStr("a passphrase for tests"),
        lookup_key=SecretStr("a lookup key for tests, long enough"),
        operator_secret=SecretStr(OPERATOR_SECRET),
        master_key_file=Path("/dev/null/no keys in tests: they have a service for them"),
    )


def challenge(verifier: str = VERIFIER) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


ASKED = {
    "response_type": "code",
    "client_id": "web",
    "redirect_uri": RETURN,
    "state": "s-1",
    "code_challenge": challenge(),
    "code_challenge_method": "S256",
}


@dataclass
class Identity:
    """The service and a browser to it."""

    app: FastAPI
    runtime: Runtime
    desk: Desk
    bus: MemoryBus
    clock: FakeClock
    database: MemoryDatabase
    http: httpx.AsyncClient
    kms: FakeKms

    def browser(self, address: str = "127.0.0.1") -> httpx.AsyncClient:
        """Another browser, with cookies of its own."""
        transport = httpx.ASGITransport(self.app, client=(address, 50000))
        return httpx.AsyncClient(transport=transport, base_url=self.desk.issuer)

    async def replica(self) -> "Identity":
        """Another process of the service, over the same store and bus, with a browser of its own."""
        app, runtime, desk = build_for_tests(settings(self.desk.issuer), self.database, self.clock, self.bus, self.kms)
        object.__setattr__(desk, "passwords", CHEAP)
        await self.bus.join(runtime)
        other = replace(self, app=app, runtime=runtime, desk=desk)
        return replace(other, http=other.browser())

    def operator(self) -> dict[str, str]:
        """The header of an operator."""
        token = access_token(self.desk, Caller("operator", "operator", None, None, "operator"), Versions(1))
        return {"Authorization": f"Bearer {token}"}

    async def client_token(self, code: str, secret: str) -> httpx.Response:
        return await self.http.post("/token", data={"grant_type": "client_credentials"}, auth=(code, secret))

    async def put(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        """An operator puts something."""
        return await self.http.put(path, json=body, headers=self.operator() | headers)

    async def officer(self, id_: str, place: str, *roles: Role, **days: str) -> None:
        """An officer is there, without a password: hashes take their time."""
        organisation, _, division = place.partition(".")
        post = {"organisation": organisation, "division": division, "roles": list(roles), **days}
        officer = Person(id=id_, login=id_, password_hash="", name=id_, posts=[Post.model_validate(post)])
        officer.open(self.clock.now())
        await self.desk.people.add(officer)

    async def bearer(self, id_: str, wanted: str | None = None) -> dict[str, str]:
        """The header of an officer who came with the post that was wanted, or with the first."""
        person = await self.desk.people.get(id_)
        post = person.post_for(wanted, self.clock.now())
        assert post
        place, session = (post.organisation, post.division), f"session-of-{id_}"
        caller = Caller(id_, "officer", *place, "web", session, frozenset(post.roles))
        token = access_token(self.desk, caller, Versions(1, user=person.token_version, session=1))
        return {"Authorization": f"Bearer {token}"}

    async def form(self, http: httpx.AsyncClient | None = None, **asked: str) -> str:
        """The sealed request of a fresh sign-in page."""
        page = await (http or self.http).get("/authorize", params=ASKED | {"prompt": "login"} | asked)
        assert page.status_code == 200, page.text
        found = re.search(r'name="request" value="([^"]+)"', page.text)
        assert found
        return found[1]

    async def submit(self, request: str, login: str = "li.na", password: str = PASSWORD) -> httpx.Response:
        return await self.http.post("/authorize", data={"request": request, "login": login, "password": password})

    async def code(self, **who: str) -> str:
        """A code for somebody who has signed in."""
        answer = await self.submit(await self.form(), **who)
        assert answer.status_code == 303, answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    def asked(self, **asked: str) -> dict[str, str]:
        """What the web application asks."""
        return ASKED | asked

    async def code_for(self, **asked: str) -> str:
        """A code for Ms Li, asked with other parameters."""
        return await self.code_of("li.na", **asked)

    async def code_of(self, login: str, **asked: str) -> str:
        """A code for somebody who has signed in, asked with other parameters."""
        answer = await self.submit(await self.form(None, **asked), login=login)
        assert answer.status_code == 303, answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    async def redeem(self, code: str, /, *, auth: tuple[str, str] | None = None, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": "web",
            "code": code,
            "redirect_uri": RETURN,
            "code_verifier": VERIFIER,
        }
        return await self.http.post("/token", data=form | changes, auth=auth or httpx.USE_CLIENT_DEFAULT)

    async def me(self, token: str) -> httpx.Response:
        return await self.http.get("/me", headers={"Authorization": f"Bearer {token}"})


@asynccontextmanager
async def running_at(issuer: str, clock: FakeClock | None = None) -> AsyncIterator[Identity]:
    """A city with an operator only, for people who reach it there."""
    clock, bus, database, kms = clock or FakeClock(), MemoryBus(), MemoryDatabase(), FakeKms()
    app, runtime, desk = build_for_tests(settings(issuer), database, clock, bus, kms)
    object.__setattr__(desk, "passwords", CHEAP)
    await bus.join(runtime)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=issuer) as http:
        yield Identity(app, runtime, desk, bus, clock, database, http, kms)


@pytest.fixture
async def identity() -> AsyncIterator[Identity]:
    """A city with an operator only."""
    async with running_at(ISSUER) as identity:
        yield identity


@pytest.fixture
async def city(identity: Identity) -> Identity:
    """Divisions, two departments, Ms Li Na and the web application."""
    return await peopled(identity)


@pytest.fixture
async def named_city() -> AsyncIterator[Identity]:
    """The same, reached at a name, as passkeys are for names only."""
    async with running_at(NAMED) as identity:
        yield await peopled(identity)


async def peopled(identity: Identity) -> Identity:
    """Divisions, two departments, Ms Li Na and the web application."""
    for row in DIVISIONS:
        assert (await identity.put(f"/divisions/{row['code']}", row)).status_code == 200
    for organisation in (POLICE, HRSS):
        assert (await identity.put(f"/organisations/{organisation['code']}", organisation)).status_code == 200
    assert (await identity.put("/people/person-li-na", LI_NA)).status_code == 200
    assert (await identity.put("/clients/web", WEB)).status_code == 200
    await identity.bus.settle()
    return identity
