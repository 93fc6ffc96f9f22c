"""A private city for a bench: its own ports and data, the words to drive it, and its processes by name."""

import asyncio
import json
import os
import random
import shutil
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from functools import cached_property

import httpx

from deploy.local.city import City
from deploy.local.client import Person
from deploy.local.programs import Program
from deploy.local.report import SilentReport
from deploy.local.settings import ROOT, SERVICES, Settings
from tests.bench.load import Target
from tests.bench.mails import Mails
from tests.bench.meter import Meter
from tests.city.running import RunningCity

PORTS = (
    *("identity", "intake", "sharing", "notifications", "mailbox", "smtp"),
    *("kafka", "kafka_controller", "store", "supervisor"),
)
BEHIND_INTAKE = ("sharing", "notifications", "housing", "hrss", "police")
TOKEN_SECONDS = 200.0


def free_ports(*names: str) -> dict[str, int]:
    """Free ports by `<name>_port`, outside the range from which the system takes the near end of connections.

    Inside it, somebody's connection may take the port of a server that stops for a while.
    """
    wanted, found = iter(names), {}
    for port in random.sample(range(20_000, 32_000), 2000):
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            if (name := next(wanted, None)) is None:
                break
            found[f"{name}_port"] = port
    return found


def private_settings(purpose: str) -> Settings:
    """Settings of a city that nobody else has: state in a folder of this process, broker and store embedded."""
    state = ROOT / ".tongban" / f"bench-{purpose}-{os.getpid()}"
    own = {"state": state, "cache": Settings().cache_folder, "mongo_uri": None, "kafka_bootstrap": None}
    return Settings.model_validate(own | free_ports(*PORTS))


class _OpenGates(City):
    """A city that refuses nothing. How much it can do at most is asked here; what it does when more comes, in B7."""

    @cached_property
    def programs(self) -> list[Program]:
        gates = {"TONGBAN_HTTP_IN_PROGRESS": "10000", "TONGBAN_HTTP_BEHIND_SECONDS": "3600"}
        return [
            replace(program, environment={**program.environment, **gates}) if program.name in SERVICES else program
            for program in super().programs
        ]


@contextmanager
def private_city(purpose: str, *, only_platform: bool = False, open_gates: bool = False) -> Iterator[City]:
    """The city runs inside and is gone afterwards, unless TONGBAN_KEEP is set to look at its logs."""
    city = (_OpenGates if open_gates else City)(private_settings(purpose))
    try:
        city.up(SilentReport(), only_platform=only_platform)
        yield city
    finally:
        city.down(SilentReport())
        if "TONGBAN_KEEP" not in os.environ:
            shutil.rmtree(city.settings.state, ignore_errors=True)


class BenchCity(RunningCity):
    """A whole city with Ms Li Na signed in and her files uploaded."""

    def target(self) -> Target:
        """Where her application goes, with a token that is good for some minutes more."""
        return Target(self.urls["intake"], self.li_na_token(), json.dumps(self.application, ensure_ascii=False))

    def li_na_token(self) -> str:
        """A fresh access token of hers, as her own application would get it."""
        password = next(one["password"] for one in self.people if one["login"] == "li.na")
        return Person(self.urls["identity"], "li.na", password).fetch()

    # -- processes ---------------------------------------------------------------------------------------

    def pids(self) -> dict[str, int]:
        """Process ids by program, of those that run."""
        return {one.name: one.pid for one in self.city.supervisor.processes() if one.pid is not None}

    def meter(self, **more: int) -> Meter:
        """Measures all processes of the city, and `more` by name, from now on."""
        return Meter(self.pids() | more)

    def is_ready(self, service: str) -> bool:
        """Whether a service answers, and says that it can work."""
        try:
            return httpx.get(f"{self.urls[service]}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self, names: Sequence[str] = BEHIND_INTAKE) -> None:
        """Stop programs for good: what intake says is kept by the broker, and nobody handles it."""
        self.city.supervisor.stop(*names)

    def new_mails(self) -> Mails:
        """The mails that come from now on."""
        return Mails(self.city.settings.state / "mail")


@asynccontextmanager
async def bench_city(purpose: str, *, open_gates: bool = False) -> AsyncIterator[BenchCity]:
    """A whole private city; starting and stopping it blocks, so it happens beside the loop."""
    held = private_city(purpose, open_gates=open_gates)
    city = await asyncio.to_thread(held.__enter__)
    try:
        yield BenchCity(city)
    finally:
        await asyncio.to_thread(held.__exit__, None, None, None)
