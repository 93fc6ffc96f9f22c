"""Sharing in process: memory store, memory bus, a clock to set, and a city of three departments."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.sharing.app import build_for_tests
from services.sharing.desk import Desk
from services.sharing.settings import SharingSettings
from shared.contracts.department import QuestionAnswered
from shared.contracts.identity import OrganisationPublished
from shared.contracts.intake import ItemPublished, MaterialGuide, MaterialWished, SharedSource
from shared.contracts.registry import Text
from shared.contracts.sharing import QuestionAsked
from shared.messaging.envelope import Record
from shared.runtime import Runtime
from shared.store.memory import MemoryDatabase
from shared.testing import FakeClock, FakeIdentity, MemoryBus
from shared.testing.tokens import ISSUER

LI_NA, WANG_WEI = "person-li-na", "person-wang-wei"
INSURANCE, RENTAL, SECRETS = "hrss.social-insurance", "housing.rental-registration", "hrss.secret-files"
CARD = "hrss.social-security-card"
FIELDS = ["status", "months_paid"]
RECORD: dict[str, Any] = {"status": "参保", "months_paid": 20, "wage": "九千"}
DUTIES: dict[str, list[str]] = {"police": [], "hrss": [INSURANCE, SECRETS, CARD], "housing": [RENTAL], "market": []}


def _text(words: str) -> Text:
    return Text(zh=words, en=words)


def _settings() -> SharingSettings:
    return SharingSettings.model_validate(
        {
            "http_port": 8103,
            "issuer": ISSUER,
            "kafka_bootstrap": "127.0.0.1:1",
            "kafka_username": "sharing",
            "kafka_password": "-",
            "mongo_uri": "mongodb://127.0.0.1:1",
        }
    )


def offer(code: str = INSURANCE, **changes: Any) -> dict[str, Any]:
    """The body of a resource."""
    told: dict[str, Any] = {
        "code": code,
        "name": {"zh": "社会保险缴纳记录", "en": "Social insurance record"},
        "owner": code.partition(".")[0],
        "sharing": "conditional",
        "condition": {"zh": "仅限本事项", "en": "For this item only"},
        "fields": [{"name": n, "title": {"zh": n, "en": n}} for n in ("status", "months_paid", "wage")],
        "update_cycle": "month",
        "answer_within": 60,
    }
    return told | changes


def terms(**changes: Any) -> dict[str, Any]:
    """The body of a request for a grant."""
    told: dict[str, Any] = {
        "resource": INSURANCE,
        "fields": FIELDS,
        "purpose": "residence-permit",
        "basis": "居住证暂行条例 Art. 9",
        "valid_from": "2026-01-01",
        "valid_until": "2026-12-31",
    }
    return told | changes


@dataclass
class SharingTown:
    """The service, its surroundings, and the words of a test."""

    http: httpx.AsyncClient
    bus: MemoryBus
    clock: FakeClock
    identity: FakeIdentity
    app: FastAPI
    runtime: Runtime
    desk: Desk
    keys: int = field(default=0)
    wishes: int = field(default=0)

    def person(self, id_: str = LI_NA) -> dict[str, str]:
        return self.identity.bearer(id_)

    def officer(self, org: str) -> dict[str, str]:
        return self.identity.bearer(f"officer-{org}", "officer", org, "2102", "steward")

    def department(self, org: str) -> dict[str, str]:
        return self.identity.bearer(f"department-{org}", "department", org)

    def operator(self) -> dict[str, str]:
        return self.identity.bearer("operator", "operator")

    async def call(
        self, method: str, path: str, who: dict[str, str] | None, body: object = None, **headers: str
    ) -> httpx.Response:
        answer = await self.http.request(
            method, path, json=body, headers={**(who or {}), **{k.replace("_", "-"): v for k, v in headers.items()}}
        )
        await self.bus.settle()
        return answer

    async def put(self, path: str, body: object) -> httpx.Response:
        """An operator loads something, which must succeed."""
        answer = await self.call("PUT", path, self.operator(), body)
        assert answer.status_code == 200, answer.text
        return answer

    async def offer(self, code: str = INSURANCE, **changes: Any) -> httpx.Response:
        return await self.put(f"/resources/{code}", offer(code, **changes))

    async def grant(self, id_: str = "grant-police", **changes: Any) -> httpx.Response:
        return await self.put(f"/grants/{id_}", terms(**changes) | {"consumer": "police", "consent": "agreed"})

    async def request(self, org: str = "police", key: str | None = None, **changes: Any) -> httpx.Response:
        self.keys += 1
        key = key or f"key-{self.keys}"
        return await self.call("POST", "/grants", self.officer(org), terms(**changes), Idempotency_Key=key)

    async def wish(self, *, case: str = "case-a", times: int = 1, **changes: Any) -> str:
        """Intake wishes for a material; the id of the exchange, if it is a new one."""
        self.wishes += 1
        told: dict[str, Any] = {
            "case": case,
            "item": "residence-permit",
            "material": "social-insurance",
            "consumer": "police",
            "resource": INSURANCE,
            "fields": FIELDS,
            "purpose": "residence-permit",
            "subject": LI_NA,
        }
        event, sequence = MaterialWished.model_validate(told | changes), str(self.wishes)
        for _ in range(times):
            await self.bus.say("intake.events", event, key=case, id_=f"{case}:{sequence}", ce_sequence=sequence)
            await self.bus.settle()
        found = await self.desk.exchanges.collection.find({"wish": f"{case}:{sequence}"})
        return str(found[0]["_id"])

    async def answer(
        self,
        exchange: str,
        *,
        org: str = "hrss",
        id_: str | None = None,
        found: bool = True,
        times: int = 1,
        **data: Any,
    ) -> Record:
        """A department answers with its own client."""
        said = QuestionAnswered(exchange=exchange, found=found, data=data)
        for _ in range(times):
            record = await self.bus.say(f"{org}.out", said, key=exchange, id_=id_ or f"answer-{exchange}")
            await self.bus.settle()
        return record

    async def later(self, **by: float) -> None:
        self.clock.forward(timedelta(**by))
        await self.bus.settle()

    async def exchange(self, id_: str) -> dict[str, Any]:
        """The record, as its subject sees it."""
        answer = await self.call("GET", f"/exchanges/{id_}", self.person())
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def told(self, model: type[Any]) -> list[dict[str, Any]]:
        return self.bus.said(model)

    def questions(self) -> list[dict[str, Any]]:
        return self.bus.said(QuestionAsked)

    async def parked(self) -> int:
        return await self.runtime.parked.count()


async def _publish_city(bus: MemoryBus, identity: FakeIdentity) -> None:
    await identity.publish(bus)
    for code, resources in DUTIES.items():
        await admit(bus, code, resources)
    await publish_item(bus, "residence-permit", "police")
    await publish_item(bus, "licence-change", "market")


async def admit(bus: MemoryBus, code: str, resources: list[str], sequence: int = 1) -> None:
    """Identity publishes a department."""
    name = _text(f"名称 {code}")
    row = OrganisationPublished(code=code, name=name, division="2102", matters=[], resources=resources)
    await bus.say(
        "identity.organisations", row, key=f"org-{code}", id_=f"org-{code}:{sequence}", ce_sequence=str(sequence)
    )


async def publish_item(bus: MemoryBus, code: str, department: str, purpose: str | None = None) -> None:
    """Intake publishes an item whose materials come from shared data."""
    materials = [
        MaterialGuide(
            code=resource.partition(".")[2],
            name=_text(resource),
            shared=SharedSource(resource=resource, fields=["status", "months_paid", "wage"], purpose=purpose or code),
        )
        for resource in (INSURANCE, RENTAL, SECRETS)
    ]
    item = ItemPublished(
        code=code,
        name=_text(f"事项 {code}"),
        department=department,
        kind="confirmation",
        basis=[],
        conditions=[],
        process=[],
        fee=_text("免费"),
        visits=0,
        form={"type": "object"},
        materials=materials,
        legal_days=15,
        promised_days=5,
    )
    await bus.say("intake.items", item, key=f"item-{code}", id_=f"item-{code}:1", ce_sequence="1")


@pytest.fixture
async def bare() -> AsyncIterator[SharingTown]:
    """A city that has offered and granted nothing yet."""
    clock, bus = FakeClock(), MemoryBus()
    identity = FakeIdentity(clock)
    app, runtime, desk = build_for_tests(_settings(), MemoryDatabase(), clock, bus)
    await bus.join(runtime)
    await _publish_city(bus, identity)
    await bus.settle()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sharing") as http:
        town = SharingTown(http, bus, clock, identity, app, runtime, desk)
        yield town
        assert await town.parked() == 0, "nothing in these tests may stand still"


@pytest.fixture
async def town(bare: SharingTown) -> SharingTown:
    """A city where hrss offers its records, and the police may use two of three fields."""
    await bare.offer()
    await bare.grant()
    return bare
