"""A private city that may be harmed: on ports and data of its own, and gone without a trace at the end."""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property

import httpx
import psutil
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from deploy.local.city import City
from deploy.local.client import Program as Caller
from deploy.local.programs import Program, full_environment, outer_environment
from deploy.local.report import Report, SilentReport
from deploy.local.settings import ROOT, Settings
from tests.city.running import RunningCity, until

SERVICES = ("identity", "intake", "sharing", "notifications")
DEPARTMENTS = ("hrss", "housing", "police")
MEMBERS = (*SERVICES, *DEPARTMENTS)
MAIL_LEASE_S = 10.0
"""Shorter than a city's usual minute, so that somebody takes over while the holder is frozen."""


@dataclass
class Harm:
    """What was done to whom, and when a new process of that name began; times are seconds since 1970.

    `what`: kill -9, SIGTERM, freeze … `back_at` of a freeze: when it was thawed.
    """

    what: str
    victim: str
    at: float
    pid: int
    back_at: float | None = None
    effect_at: float | None = None
    """When the first new effect was seen."""

    @property
    def is_kill(self) -> bool:
        return self.what == "kill -9"


@dataclass(frozen=True)
class Replica:
    """One more process of a service, that the supervisor knows nothing of."""

    process: subprocess.Popen[bytes]
    url: str


