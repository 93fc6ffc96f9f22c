"""docker-compose.yml gives the network the same topics, principals, rights and settings as the embedded default."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.images.passwords import wanted
from deploy.kafka.apply import Broker
from deploy.kafka.declared import Declared, departments, load
from deploy.local import kafka
from deploy.local.programs import Platform, Program, of_city
from deploy.local.settings import ROOT, SERVICES, Settings
from deploy.local.store import Store
from deploy.setup import CITY_FOLDER, samples

FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text(encoding="utf-8")
COMPOSE: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
OURS = sorted(name for name, service in COMPOSE.items() if service["image"] == "tongban")


@pytest.fixture(scope="module")
def declared() -> Declared:
    return load(departments(CITY_FOLDER))


@pytest.fixture(scope="module")
def embedded(declared: Declared) -> dict[str, Program]:
    """The programs of `tongban up`, by name; nothing is started."""
    secrets = dict.fromkeys([*declared.members, "operator", "key-passphrase", "lookup-key"], "secret")
    settings = Settings.model_construct(state=Path("/state"))  # the defaults, whatever the environment says
    store = Store("mongod-8.0", "mongodb://127.0.0.1:27017", "mongod")
    platform = Platform(settings, Broker("127.0.0.1:9092", "secret"), store, secrets)
    return {program.name: program for program in of_city(platform)}


def environment(name: str) -> dict[str, str]:
    found: dict[str, str] = COMPOSE[name].get("environment", {})
    return found


def test_it_is_a_compose_file() -> None:
    checker = str(Path(sys.executable).with_name("check-jsonschema"))
    line = [checker, "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_same_programs_run(embedded: dict[str, Program]) -> None:
    assert set(COMPOSE) - {"setup"} == set(embedded)
    for name in (*SERVICES, "mailbox"):
        assert COMPOSE[name]["command"][1:] == list(embedded[name].command[1:])
    for name in samples():
        assert (ROOT / COMPOSE[name]["command"][1]).samefile(embedded[name].command[1])


@pytest.mark.parametrize("name", [*SERVICES, *samples()])
def test_a_member_is_told_the_same_settings(name: str, embedded: dict[str, Program]) -> None:
    assert environment(name).keys() == embedded[name].environment.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_what_does_not_depend_on_the_place_is_equal(name: str, embedded: dict[str, Program]) -> None:
    placed = {"HTTP_HOST", "KAFKA_BOOTSTRAP", "KAFKA_PASSWORD", "MONGO_URI", "FILES_URL", "SMTP_HOST"}
    placed |= {"KEY_PASSPHRASE", "OPERATOR_SECRET", "MASTER_KEY_FILE", "LOOKUP_KEY"}
    same = environment(name).keys() - {f"TONGBAN_{key}" for key in placed}
    assert {key: environment(name)[key] for key in same} == {key: embedded[name].environment[key] for key in same}


def test_each_member_has_its_own_principal_and_password() -> None:
    for name in (*SERVICES, *samples()):
        assert environment(name)["TONGBAN_KAFKA_USERNAME"] == name
        assert environment(name)["TONGBAN_KAFKA_PASSWORD"].startswith(f"${{TONGBAN_SECRET_{name.upper()}:?")
    for name in SERVICES:
        user = f"mongodb://{name}:${{TONGBAN_SECRET_STORE_{name.upper()}:?"
        assert environment(name)["TONGBAN_MONGO_URI"].startswith(user)


def test_setup_makes_every_declared_principal(declared: Declared) -> None:
    given = {key for key in environment("setup") if key.startswith("TONGBAN_SECRET_")}
    assert given == {f"TONGBAN_SECRET_{member.upper()}" for member in declared.members}
    assert COMPOSE["setup"]["command"] == ["python", "-m", "deploy.setup"], "topics and rights from the same file"
    for service in SERVICES:
        port = environment(service)["TONGBAN_HTTP_PORT"]
        assert environment("setup")[f"TONGBAN_{service.upper()}_URL"] == f"http://{service}:{port}"


def test_the_broker_has_the_same_configuration(embedded: dict[str, Program]) -> None:
    mounted = {line.split(":")[0]: line.split(":")[1] for line in COMPOSE["kafka"]["volumes"]}
    assert (ROOT / "deploy/kafka/server.properties").samefile(embedded["kafka"].command[-1])
    assert mounted["./deploy/kafka/server.properties"] in COMPOSE["kafka"]["command"][0]
    left_open = {key for key in environment("kafka") if key.startswith("BROKER_")} - {"BROKER_CLUSTER"}
    assert left_open == embedded["kafka"].environment.keys()
    assert COMPOSE["kafka"]["image"] == f"apache/kafka:{kafka.VERSION}"
    assert f"<version>{kafka.VERSION}</version>" in (ROOT / "deploy/local/pom.xml").read_text(encoding="utf-8")


def test_the_store_is_a_replica_set_with_users() -> None:
    assert COMPOSE["store"]["image"] == "mongo:8"
    assert "--replSet" in COMPOSE["store"]["command"][0]
    assert "--keyFile" in COMPOSE["store"]["command"][0]
    users = (ROOT / "deploy/images/store-users.js").read_text(encoding="utf-8")
    assert all(f'"{service}"' in users for service in SERVICES)


def test_nothing_listens_beyond_this_machine() -> None:
    published = [port for service in COMPOSE.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_do_little(name: str) -> None:
    service = COMPOSE[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert "user" not in service, "the image's own user"


def test_every_password_can_be_made() -> None:
    ours = ("ADMIN", "STORE", "OPERATOR", "KEY_PASSPHRASE", "LOOKUP_KEY")
    assert {f"TONGBAN_SECRET_{name}" for name in ours} <= set(wanted(TEXT))
    assert "TONGBAN_SECRET_POLICE" in wanted(TEXT)


def test_the_image_runs_as_nobody_and_says_how_it_is() -> None:
    lines = (ROOT / "deploy/images/Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    assert any("--require-hashes" in line for line in lines)


def test_the_image_has_what_was_tested_and_nothing_of_this_machine() -> None:
    image, everything = (_pins(name) for name in ("requirements-image.lock", "requirements.lock"))
    assert image <= everything, "the versions that the tests run with"
    names = {pin.split("==")[0] for pin in image}
    assert names.isdisjoint({"secantusdb", "supervisor", "setuptools", "psutil", "typer", "pytest", "mypy", "ruff"})


def test_the_image_has_nothing_that_is_for_tests_alone() -> None:
    kept_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert kept_out[0] == "*", "what is not named does not come in: no .git, no tests, no passwords"
    assert "shared/testing" in kept_out[kept_out.index("!shared") :]
    ours = (path for folder in ("services", "shared", "deploy") for path in (ROOT / folder).rglob("*.py"))
    users = [path for path in ours if "shared.testing" in path.read_text(encoding="utf-8")]
    assert all(path.is_relative_to(ROOT / "shared/testing") for path in users), users


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-image.lock"])
def test_every_package_is_pinned_by_its_hash_and_comes_from_one_index(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 20
    for entry in entries:
        assert re.match(r"[a-z0-9][\w.-]*==[\w.+!]+( ;[^\n]*)? \\\n", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry
    assert not re.search(r"index-url|find-links|git\+|https?://|^-", text, re.MULTILINE)


def _pins(name: str) -> set[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {line.split()[0] for line in lines if line[:1].isalnum()}
