"""Notifications in process: memory store, memory bus, a clock to set, a mail server on a free port."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import httpx
import pytest
import yaml
from fastapi import FastAPI

from services.notifications.app import build_for_tests
from services.notifications.desk import Desk
from services.notifications.settings import NotificationsSettings
from shared.contracts import intake
from shared.contracts.identity import ContactPublished, OrganisationPublished
from shared.contracts.registry import EventModel, Text
from shared.ids import derived_id
from shared.messaging.envelope import Record
from shared.runtime import Runtime
from shared.store.memory import MemoryDatabase
from shared.testing import FakeClock, FakeIdentity, MemoryBus
from shared.testing.tokens import ISSUER
from tests.service.notifications.mailserver import FakeMailServer

CITY = Path(__file__).parents[3] / "deploy" / "city"
LI_NA, WANG_WEI = "person-li-na", "person-wang-wei"
ADDRESSES = {LI_NA: "li.na@example.org", WANG_WEI: "wang.wei@example.org"}
CASE = "case-1"


def settings(smtp_port: int, **more: Any) -> NotificationsSettings:
    return NotificationsSettings.model_validate(
        {
            "http_port": 8104,
            "instance": "one",
            "issuer": ISSUER,
            "kafka_bootstrap": "127.0.0.1:1",
            "kafka_username": "notifications",
            "kafka_password": "-",
            "mongo_uri": "mongodb://127.0.0.1:1",
            "smtp_host": "127.0.0.1",
            "smtp_port": smtp_port,
            "mail_from": "大连通办 <no-reply@tongban.example>",
            **more,
        }
    )


@dataclass
class Office:
    """One process of the service."""

    app: FastAPI
    runtime: Runtime
    desk: Desk

    def counted(self, name: str, **labels: str) -> float:
        return self.runtime.registry.get_sample_value(name, labels) or 0.0


@dataclass
class Town:
    """The service, its surroundings, and the words of a test."""

    bus: MemoryBus
    clock: FakeClock
    identity: FakeIdentity
    database: MemoryDatabase
    server: FakeMailServer
    offices: list[Office] = field(default_factory=list)

    @property
    def office(self) -> Office:
        return self.offices[0]

    @property
    def desk(self) -> Desk:
        return self.office.desk

    async def open(self, instance: str = "one", *, clock: FakeClock | None = None, **more: Any) -> Office:
        """Start a process of the service over the same store, by the town's clock or one of its own."""
        wanted = settings(self.server.port, instance=instance, **more)
        office = Office(*build_for_tests(wanted, self.database, clock or self.clock, self.bus))
        await self.bus.join(office.runtime)
        assert office.runtime.tables is not None
        for record in self.bus.records:  # a process works once its tables are caught up
            if record.topic in office.runtime.tables.topics:
                await office.runtime.tables.feed(record)
        self.offices.append(office)
        return office

    def browser(self, headers: dict[str, str]) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.office.app)
        return httpx.AsyncClient(transport=transport, base_url="http://notifications", headers=headers)

    @property
    def operator(self) -> dict[str, str]:
        return self.identity.bearer("operator", "operator")

    async def say(self, event: EventModel, subject: str, sequence: int = 1) -> Record:
        """Say an event; `hear` makes it heard."""
        id_ = f"{subject}:{sequence}"
        return await self.bus.say(event.topic, event, key=subject, id_=id_, ce_sequence=str(sequence))

    async def hear(self, event: EventModel, subject: str, sequence: int = 1, times: int = 1) -> None:
        """Say an event and let everything follow from it."""
        for _ in range(times):
            await self.say(event, subject, sequence)
        await self.bus.settle()

    async def later(self, by: timedelta = timedelta(hours=2)) -> None:
        """Let time pass, and what is due happen."""
        self.clock.forward(by)
        await self.bus.settle()

    async def queued(self, event: EventModel, sequence: int = 1) -> str:
        """A message that is queued and not delivered yet; its id."""
        await self.bus.hand(self.office.runtime, await self.say(event, CASE, sequence))
        return derived_id("message", f"{CASE}:{sequence}")

    async def contact(self, person: str, language: Literal["zh", "en"], sequence: int = 1, **more: Any) -> None:
        name = {LI_NA: "李娜", WANG_WEI: "Wang Wei"}[person]
        row = {"person": person, "name": name, "mail": ADDRESSES[person], "language": language} | more
        await self.hear(ContactPublished.model_validate(row), person, sequence)

    async def load_templates(self) -> None:
        async with self.browser(self.operator) as http:
            for row in yaml.safe_load((CITY / "templates.yaml").read_text())["templates"]:
                answer = await http.put(f"/templates/{row.pop('code')}", json=row)
                assert answer.status_code == 200, answer.text


def accepted(person: str = LI_NA, case: str = CASE) -> intake.CaseAccepted:
    return intake.CaseAccepted(
        case=case,
        number="20260302-000001",
        item="residence-permit",
        department="police",
        applicant=person,
        accepted_on=date(2026, 3, 2),
        promised_due=date(2026, 3, 9),
        legal_due=date(2026, 3, 23),
    )


def decided(person: str = LI_NA, outcome: Literal["approved", "refused"] = "approved") -> intake.CaseDecided:
    return intake.CaseDecided(
        case=CASE,
        number="20260302-000001",
        item="residence-permit",
        department="police",
        applicant=person,
        outcome=outcome,
        decided_on=date(2026, 3, 3),
    )


def missing(person: str = LI_NA) -> intake.SupplementRequested:
    return intake.SupplementRequested(
        case=CASE,
        number="20260302-000001",
        item="residence-permit",
        applicant=person,
        missing=[
            intake.MissingMaterial(material="social-insurance", ground="no-grant"),
            intake.MissingMaterial(material="rental-registration", ground="no-answer"),
        ],
    )


async def _publish_city(town: Town) -> None:
    await town.identity.publish(town.bus)
    name = Text(zh="大连市公安局", en="Dalian Public Security Bureau")
    row = OrganisationPublished(code="police", name=name, division="2102", matters=["residence-permit"], resources=[])
    await town.hear(row, "organisation-police")
    for item in yaml.safe_load((CITY / "items.yaml").read_text())["items"]:
        await town.hear(intake.ItemPublished.model_validate(item), f"item-{item['code']}")


@pytest.fixture
async def bare_town(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    """Nobody's address is known, and no template. The processes' even time passes with the town's clock."""
    clock, bus, server = FakeClock(), MemoryBus(), FakeMailServer()
    even = SimpleNamespace(monotonic=lambda: clock.now().timestamp())
    monkeypatch.setattr("shared.store.lease.time", even)
    await server.up()
    town = Town(bus, clock, FakeIdentity(clock), MemoryDatabase(), server)
    await town.open()
    await _publish_city(town)
    yield town
    for office in town.offices:
        await office.desk.post.close()
    await server.down()


@pytest.fixture
async def town(bare_town: Town) -> Town:
    """Li Na reads Chinese, Wang Wei English."""
    await bare_town.load_templates()
    await bare_town.contact(LI_NA, "zh")
    await bare_town.contact(WANG_WEI, "en")
    return bare_town
