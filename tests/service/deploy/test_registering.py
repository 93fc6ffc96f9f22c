"""Who registers in the sample city: identity, sharing and notifications as they are, over one bus, and the sample
departments' own programs with their own data."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.city.files import City, read
from deploy.setup import CITY_FOLDER
from services.identity.app import build_for_tests as build_identity
from services.identity.desk import Desk
from services.identity.tokens.issuing import Versions, access_token
from services.sharing.app import build_for_tests as build_sharing
from services.sharing.settings import SharingSettings
from shared.caller import Caller
from shared.contracts.identity import CodeIssued, CompanyRegistered, PersonProven
from shared.contracts.sharing import AnswerDelivered, AnswerRefused
from shared.store.memory import MemoryDatabase
from shared.testing import FakeClock, MemoryBus
from shared.testing.kms import FakeKms
from tests.service.deploy.departments import Departments, departments
from tests.service.identity.conftest import ISSUER, settings

ZHOU_TING: dict[str, Any] = {
    "name": "周婷",
    "id_number": "210299199003074025",
    "login": "zhou.ting",
    "password": "a password of hers",
    "mail": "zhou.ting@example.org",
    "phone": "13900001111",
}
PROOFS = {
    "social-security-card": "D21029937",
    "housing-fund": "210299004417",
    "driving-licence": "210200123456",
}
COMPANY = {"code": "91210200MA0EXAMPH3", "name": "大连示例海产品有限公司", "id_number": ZHOU_TING["id_number"]}


@pytest.fixture(scope="module")
def files() -> City:
    return read(CITY_FOLDER)


@dataclass
class Town:
    identity: httpx.AsyncClient
    bus: MemoryBus
    departments: Departments
    desk: Desk

    async def settle(self) -> None:
        """Everything happens that follows, in the services and in the departments."""
        await self.bus.settle()
        await self.departments.work("police", "hrss", "housing", "market")
        await self.bus.settle()

    async def register(self, key: str, *kinds: str, **changes: Any) -> dict[str, Any]:
        """How a registration stands when the departments have answered."""
        proofs = [{"kind": kind, "number": PROOFS.get(kind)} for kind in kinds]
        body = ZHOU_TING | {"proofs": proofs} | changes
        begun = await self.identity.post("/registrations", json=body, headers={"Idempotency-Key": key})
        assert begun.status_code == 201, begun.text
        await self.settle()
        return await self.look(begun.json())

    async def look(self, begun: dict[str, Any]) -> dict[str, Any]:
        secret = {"Registration-Secret": begun.get("secret", "")}
        answer = await self.identity.get(f"/registrations/{begun['registration']}", headers=secret)
        return {**answer.json(), "secret": begun["secret"]}


async def _load(city: City, identity: httpx.AsyncClient, sharing: httpx.AsyncClient, bus: MemoryBus) -> None:
    """What registering needs of the city's files."""
    for division in sorted(city.divisions, key=lambda row: row.level)[:2]:
        assert (await identity.put(f"/divisions/{division.code}", json=division.model_dump())).is_success
    for department in city.departments:
        body = department.model_dump(exclude={"officers"})
        assert (await identity.put(f"/organisations/{department.code}", json=body)).is_success
    await bus.settle()
    for resource in city.resources:
        assert (await sharing.put(f"/resources/{resource.code}", json=resource.model_dump())).is_success
    for grant in [one for one in city.grants if one.consumer == "identity"]:
        body = grant.model_dump(mode="json", exclude={"id"})
        assert (await sharing.put(f"/grants/{grant.id}", json=body)).is_success


