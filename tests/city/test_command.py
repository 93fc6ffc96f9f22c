"""The `tongban` command on a running city, and a city that comes back from any accident without leaving anything."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourceType
from confluent_kafka.admin import ResourcePatternType as Pattern

from deploy.kafka.apply import apply, difference
from deploy.local import processes
from deploy.local.city import City
from deploy.local.report import SilentReport
from deploy.local.settings import SERVICES
from deploy.local.status import collect
from deploy.local.trouble import Trouble
from tests.city.platform import private_platform
from tests.city.running import RunningCity, tongban


def test_status_tells_programs_everything(city: RunningCity) -> None:
    done = tongban(city.city.settings.state, "status", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0, found
    assert {one["name"] for one in found["processes"]} == {program.name for program in city.city.programs}
    assert all(one["state"] == "RUNNING" and one["pid"] and one["rss_mb"] for one in found["processes"])
    assert {one["name"]: one["parked"] is not None for one in found["services"]} == dict.fromkeys(SERVICES, True)
    assert found["addresses"] | city.urls == found["addresses"]
    assert {"intake.main", "sharing.main", "police.work"} <= {one["group"] for one in found["lag"]}
    assert all(secret not in done.stdout for secret in city.city.platform.secrets.values())


def test_status_tells_people(city: RunningCity) -> None:
    done = tongban(city.city.settings.state, "status")
    assert done.returncode == 0
    assert all(url in done.stdout for url in city.urls.values())


def test_status_of_a_city_that_does_not_run(tmp_path: Path) -> None:
    done = tongban(tmp_path, "status")
    assert (done.returncode, done.stderr.strip()) == (1, f"✗ The city of {tmp_path} is not running: tongban up")
    assert json.loads(tongban(tmp_path, "status", "--json").stdout)["running"] is False


def test_the_broker_is_as_declared(city: RunningCity) -> None:
    done = tongban(city.city.settings.state, "topics")
    assert done.returncode == 0, done.stdout
    assert "The broker is as declared." in done.stdout


def test_a_slip_in_the_citys_files_hides_and_stops_nothing(
    city: RunningCity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "departments.yaml").write_text("departments:\n  - code: police\n bad: [\n", encoding="utf-8")
    monkeypatch.setattr("deploy.local.city.CITY_FOLDER", tmp_path)
    found = City(city.city.settings)
    assert found.running()
    assert collect(found).running
    with pytest.raises(Trouble, match=r"departments.yaml:3: "):
        found.up(SilentReport())
    assert city.all_running()


def test_a_case_number_is_told_from_something_else(city: RunningCity) -> None:
    done = tongban(city.city.settings.state, "case", "123")
    assert done.returncode == 1
    assert done.stderr.startswith("✗ A case's number has 21 digits, and '123' has not")


def test_logs_of_one_process(city: RunningCity) -> None:
    done = tongban(city.city.settings.state, "logs", "intake", "-n", "3")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 3
    assert tongban(city.city.settings.state, "logs", "portal").returncode == 1


def test_env_of_nobody(city: RunningCity) -> None:
    done = tongban(city.city.settings.state, "env", "--member", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no member 'nobody'" in done.stderr


@pytest.fixture(scope="module")
def own() -> Iterator[City]:
    """A platform that these tests may stop, with nobody else's topics on it."""
    with private_platform("command") as city:
        yield city


def test_a_right_that_was_given_by_hand_is_seen_and_taken_away(own: City) -> None:
    admin, declared = own.platform.broker.admin(), own.declared
    by_hand = AclBinding(
        ResourceType.TOPIC,
        "identity.contacts",
        Pattern.LITERAL,
        "User:market",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    admin.create_acls([by_hand])[by_hand].result(10)
    assert not difference(admin, declared) or difference(admin, declared).rights_undeclared == (by_hand,)
    found = apply(admin, declared, own.platform.secrets)
    assert found.rights_undeclared == (by_hand,)
    assert not difference(admin, declared)


def test_up_again_changes_nothing(own: City) -> None:
    before = {one.name: one.pid for one in own.supervisor.processes()}
    own.up(SilentReport(), only_platform=True)
    assert {one.name: one.pid for one in own.supervisor.processes()} == before


def test_a_city_whose_supervisor_was_killed_comes_back_with_its_data(own: City) -> None:
    state = own.settings.state
    before = {process.environ()[processes.MARK]: process for process in processes.of_city(state)}
    os.kill(before["supervisor"].pid, signal.SIGKILL)
    before["supervisor"].wait(5)
    assert before["kafka"].is_running(), "Java outlives its parent"
    own.up(SilentReport(), only_platform=True)
    psutil.wait_procs(before.values(), timeout=1)
    assert not before["kafka"].is_running()
    assert not difference(own.platform.broker.admin(), own.declared)


def test_down_leaves_nothing_running(own: City) -> None:
    own.down(SilentReport())
    assert list(processes.of_city(own.settings.state)) == []
    own.down(SilentReport())
    with pytest.raises(Trouble, match="is not running"):
        own.require_running()
