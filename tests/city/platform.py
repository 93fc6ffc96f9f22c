"""A broker and a store for the tests of the kernel, of their own: these tests stop and kill them."""

import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from deploy.kafka.declared import ADMIN
from deploy.local.city import City
from deploy.local.report import SilentReport
from deploy.local.settings import ROOT, Settings
from shared.settings import ServiceSettings
from shared.store.mongo import MongoDatabase
from tests.city.office import Office, office_settings

PORTS = ("kafka", "kafka_controller", "store", "mailbox", "smtp", "supervisor")


@dataclass
class Ground:
    """What one test stands on: topics, groups and a database of its own on the real broker and store."""

    city: City
    service: str = field(default_factory=lambda: f"k{uuid4().hex[:10]}")

    def topic(self, stream: str = "petitions", *, partitions: int = 4, config: Mapping[str, str] | None = None) -> str:
        """Make a topic `<service>.<stream>`; its name."""
        name = f"{self.service}.{stream}"
        new = NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {}))
        admin = self.city.platform.broker.admin()  # kept while it works: its futures end with it
        admin.create_topics([new])[name].result(15)
        return name

    def allow(self, member: str, topic: str) -> None:
        """From now on the member may read the topic."""
        right = AclBinding(*_reading(member, topic))
        admin = self.city.platform.broker.admin()
        admin.create_acls([right])[right].result(15)

    def forbid(self, member: str, topic: str) -> None:
        """From now on it may not."""
        rights = AclBindingFilter(*_reading(member, topic))
        admin = self.city.platform.broker.admin()
        admin.delete_acls([rights])[rights].result(15)

    def producer(self, **config: Any) -> Producer:
        """A client that is not ours."""
        return Producer(self.city.platform.broker.client() | config)

    def settings(self, instance: str = "one", *, member: str = ADMIN, **more: Any) -> ServiceSettings:
        """Settings of a service that is the super user, or with a member's own groups and rights."""
        broker = self.city.platform.broker
        return office_settings(
            self.service if member == ADMIN else member,
            instance=f"127.0.0.1:{instance}",
            kafka_bootstrap=broker.bootstrap,
            kafka_username=member,
            kafka_password=self.city.platform.secrets[member],
            mongo_uri=self.city.platform.store.uri,
            mongo_database=self.service,
            **more,
        )

    def database(self, suffix: str = "") -> MongoDatabase:
        return MongoDatabase(self.city.platform.store.uri, self.service + suffix)

    def office(self, instance: str = "one", *, reading: tuple[str, ...] = (), **more: Any) -> Office:
        """A service in this process, not yet running. `more`: further settings."""
        return Office(self.settings(instance, **more), self.database(), reading)

    @asynccontextmanager
    async def running(self, *offices: Office) -> AsyncIterator[None]:
        """The services run inside, and their lanes have their partitions."""
        runs = [office.runtime.running() for office in offices]
        for office, run in zip(offices, runs, strict=True):
            office.runtime.wire()
            await run.__aenter__()
        try:
            yield
        finally:
            await asyncio.gather(*(run.__aexit__(None, None, None) for run in runs))

    def process(self, instance: str, *topics: str, **more: str) -> subprocess.Popen[bytes]:
        """A service as a process of its own; the caller ends it."""
        settings = self.settings(instance)
        environment = {
            f"TONGBAN_{name.upper()}": str(getattr(value, "get_secret_value", lambda v=value: v)())
            for name, value in settings.model_dump(exclude_none=True).items()
        }
        environment |= {"OFFICE_SERVICE": self.service, "OFFICE_TOPICS": " ".join(topics)} | more
        return subprocess.Popen(
            [sys.executable, "-m", "tests.city.office"], cwd=ROOT, env=os.environ | environment, start_new_session=True
        )

    # -- trouble -----------------------------------------------------------------------------------------

    def pid(self, program: str) -> int:
        """Process id of `kafka` or `store`, once the supervisor has it running."""
        until = time.monotonic() + 15
        while time.monotonic() < until:
            for process in self.city.supervisor.processes():
                if process.name == program and process.pid is not None:
                    return process.pid
            time.sleep(0.05)
        raise AssertionError(f"{program} is not running")

    def kill(self, program: str) -> None:
        """kill -9; the supervisor starts it again."""
        os.kill(self.pid(program), signal.SIGKILL)

    @asynccontextmanager
    async def frozen(self, program: str) -> AsyncIterator[None]:
        """The program answers nobody inside, and goes on afterwards."""
        pid = self.pid(program)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


def _reading(member: str, topic: str) -> tuple[Any, ...]:
    where = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL)
    return *where, f"User:{member}", "*", AclOperation.READ, AclPermissionType.ALLOW


def _ports() -> dict[str, int]:
    """Free ports outside the range from which the system takes the near end of connections.

    Inside it, somebody's connection may take the port of a broker that was killed, and it never comes back.
    """
    names, found = iter(PORTS), {}
    for port in random.sample(range(20_000, 32_000), 1000):
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            if (name := next(names, None)) is None:
                break
            found[f"{name}_port"] = port
    return found


@contextmanager
def private_platform(name: str) -> Iterator[City]:
    """Kafka and the store as processes, which can be killed, and nothing else of a city."""
    state = ROOT / ".tongban" / f"test-{name}-{os.getpid()}"
    settings = {"state": state, "cache": Settings().cache_folder, "mongo_uri": None, "kafka_bootstrap": None}
    city = City(Settings.model_validate(settings | _ports()))
    try:
        city.up(SilentReport(), only_platform=True)
        yield city
    finally:
        city.down(SilentReport())
        if "TONGBAN_KEEP" not in os.environ:
            shutil.rmtree(state)


@pytest.fixture(scope="package")
def platform() -> Iterator[City]:
    """One for all tests of the kernel: each leaves it running."""
    with private_platform("kernel") as city:
        yield city


@pytest.fixture
def ground(platform: City) -> Ground:
    return Ground(platform)