@pytest.fixture
async def town(files: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    clock, bus = FakeClock(), MemoryBus()
    identity_app, identity_runtime, desk = build_identity(settings(), MemoryDatabase(), clock, bus, FakeKms())
    known = {name: value for name, value in settings().model_dump().items() if name in SharingSettings.model_fields}
    sharing_app, sharing_runtime, _ = build_sharing(SharingSettings.model_validate(known), MemoryDatabase(), clock, bus)
    for runtime in (identity_runtime, sharing_runtime):
        await bus.join(runtime)
    await bus.settle()
    token = access_token(desk, Caller("operator", "operator", None, None, "operator"), Versions(1))
    bearer = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(identity_app), base_url=ISSUER) as identity,
        httpx.AsyncClient(transport=httpx.ASGITransport(sharing_app), base_url="http://sharing") as sharing,
    ):
        identity.headers.update(bearer)
        sharing.headers.update(bearer)
        await _load(files, identity, sharing, bus)
        yield Town(identity, bus, departments(bus, tmp_path, monkeypatch), desk)
        assert await identity_runtime.parked.count() == await sharing_runtime.parked.count() == 0


async def test_the_departments_confirm_who_she_is(town: Town) -> None:
    view = await town.register("one", *PROOFS)
    assert view["state"] == "opened"
    assert [(one["kind"], one["state"]) for one in view["proofs"]] == [
        ("id-card", "confirmed"),
        *((kind, "confirmed") for kind in PROOFS),
    ]
    answers = town.bus.said(AnswerDelivered, topic="sharing.to.identity")
    assert [one["data"] for one in answers] == [{"matches": True}] * 4, "and nothing else"


async def test_a_code_comes_after_them(town: Town) -> None:
    view = await town.register("one", "housing-fund", "phone")
    assert (view["state"], view["code_expected"]) == ("asked", True)
    (sent,) = town.bus.said(CodeIssued)
    secret = {"Registration-Secret": view["secret"]}
    path = f"/registrations/{view['registration']}/code"
    assert (await town.identity.post(path, json={"code": sent["code"]}, headers=secret)).json()["state"] == "opened"


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"name": "周婷婷"}, {"id-card"}),
        ({"id_number": "21029919850612101X"}, {"id-card", "social-security-card", "driving-licence"}),
        ({"id_number": "11010519491231002X"}, {"id-card", "social-security-card", "driving-licence"}),
    ],
)
async def test_they_confirm_nobody_else(town: Town, changes: dict[str, str], wrong: set[str]) -> None:
    view = await town.register("one", "social-security-card", "driving-licence", **changes)
    assert view["state"] == "refused"
    assert {one["kind"] for one in view["proofs"] if one["state"] != "confirmed"} == wrong
    assert {one["ground"] for one in view["proofs"]} <= {None, "no-match"}
    assert town.bus.said(PersonProven) == town.bus.said(AnswerRefused) == []


async def test_her_company_is_confirmed_by_its_register_and_no_other(town: Town) -> None:
    account = (await town.register("one", *PROOFS))["account"]
    token = access_token(town.desk, Caller(account, "person", None, None, "web"), Versions(1))
    for n, name in enumerate(("大连另一家海产品有限公司", COMPANY["name"])):
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(n)}
        body = COMPANY | {"name": name}
        assert (await town.identity.post("/companies", json=body, headers=headers)).status_code == 201
        await town.settle()
    mine = (await town.identity.get("/me/companies", headers={"Authorization": f"Bearer {token}"})).json()
    assert {one["name"]: one["state"] for one in mine["claims"]} == {
        "大连另一家海产品有限公司": "refused",
        COMPANY["name"]: "registered",
    }
    assert [one["representative"] for one in town.bus.said(CompanyRegistered)] == [account]


async def test_no_number_of_hers_is_on_a_topic_that_is_not_personal(town: Town) -> None:
    await town.register("one", *PROOFS)
    seen = {
        record.topic
        for record in town.bus.records
        if re.search(rb"210299199003074025|D21029937|210299004417|210200123456", record.value or b"")
    }
    assert seen == {"identity.to.sharing", "sharing.to.police", "sharing.to.hrss", "sharing.to.housing"}
