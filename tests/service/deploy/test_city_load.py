"""The sample city goes into the four real services, in process, over a bus on which facts need their time."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from deploy.city import load as loading
from deploy.city.files import FILES
from deploy.city.load import PUBLISHED, Summary, load
from deploy.city.reading import CityError
from services.identity import app as identity
from services.identity.settings import IdentitySettings
from services.intake import app as intake
from services.intake.settings import IntakeSettings
from services.notifications import app as notifications
from services.notifications.settings import NotificationsSettings
from services.sharing import app as sharing
from services.sharing.settings import SharingSettings
from shared.contracts.intake import ItemPublished
from shared.contracts.sharing import GrantGiven
from shared.store.memory import MemoryDatabase
from shared.testing import FakeClock, MemoryBus

SAMPLE = Path(__file__).parents[3] / "deploy" / "city"
SECRET = "operator-secret-of-tests"
SERVICES = ("identity", "intake", "sharing", "notifications")
ADDRESSES = {name: f"http://{name}" for name in SERVICES}


def settings(files: Path) -> dict[str, Any]:
    return {
        "http_port": 8101,
        "issuer": "http://127.0.0.1:8101",
        "kafka_bootstrap": "127.0.0.1:1",
        "kafka_username": "-",
        "kafka_password": "-",
        "mongo_uri": "mongodb://127.0.0.1:1",
        "key_passphrase": "a passphrase for tests",
        "lookup_key": "a lookup key for tests, long enough",
        "operator_secret": SECRET,
        "master_key_file": files / "master.keys",
        "files_url": f"file://{files}",
        "smtp_host": "127.0.0.1",
        "smtp_port": 1,
        "mail_from": "no-reply@example.org",
    }


@dataclass
class Network(httpx.AsyncBaseTransport):
    """The road to the services. Facts travel only after somebody was refused, as if Kafka were slow."""

    bus: MemoryBus
    apps: dict[str, httpx.AsyncBaseTransport] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    away: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if self.away and request.url.host == "sharing":
            self.away -= 1
            raise httpx.ConnectError("refused")
        answer = await self.apps[request.url.host].handle_async_request(request)
        if answer.is_client_error:
            self.refusals.append(request.url.path)
            await self.bus.settle()
        return answer


@pytest.fixture
def issuer(request: pytest.FixtureRequest) -> str:
    """Where people reach identity."""
    return str(getattr(request, "param", "http://127.0.0.1:8101"))


@pytest.fixture
async def network(tmp_path: Path, issuer: str) -> Network:
    clock, bus = FakeClock(), MemoryBus()
    network, values = Network(bus), settings(tmp_path) | {"issuer": issuer}
    made: list[tuple[str, Any, FastAPI]] = []
    for name, module, kind in (
        ("identity", identity, IdentitySettings),
        ("intake", intake, IntakeSettings),
        ("sharing", sharing, SharingSettings),
        ("notifications", notifications, NotificationsSettings),
    ):
        wanted = kind.model_validate({field: value for field, value in values.items() if field in kind.model_fields})
        app, runtime, _ = module.build_for_tests(wanted, MemoryDatabase(), clock, bus)
        made.append((name, runtime, app))
        network.apps[name] = httpx.ASGITransport(app)
    for _, runtime, _app in made:
        await bus.join(runtime)
    return network


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(loading, "GRACE_SECONDS", 0.1)


async def loaded(network: Network, folder: Path = SAMPLE) -> Summary:
    return await load(ADDRESSES, SECRET, folder, transport=network)


def copied(tmp_path: Path, **changes: tuple[str, str]) -> Path:
    folder = tmp_path / "city"
    folder.mkdir()
    for name in FILES:
        text = (SAMPLE / name).read_text(encoding="utf-8")
        for old, new in [change for changed, change in changes.items() if f"{changed}.yaml" == name]:
            assert old in text
            text = text.replace(old, new, 1)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


async def test_the_sample_city_is_taken_by_all_services(network: Network) -> None:
    summary = await loaded(network)
    told = {kind: sum(found.values()) for kind, found in summary.counts.items()}
    assert told == {
        "divisions": 13,
        "organisations": 6,
        "people": 2,
        "officers": 7,
        "clients": 7,
        "rules": 1,
        "calendar": 1,
        "items": 3,
        "resources": 8,
        "grants": 7,
        "templates": 8,
    }
    await network.bus.settle()
    assert len(network.bus.said(ItemPublished)) == 3
    assert len(network.bus.said(GrantGiven)) == 7
    # Each service was first asked before it knew the operator's key or the departments, and asked again.
    assert {"/rules", "/templates/case-accepted"} & set(network.refusals)


async def test_the_same_files_again_change_nothing(network: Network) -> None:
    await loaded(network)
    await network.bus.settle()
    before = len(network.bus.records)
    summary = await loaded(network)
    await network.bus.settle()
    assert {how for found in summary.counts.values() for how in found} == {"unchanged"}
    assert len(network.bus.records) == before


async def test_what_was_created_and_what_changed_is_told(network: Network, tmp_path: Path) -> None:
    first = await loaded(network)
    assert first.counts["items"] == {"created": 3}
    assert first.counts["templates"] == {"created": 8}
    folder = copied(tmp_path, items=("promised_days: 5", "promised_days: 4"))
    second = await loaded(network, folder)
    assert second.counts["items"] == {"changed": 1, "unchanged": 2}
    assert "items: 1 changed, 2 unchanged" in str(second)


async def test_a_service_that_is_not_there_yet_is_waited_for(network: Network) -> None:
    network.away = 3
    summary = await loaded(network)
    assert sum(summary.counts["resources"].values()) == 8


async def test_files_with_faults_send_nothing(network: Network, tmp_path: Path) -> None:
    folder = copied(tmp_path, people=("language: zh", "language: fr"))
    with pytest.raises(CityError):
        await loaded(network, folder)
    assert network.asked == []


@pytest.mark.parametrize("issuer", ["https://identity.example.org"], indirect=True)
async def test_where_others_come_in_nobody_has_a_password_that_everybody_can_read(network: Network) -> None:
    with pytest.raises(CityError, match="people/person-li-na") as caught:
        await loaded(network)
    assert "clients/police-system" in str(caught.value)
    assert "li-na-demo" not in str(caught.value)
    assert not [asked for asked in network.asked if asked.startswith("PUT")]


def test_what_the_sample_city_s_secrets_end_in_shows_that_they_are_public() -> None:
    for name in FILES:
        text = (SAMPLE / name).read_text(encoding="utf-8")
        for secret in re.findall(r"\b(?:password|secret): ([\w-]+)", text):
            assert secret.endswith(PUBLISHED), name


async def test_refusals_are_collected(network: Network, tmp_path: Path) -> None:
    folder = copied(
        tmp_path,
        clients=("secret: police-system-demo", "secret: short"),
        items=("type: object", "type: array"),
        templates=("{{ promised_due }}", "{{ promised }}"),
    )
    with pytest.raises(CityError) as raised:
        await loaded(network, folder)
    told = "\n".join(raised.value.faults)
    assert "identity /clients/police-system: 422" in told
    assert "intake /items/residence-permit: 422" in told
    assert "notifications /templates/case-accepted: 422" in told
    assert "/body/zh: promised is not known to case-accepted" in told
    assert "PUT /templates/case-decided" in network.asked


async def test_a_wrong_secret_is_told_at_once(network: Network) -> None:
    with pytest.raises(CityError, match="gives the operator no token: 401"):
        await load(ADDRESSES, "another-secret-of-tests", SAMPLE, transport=network)


async def test_a_service_that_stays_away_is_told(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "WAIT_SECONDS", 0.0)
    network.away = 1000
    await network.bus.settle()
    with pytest.raises(CityError, match=r"sharing /resources/hrss.social-insurance: does not answer \(ConnectError\)"):
        await loaded(network)
