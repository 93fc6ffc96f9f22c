"""Whatever people and operators do, and whatever goes wrong: what is personal is where it belongs and nowhere else."""

import asyncio
import io
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import bson
import httpx
import structlog
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest

from deploy.kafka.declared import load
from services.identity.app import build_for_tests
from services.identity.passwords.hashing import Passwords
from shared import logging as our_logging
from shared.store.memory import MemoryDatabase
from shared.store.repository import EPOCH
from shared.testing import FakeClock, MemoryBus
from shared.testing.kms import FakeKms
from shared.web.problems import MEDIA_TYPE
from tests.service.identity.conftest import ISSUER, RETURN, WEB, Identity
from tests.service.identity.conftest import settings as identity_settings

PERSONAL_TOPICS = {topic.name for topic in load([]).topics if topic.personal}
MARKS = (b"zebra", b"1397777")
"""Every personal value has one of these in it."""
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8)
_numbers = itertools.count(1)


@dataclass
class World:
    """A city of two people, and the ears of everybody who must not hear of them."""

    identity: Identity
    log: io.StringIO
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    answers: list[httpx.Response] = field(default_factory=list)

    def body(self, n: int, word: str) -> dict[str, Any]:
        """What is kept of somebody; nobody else has any of it."""
        number = next(_numbers)
        return {
            "login": f"zebra.{n}.{number}",
            "password": f"zebra-password-{number}{word}",
            "name": f"zebra 姓名 {number}{word}",
            "mail": f"Zebra-{number}@example.org",
            "phone": f"139777{70_000 + number}",
            "language": ("zh", "en")[number % 2],
        }

    async def ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        answer = await self.identity.http.request(method, path, **sent)
        self.answers.append(answer)
        return answer

    async def operator(self, method: str, path: str, **sent: Any) -> httpx.Response:
        return await self.ask(method, path, headers=self.identity.operator(), **sent)

    def somebody(self, n: int) -> tuple[str, dict[str, Any]]:
        return f"person-{n % 2}", self.people.get(f"person-{n % 2}", self.body(n, ""))

    # -- acts --------------------------------------------------------------------------------------------

    async def keep(self, n: int, word: str) -> None:
        id_, body = f"person-{n % 2}", self.body(n, word)
        if (await self.operator("PUT", f"/people/{id_}", json=body)).status_code == 200:
            self.people[id_] = body

    async def keep_what_does_not_fit(self, n: int, word: str) -> None:
        body = self.body(n, word)
        for wrong in (
            {"mail": f"zebra {word}"},
            {"login": f"Zebra {word}"},
            {"phone": f"zebra{word}"},
            {"name": ["zebra", word]},
            {"posts": [{"organisation": f"zebra{word}", "division": "zebra", "roles": ["clerk"]}]},
            {"password": "zebra"},
        ):
            await self.operator("PUT", f"/people/person-{n % 2}", json=body | wrong)
        await self.operator("PUT", f"/people/person-{n % 2}", content=f'{{"name": "zebra {word}"'.encode())
        await self.operator("PUT", f"/people/person-{n + 2}", json=body | {"login": self.somebody(n)[1]["login"]})

    async def sign_in(self, n: int, word: str) -> None:
        _, body = self.somebody(n)
        form = await self.identity.http.get(
            "/authorize", params=ASKED, headers={"User-Agent": f"zebra {n}", "Accept-Language": "en"}
        )
        if (found := form.text.partition('name="request" value="')[2].partition('"')[0]) == "":
            return
        wrong = ((body["login"], f"zebra wrong {word}"), (f"zebra{word}", "x"))
        for login, password in (*wrong, (body["login"], body["password"])):
            filled = {"request": found, "login": login, "password": password}
            back = await self.identity.http.post("/authorize", data=filled, headers={"User-Agent": "zebra browser"})
        if back.status_code == 303:
            code = httpx.URL(back.headers["location"]).params["code"]
            given = await self.identity.redeem(code)
            self.tokens += [given.json()["access_token"]] if given.status_code == 200 else []

    async def look(self, _: int, word: str) -> None:
        for token in self.tokens[-2:]:
            for path in ("/me", "/me/data", "/me/sessions", f"/me/sessions/zebra{word}"):
                await self.ask("GET", path, headers={"Authorization": f"Bearer {token}"})
        for path in ("/me/data.html", "/me/data.json"):
            await self.ask("GET", path)

    async def find(self, n: int, word: str) -> None:
        _, body = self.somebody(n)
        two = {"mail": "zebra", "phone": "1"}
        for by in (*({kind: body[kind]} for kind in ("mail", "phone", "login")), two):
            await self.operator("GET", "/people", params=by)
        await self.operator("GET", "/people", params={"mail": f"zebra{word}", "limit": "zebra", "after": "zebra"})

    async def forget(self, n: int, _: str) -> None:
        for person in (f"person-{n % 2}", "person-nobody"):
            await self.operator("DELETE", f"/people/{person}")

    async def renew_keys(self, n: int, _: str) -> None:
        self.identity.kms.rotate()
        await self.operator("POST", f"/people/person-{n % 2}/data-key")
        await self.operator("POST", "/master-keys/rewrap")

    async def pass_time(self, n: int, _: str) -> None:
        self.identity.clock.forward(timedelta(hours=n))
        await self.identity.bus.settle()

    async def lose_the_store(self, n: int, word: str) -> None:
        self.identity.database.down = True
        await self.keep(n, word)
        await self.look(n, word)
        self.identity.database.down = False

    async def lose_the_broker(self, n: int, word: str) -> None:
        self.identity.bus.failing = ConnectionError("the broker is away")
        await self.keep(n, word)
        assert self.identity.runtime.relay is not None
        await self.identity.runtime.relay.sweep()
        self.identity.bus.failing = None

    async def lose_the_keys(self, n: int, word: str) -> None:
        self.identity.kms.silent = True
        self.identity.desk.opened.forget(f"person-{n % 2}")
        await self.look(n, word)
        await self.keep(n, word)
        self.identity.kms.silent = False

    async def harm_the_store(self, n: int, word: str) -> None:
        """Somebody writes into it: what was sealed does not open, and everything that asks for it fails."""
        people = self.identity.database.collection("people")
        found = await people.get(f"person-{n % 2}")
        if found is None or not isinstance(found["name"], bytes):
            return
        await people.update({"_id": found["_id"]}, {"$set": {"name": found["name"][:-1] + b"\0"}})
        await self.keep(n, word)
        await self.look(n, word)
        await people.update({"_id": found["_id"]}, {"$set": {"name": found["name"]}})

    async def publish_again(self, *_: Any) -> None:
        assert self.identity.runtime.relay is not None
        async for published in self.identity.runtime.relay.replay(EPOCH):
            assert published > 0
        await self.identity.bus.settle()

    # -- who must not hear of it -------------------------------------------------------------------------

    async def heard(self) -> Iterator[tuple[str, bytes]]:
        """Everything that was said, and everything that is kept."""
        database = self.identity.database
        stored = [
            (f"store {name}", bson.encode(document))
            for name in list(database._collections)
            for document in await database.collection(name).find({}, limit=10_000)
        ]
        records = [
            (record.topic, bytes(record.value or b"") + str(record.headers).encode())
            for record in self.identity.bus.records
            if record.topic not in PERSONAL_TOPICS
        ]
        problems = [
            ("problem", answer.content + str(answer.headers).encode())
            for answer in self.answers
            if answer.headers.get("content-type", "").startswith(MEDIA_TYPE) or answer.is_error
        ]
        metrics = [("metrics", generate_latest(self.identity.runtime.registry))]
        logged = [("log", line.encode()) for line in self.log.getvalue().splitlines()]
        return iter([*stored, *records, *problems, *metrics, *logged])


