"""The embedded city as a whole: started, found running, and stopped. The command line and the tests both use this."""

import asyncio
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import httpx
from pydantic import SecretStr

from deploy.city.files import CityError
from deploy.city.load import Summary, load
from deploy.kafka import apply as broker_state
from deploy.kafka.apply import Broker
from deploy.kafka.declared import ADMIN, DeclarationError, Declared, departments
from deploy.kafka.declared import load as load_declared
from deploy.local import kafka, processes, programs, store
from deploy.local import secrets as secret_file
from deploy.local.programs import Platform, Program
from deploy.local.report import Report
from deploy.local.settings import HOST, SERVICES, Settings, make_folder
from deploy.local.settings import load as load_settings
from deploy.local.supervisor import RUNNING, Supervisor, states_by_name
from deploy.local.trouble import Trouble
from deploy.setup import CITY_FOLDER, make_legacy

__all__ = ["CITY_FOLDER", "City"]

RECORD = "city.json"
"""Written by `up`, removed by `down`: with which settings this state folder's city runs."""
FOLDERS = ("log", "tmp", "mail", "files", "legacy")
OWN_SECRETS = (ADMIN, "supervisor", "operator", "key-passphrase", "lookup-key")
START_S = 60.0
STOP_S = 60.0


class City:
    """One city, by its settings. Making this object starts nothing."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @classmethod
    def here(cls) -> "City":
        """The city of this environment: with the settings it runs with, else with those it would be started with."""
        asked = load_settings()
        record = asked.state / RECORD
        if not record.exists():
            return cls(asked)
        return cls(Settings(**json.loads(record.read_text(encoding="utf-8"))))

    # -- what it is made of ------------------------------------------------------------------------------

    @cached_property
    def declared(self) -> Declared:
        try:
            return load_declared(departments(CITY_FOLDER))
        except DeclarationError as error:
            raise Trouble(*error.faults) from error

    @cached_property
    def platform(self) -> Platform:
        settings, secrets = self.settings, self._secrets()
        broker = Broker(f"{HOST}:{settings.kafka_port}", secrets[ADMIN])
        if settings.kafka_bootstrap and settings.kafka_admin_password:
            broker = Broker(settings.kafka_bootstrap, settings.kafka_admin_password.get_secret_value())
        return Platform(settings, broker, store.choose(settings), secrets)

    @cached_property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.settings, self._secrets()["supervisor"])

    def _secrets(self, members: Sequence[str] = ()) -> Mapping[str, str]:
        """Ours, those of `members`, and those of all members so far. A city that runs is found, operated and stopped
        with them alone: a slip in its files must not stand in the way."""
        return secret_file.ensure(make_folder(self.settings.state), [*OWN_SECRETS, *members])

    @cached_property
    def programs(self) -> list[Program]:
        return programs.of_city(self.platform)

    def running(self) -> bool:
        return (self.settings.state / RECORD).exists() and self.supervisor.alive()

    def require_running(self) -> None:
        if not self.running():
            raise Trouble(f"The city of {self.settings.state} is not running: tongban up")

    def outside_environment(self, member: str | None = None) -> dict[str, str]:
        """What a client needs, from outside: addresses, and a member's credential. Raises Trouble: no such member."""
        address = programs.kafka_address(self.platform.broker)
        if member is not None:
            if member not in self.declared.members:
                raise Trouble(f"There is no member {member!r}: one of {', '.join(self.declared.members)}")
            address = programs.kafka_environment(self.platform.broker, member, self.platform.secrets[member])
        return address | {f"TONGBAN_{name.upper()}_URL": self.settings.urls[name] for name in SERVICES}

    # -- start and stop ----------------------------------------------------------------------------------

    def up(self, report: Report, *, only_platform: bool = False) -> Summary | None:
        """Start what is not running, make the broker as declared, load the sample city. Safe to repeat.

        Returns what loading the city says (None with only_platform). Raises Trouble.
        """
        with self._alone():
            self._secrets(self.declared.members)
            if not self.running():
                self._start(report, without=SERVICES if only_platform else ())
            elif not (self.settings.outside_broker or kafka.is_formatted(self._broker_data)):
                self._make_broker_anew(report)
            self._wait_for_platform(report)
            with report.step("Topics, principals and rights are as declared"):
                broker_state.apply(self.platform.broker.admin(), self.declared, self.platform.secrets)
            if only_platform:
                return None
            self.supervisor.run("services")
            self.supervisor.run("departments")
            self._wait_for_members(report)
            return self._load(report)

    def down(self, report: Report) -> None:
        """Stop everything and see that nothing is left. Raises Trouble when something is."""
        with self._alone():
            if self.running():
                with report.step("The city has stopped"):
                    self.supervisor.shut_down()
                    self._until(lambda: not any(processes.of_city(self.settings.state)), STOP_S)
            self._end_leftovers(report)
            (self.settings.state / RECORD).unlink(missing_ok=True)

    def _start(self, report: Report, without: Sequence[str]) -> None:
        self._end_leftovers(report)
        for folder in FOLDERS:
            make_folder(self.settings.state / folder)
        if not self.settings.outside_broker:
            kafka.java()
        processes.check_ports({name: port for name, port in self._own_ports().items() if name not in without})
        if not self.settings.outside_broker:
            self._prepare_broker(report)
        if self.platform.store.program:
            make_folder(self.platform.data / "store")
        make_legacy(self.settings.state / "legacy")
        self._record()
        with report.step(f"Supervisor started, logs in {self.settings.state / 'log'}"):
            self.supervisor.start(self.programs, self.platform.secrets["supervisor"])

    def _make_broker_anew(self, report: Report) -> None:
        """Its data are lost. The members stop first: what they hold for the old one must not come before the rest.

        Started again they see that it is another broker, and publish their journals again from the beginning.
        """
        with report.step("The broker has lost its data: members stopped, a new one made"):
            members = [program.name for program in self.programs if program.group != "platform"]
            self.supervisor.stop(*members, "kafka")
            self._prepare_broker(report)
            self.supervisor.start_again("kafka")

    @property
    def _broker_data(self) -> Path:
        return self.platform.data / "kafka"

    def _prepare_broker(self, report: Report) -> None:
        if not kafka.jars(self.settings).exists():
            with report.step(f"Kafka {kafka.VERSION} fetched with Maven (once, about half a minute)"):
                kafka.install(self.settings)
        data = make_folder(self._broker_data)
        kafka.format_once(self.settings, data, self.platform.broker.password)

    def _own_ports(self) -> dict[str, int]:
        outside = {"kafka", "kafka_controller"} if self.settings.outside_broker else set()
        outside |= set() if self.platform.store.program else {"store"}
        return {name: port for name, port in self.settings.ports.items() if name not in outside}

    def _wait_for_platform(self, report: Report) -> None:
        with report.step(f"Document store answers ({self.platform.store.name})"):
            if not store.wait(self.platform.store, START_S):
                raise self._silent("store", "The document store does not answer")
        with report.step(f"Kafka {kafka.VERSION} answers on {self.platform.broker.bootstrap}"):
            if not kafka.wait(self.platform.broker, START_S):
                raise self._silent("kafka", "Kafka does not answer")

    def _silent(self, program: str, what: str) -> Trouble:
        log = self.settings.state / "log" / f"{program}.log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        said = f" It last said: {lines[-1][:200]}" if lines else ""
        return Trouble(f"{what} after {START_S:.0f} s: tongban logs {program}.{said}")

    def _wait_for_members(self, report: Report) -> None:
        for service in SERVICES:
            with report.step(f"{service} is ready on {self.settings.urls[service]}"):
                last = ["no answer"]
                if not self._until(lambda: self._ready(service, last), START_S):  # noqa: B023 - used at once
                    raise self._silent(service, f"{service} is not ready ({last[0]})")
        with report.step("Mailbox and departments are running"):
            wanted = {program.name for program in self.programs if program.group != "services"}
            if not self._until(lambda: not (wanted - self._running_now()), START_S):
                missing = sorted(wanted - self._running_now())
                raise Trouble(*(f"{name} does not stay up: tongban logs {name}" for name in missing))

    def _ready(self, service: str, last: list[str]) -> bool:
        try:
            answer = httpx.get(f"{self.settings.urls[service]}/readyz", timeout=2.0)
        except httpx.HTTPError as error:
            last[0] = str(error)
            return False
        last[0] = answer.text[:300]
        return answer.status_code == httpx.codes.OK

    def _running_now(self) -> set[str]:
        return {name for name, one in states_by_name(self.supervisor.processes()).items() if one.state == RUNNING}

    def _load(self, report: Report) -> Summary:
        with report.step("The sample city is loaded"):
            try:
                return asyncio.run(load(self.settings.urls, self.platform.secrets["operator"], CITY_FOLDER))
            except CityError as error:
                raise Trouble(*error.faults) from error

    def _end_leftovers(self, report: Report) -> None:
        """Java and others outlive a supervisor that was killed; nothing may start beside them."""
        left = list(processes.of_city(self.settings.state))
        if not left:
            return
        with report.step(f"{len(left)} processes left from before are gone"):
            alive = processes.end(left)
        if alive:
            raise Trouble(*(f"process {process.pid} ({process.name()}) cannot be ended" for process in alive))

    def _record(self) -> None:
        values = self.settings.model_dump(mode="json")
        for name, value in self.settings:
            if isinstance(value, SecretStr):
                values[name] = value.get_secret_value()
        path = self.settings.state / RECORD
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(values, file, indent=2)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One `up` or `down` at a time on a state folder."""
        with (make_folder(self.settings.state) / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Trouble("Another `tongban up` or `down` is at work: wait for it") from None
            yield

    @staticmethod
    def _until(probe: Callable[[], bool], deadline_s: float) -> bool:
        until = time.monotonic() + deadline_s
        while not probe():
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True
