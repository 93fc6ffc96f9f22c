"""Intake in process: memory store, memory bus, a clock to set, and a city of two departments."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from fastapi import FastAPI

from services.intake.app import build_for_tests
from services.intake.desk import Desk
from services.intake.settings import IntakeSettings
from shared.caller import Role
from shared.contracts.identity import DivisionPublished, OrganisationPublished
from shared.contracts.registry import Text
from shared.contracts.sharing import AnswerDelivered, AnswerRefused
from shared.messaging.envelope import Record
from shared.runtime import Runtime
from shared.store.memory import MemoryDatabase
from shared.testing import FakeClock, FakeIdentity, MemoryBus
from shared.testing.tokens import ISSUER

CITY = Path(__file__).parents[3] / "deploy" / "city"
PDF, PNG = b"%PDF-1.7 a sample", b"\x89PNG\r\n\x1a\n a sample"
LI_NA, WANG_WEI = "person-li-na", "person-wang-wei"
FORM = {
    "name": "李娜",
    "id_number": "210299199003150024",
    "registered_residence": "辽宁省鞍山市",
    "address": "大连市沙河口区中山路500号",
    "resident_since": "2025-03-01",
    "ground": "employment",
}


def _settings(files: Path) -> IntakeSettings:
    return IntakeSettings.model_validate(
        {
            "http_port": 8102,
            "issuer": ISSUER,
            "kafka_bootstrap": "127.0.0.1:1",
            "kafka_username": "intake",
            "kafka_password": "-",
            "mongo_uri": "mongodb://127.0.0.1:1",
            "files_url": f"file://{files}",
        }
    )


@dataclass
class IntakeTown:
    """The service, its surroundings, and the words of a test."""

    http: httpx.AsyncClient
    app: FastAPI
    bus: MemoryBus
    clock: FakeClock
    identity: FakeIdentity
    runtime: Runtime
    desk: Desk
    files: Path
    keys: int = field(default=0)

    def li_na(self) -> dict[str, str]:
        return self.identity.bearer(LI_NA)

    def officer(self, org: str = "police", division: str = "2102", role: Role = "clerk") -> dict[str, str]:
        return self.identity.bearer(f"officer-{org}", "officer", org, division, role)

    def operator(self) -> dict[str, str]:
        return self.identity.bearer("operator", "operator")

    async def upload(self, content: bytes = PDF, kind: str = "application/pdf", **headers: str) -> httpx.Response:
        return await self.http.post(
            "/files", content=content, headers={"Content-Type": kind, **(headers or self.li_na())}
        )

    async def upload_called(self, name: str) -> httpx.Response:
        headers = {"Content-Type": "application/pdf", **self.li_na()}
        return await self.http.post("/files", params={"name": name}, content=PDF, headers=headers)

    async def application(self, headers: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
        card = (await self.upload(PDF, **(headers or {}))).json()
        photo = (await self.upload(PNG, "image/png", **(headers or {}))).json()
        given = [
            {"material": material, "file": file["file"], "sha256": file["sha256"]}
            for material, file in (("identity-card", card), ("photo", photo))
        ]
        return {"item": "residence-permit", "division": "210204", "form": FORM, "materials": given} | changes

    async def submit(
        self, body: dict[str, Any], key: str | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        self.keys += 1
        sent = {"Idempotency-Key": key or f"key-{self.keys}", **(headers or self.li_na())}
        answer = await self.http.post(
            "/cases", content=json.dumps(body), headers=sent | {"Content-Type": "application/json"}
        )
        await self.bus.settle()
        return answer

    async def apply(self) -> dict[str, Any]:
        answer = await self.submit(await self.application())
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def answer(self, case: str, material: str, sequence: int = 3, times: int = 1) -> None:
        said = AnswerDelivered(
            exchange=f"exchange-{material}",
            case=case,
            material=material,
            owner="hrss",
            data={"months_paid": 20},
            sha256=hashlib.sha256(b"-").hexdigest(),
            answered_at=self.clock.now(),
        )
        for _ in range(times):
            await self._say("sharing.to.intake", said, f"exchange-{material}-{case}", sequence)

    async def refuse(self, case: str, material: str, ground: str = "no-grant", times: int = 1) -> None:
        said = AnswerRefused(exchange=f"exchange-{material}", case=case, material=material, ground=ground)
        for _ in range(times):
            await self._say("sharing.to.intake", said, f"exchange-{material}-{case}", 2)

    async def _say(self, topic: str, event: Any, subject: str, sequence: int) -> Record:
        said = await self.bus.say(topic, event, key=subject, id_=f"{subject}:{sequence}", ce_sequence=str(sequence))
        await self.bus.settle()
        return said

    async def show(self, case: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await self.http.get(f"/cases/{case}", headers=headers or self.li_na())
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def _publish_city(bus: MemoryBus, identity: FakeIdentity) -> None:
    await identity.publish(bus)
    for code, matters in (("police", ["residence-permit"]), ("hrss", ["unemployment-registration"])):
        row = OrganisationPublished(
            code=code, name=Text(zh=code, en=code), division="2102", matters=matters, resources=[]
        )
        await bus.say("identity.organisations", row, key=f"org-{code}", id_=f"org-{code}:1", ce_sequence="1")
    for code, level, parent in (("21", 1, None), ("2102", 2, "21"), ("210204", 3, "2102")):
        division = DivisionPublished(code=code, name=Text(zh=code, en=code), level=level, parent=parent)
        await bus.say("identity.organisations", division, key=f"division-{code}", id_=f"d-{code}:1", ce_sequence="1")


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[IntakeTown]:
    clock, bus = FakeClock(), MemoryBus()
    identity = FakeIdentity(clock)
    app, runtime, desk = build_for_tests(_settings(tmp_path), MemoryDatabase(), clock, bus)
    await bus.join(runtime)
    await _publish_city(bus, identity)
    await bus.settle()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://intake") as http:
        town = IntakeTown(http, app, bus, clock, identity, runtime, desk, tmp_path)
        items = yaml.safe_load((CITY / "items.yaml").read_text())["items"]
        item = next(one for one in items if one["code"] == "residence-permit")
        loaded = await http.put("/items/residence-permit", json=item, headers=town.operator())
        assert loaded.status_code == 200, loaded.text
        calendar = yaml.safe_load((CITY / "calendar.yaml").read_text())
        calendar = {
            name: [str(d) if name in ("holidays", "workdays") else d for d in value]
            if isinstance(value, list)
            else value
            for name, value in calendar.items()
        }
        loaded = await http.put("/calendar", json=calendar, headers=town.operator())
        assert loaded.status_code == 200, loaded.text
        await bus.settle()
        yield town