Act = Callable[[World, int, str], Awaitable[None]]
ACTS: tuple[Act, ...] = (
    World.keep,
    World.keep_what_does_not_fit,
    World.sign_in,
    World.look,
    World.find,
    World.renew_keys,
    World.pass_time,
    World.lose_the_store,
    World.lose_the_broker,
    World.lose_the_keys,
    World.harm_the_store,
    World.publish_again,
    World.forget,
)
ASKED = {
    "response_type": "code",
    "client_id": "web",
    "redirect_uri": RETURN,
    "state": "s-1",
    "code_challenge": "x" * 43,
    "code_challenge_method": "S256",
    "prompt": "login",
}


@contextmanager
def listening() -> Iterator[io.StringIO]:
    """What is logged, as it is in production, down to the last detail."""
    root, heard = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    with redirect_stderr(heard):
        our_logging.configure("identity", "DEBUG")
        try:
            yield heard
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
            structlog.reset_defaults()


async def live(acts: list[tuple[Act, int, str]], log: io.StringIO) -> World:
    clock, bus, database, kms = FakeClock(), MemoryBus(), MemoryDatabase(), FakeKms()
    app, runtime, desk = build_for_tests(identity_settings(), database, clock, bus, kms)
    object.__setattr__(desk, "passwords", Passwords(memory_kib=8, passes=1))
    await bus.join(runtime)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as http:
        world = World(Identity(app, runtime, desk, bus, clock, database, http, kms), log)
        await world.operator("PUT", "/clients/web", json=WEB)
        await world.keep(0, "")
        for act, n, word in acts:
            await act(world, n, word)
        await bus.settle()
    return world


ALL_IN_TURN = (World.keep, World.sign_in, *ACTS, World.keep, World.look)
EVERYTHING: list[tuple[Act, int, str]] = [(act, n, "") for n in (0, 1) for act in ALL_IN_TURN]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(acts=EVERYTHING)
@given(acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 3), WORDS), max_size=10))
def test_personal_data_is_where_it_belongs_and_nowhere_else(acts: list[tuple[Act, int, str]]) -> None:
    with listening() as log:
        world = asyncio.run(live(acts, log))
        leaks = [(where, raw) for where, raw in asyncio.run(world.heard()) if any(mark in raw for mark in MARKS)]
    assert leaks == []


def test_the_ears_hear() -> None:
    """What the test above listens to is there: it would find something."""
    with listening() as log:
        world = asyncio.run(live(EVERYTHING, log))
        places = {where for where, _ in asyncio.run(world.heard())}
    assert {"log", "problem", "metrics", "identity.events", "identity.revocations", "store people"} <= places
    assert {"signin.refused", "signin.succeeded", "request.failed", "store.unavailable", "relay.unsent"} <= {
        event for line in log.getvalue().splitlines() if (event := line.partition('"event": "')[2].partition('"')[0])
    }
    statuses = {answer.status_code for answer in world.answers}
    assert statuses >= {200, 202, 204, 303, 404, 409, 410, 422, 500, 503}, sorted(statuses)
    told = [record for record in world.identity.bus.records if record.topic in PERSONAL_TOPICS]
    assert any(b"zebra" in bytes(record.value or b"") for record in told), "and notifications gets it"
