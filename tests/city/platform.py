"""A broker and a store for the tests of the kernel, of their own: these tests stop and kill them."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from deploy.local.city import City
from deploy.local.report import SilentReport
from deploy.local.settings import ROOT, Settings
from shared.settings import ServiceSettings
from shared.store.mongo import MongoDatabase
from tests.city.conftest import free_ports
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

    def producer(self, **config: Any) -> Producer:
        """A client that is not ours."""
        return Producer(self.city.platform.broker.client() | config)

    def settings(self, instance: str = "one") -> ServiceSettings:
        broker = self.city.platform.broker
        return office_settings(
            self.service,
            instance=f"127.0.0.1:{instance}",
            kafka_bootstrap=broker.bootstrap,
            kafka_username="admin",
            kafka_password=broker.password,
            mongo_uri=self.city.platform.store.uri,
            mongo_database=self.service,
        )

    def database(self) -> MongoDatabase:
        return MongoDatabase(self.city.platform.store.uri, self.service)

    def office(self, instance: str = "one", *, reading: tuple[str, ...] = ()) -> Office:
        """A service in this process, not yet running."""
        return Office(self.settings(instance), self.database(), reading)

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
            for name, value in settings.model_dump().items()
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


@pytest.fixture(scope="module")
def platform() -> Iterator[City]:
    """Kafka and the store as processes, which can be killed: started for one module and stopped after it."""
    state = ROOT / ".tongban" / f"test-kernel-{os.getpid()}"
    settings = {"state": state, "cache": Settings().cache_folder, "mongo_uri": None, "kafka_bootstrap": None}
    city = City(Settings.model_validate(settings | free_ports(*PORTS)))
    try:
        city.up(SilentReport(), only_platform=True)
        yield city
    finally:
        city.down(SilentReport())
        shutil.rmtree(state)


@pytest.fixture
def ground(platform: City) -> Ground:
    return Ground(platform)