class ChaosCity(RunningCity):
    """A running city, with the words to harm its programs. Every harm is written down in `harms`."""

    def __init__(self, city: City) -> None:
        super().__init__(city)
        self.harms: list[Harm] = []
        self._frozen: set[int] = set()
        self._cleaners = ExitStack()

    @property
    def bootstrap(self) -> dict[str, object]:
        """Settings of a confluent-kafka client of the super user."""
        return dict(self.city.platform.broker.client())

    # -- processes ---------------------------------------------------------------------------------------

    def kill(self, program: str) -> None:
        """kill -9; the supervisor starts it again. See `hit`."""
        self.hit(program)

    def hit(self, program: str, number: signal.Signals = signal.SIGKILL) -> Harm:
        """Send a signal to the program's process as it is now."""
        pid = self.pid(program)
        what = "kill -9" if number is signal.SIGKILL else number.name
        harm = Harm(what, program, time.time(), pid)
        os.kill(pid, number)
        self.harms.append(harm)
        return harm

    def look(self) -> None:
        """Note for each harmed program when its next process began."""
        waiting = [harm for harm in self.harms if harm.back_at is None]
        if not waiting:
            return
        pids = {one.name: one.pid for one in self.city.supervisor.processes()}
        for harm in waiting:
            pid = pids.get(harm.victim)
            if pid is not None and pid != harm.pid:
                harm.back_at = time.time()  # not the time of its making: the system tells that by a second or so

    def returned(self, harm: Harm, within: float = 60.0) -> float:
        """Wait for the next process of the harmed program; when it began."""

        def seen() -> float | None:
            self.look()
            return harm.back_at

        return until(seen, within=within, what=f"{harm.victim} is started again")

    def gone(self, pid: int, within: float = 30.0) -> float:
        """Wait until the process has ended; seconds it took from now on."""
        began = time.monotonic()
        until(lambda: not _lives(pid), within=within, what=f"process {pid} has ended")
        return time.monotonic() - began

    @contextmanager
    def frozen(self, program: str) -> Iterator[None]:
        """The program does nothing inside, and goes on afterwards."""
        harm = self.freeze(program)
        try:
            yield
        finally:
            self.thaw(harm)

    def freeze(self, program: str) -> Harm:
        """SIGSTOP: it does nothing, and its connections stay open."""
        harm = Harm("freeze", program, time.time(), self.pid(program))
        os.kill(harm.pid, signal.SIGSTOP)
        self._frozen.add(harm.pid)
        self.harms.append(harm)
        return harm

    def thaw(self, harm: Harm) -> None:
        """SIGCONT: it goes on as if nothing had been."""
        with suppress(ProcessLookupError):
            os.kill(harm.pid, signal.SIGCONT)
        self._frozen.discard(harm.pid)
        harm.back_at = time.time()
        harm.what = f"freeze {harm.back_at - harm.at:.0f} s"

    def program(self, name: str) -> Program:
        """How the city starts it."""
        return next(program for program in self.city.programs if program.name == name)

    @contextmanager
    def replica(self, service: str, number: int = 2, **changed: str) -> Iterator["Replica"]:
        """One more process of a service, with an instance name and a port of its own, once it is ready.

        `changed`: further environment variables. Its log is `<service>-<number>.log`.
        """
        (port,) = free_ports("http").values()
        name = f"{service}-{number}"
        own = {"TONGBAN_INSTANCE": name, "TONGBAN_HTTP_PORT": str(port)}
        process = self._spawn(service, name, own | changed)
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: self.answers(url), within=60, what=f"{name} is ready")
            yield Replica(process, url)
        finally:
            end(process)

    @contextmanager
    def stand_in(self, service: str, **changed: str) -> Iterator[subprocess.Popen[bytes]]:
        """In the place of the supervised process one of the same name and port, with further environment variables.

        It may not be ready yet. Its log is `<service>-stand-in.log`.
        """
        with self.stopped(service), self.in_place(service, **changed) as process:
            yield process

    @contextmanager
    def in_place(self, service: str, **changed: str) -> Iterator[subprocess.Popen[bytes]]:
        """The same, where the supervised process is stopped already."""
        process = self._spawn(service, f"{service}-stand-in", changed)
        try:
            yield process
        finally:
            end(process)

    def _spawn(self, service: str, name: str, changed: Mapping[str, str]) -> subprocess.Popen[bytes]:
        program, state = self.program(service), self.city.settings.state
        environment = full_environment(
            replace(program, name=name, environment={**program.environment, **changed}), state
        )
        with (state / "log" / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                program.command,
                cwd=ROOT,
                env=outer_environment() | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    # -- whether it works --------------------------------------------------------------------------------

    @staticmethod
    def answers(url: str) -> bool:
        """Whether a service at this address is ready."""
        return httpx.get(f"{url}/readyz", timeout=3).status_code == 200

    def operator_token(self, within: float = 60.0) -> None:
        """Wait until identity gives a token."""
        caller = Caller(self.urls["identity"], "operator", self.city.platform.secrets["operator"])
        until(caller.fetch, within=within, what="identity gives a token")

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """SIGTERM, waited for; it stays away inside and is started again after."""
        self.city.supervisor.stop(name)
        try:
            yield
        finally:
            self.city.supervisor.start_again(name)

    def whole(self, within: float = 90.0) -> None:
        """Wait until every process runs and every service is ready."""
        until(self.all_running, within=within, what="everything is back")
        self.look()

    def stamp_on_arrival(self) -> None:
        """Let the broker write down when a record arrived instead of when it was made: recovery is measured by it."""
        entry = ConfigEntry("log.message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET)
        broker = ConfigResource(ResourceType.BROKER, "1", incremental_configs=[entry])
        admin = self.city.platform.broker.admin()  # kept while it works: its futures end with it
        admin.incremental_alter_configs([broker])[broker].result(15)

    def end(self) -> None:
        """Thaw what is frozen, so that it can be stopped."""
        for pid in list(self._frozen):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


class _ShortLeases(City):
    """A city whose mails are held for MAIL_LEASE_S."""

    @cached_property
    def programs(self) -> list[Program]:
        lease = {"TONGBAN_MAIL_LEASE_SECONDS": str(MAIL_LEASE_S)}
        return [
            replace(program, environment={**program.environment, **lease})
            if program.name == "notifications"
            else program
            for program in super().programs
        ]


@contextmanager
def private_city(report: Report | None = None) -> Iterator[ChaosCity]:
    """A city of one's own; nothing of it is left afterwards, unless TONGBAN_KEEP is set to look at its logs."""
    state = ROOT / ".tongban" / f"chaos-{os.getpid()}"
    own = {"state": state, "cache": Settings().cache_folder, "mongo_uri": None, "kafka_bootstrap": None}
    names = [f"{name.removesuffix('_port')}" for name in Settings.model_fields if name.endswith("_port")]
    city = _ShortLeases(
        Settings.model_validate(own | {f"{name}_port": port for name, port in free_ports(*names).items()})
    )
    running = ChaosCity(city)
    try:
        city.up(report or SilentReport())
        running.stamp_on_arrival()
        yield running
    finally:
        running.end()
        city.down(SilentReport())
        if "TONGBAN_KEEP" not in os.environ:
            shutil.rmtree(state)


def free_ports(*names: str) -> dict[str, int]:
    """Free ports outside the range from which the system takes the near end of connections.

    Inside it, somebody's connection may take the port of a program that was killed, and it never comes back.
    """
    left, found = list(names), {}
    for port in random.sample(range(20_000, 32_000), 1000):
        if not left:
            break
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            found[left.pop(0)] = port
    return found


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def end(process: subprocess.Popen[bytes]) -> None:
    """TERM, then KILL; a frozen one is woken first."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGCONT)
        process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
