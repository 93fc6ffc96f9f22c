"""Starting the limit pipeline beside a running city: its own topics, databases and processes, the same platform."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from confluent_kafka.admin import NewTopic
from pymongo import MongoClient

from deploy.kafka.declared import ADMIN
from deploy.local.processes import MARK
from deploy.local.programs import kafka_environment
from deploy.local.settings import ROOT
from shared.testing.waiting import eventually
from tests.bench.city import BenchCity, free_ports
from tests.bench.limit import wire
from tests.bench.load import Target
from tests.bench.meter import Meter
from tests.city.running import PDF, PNG

PROGRAMS = {
    "limit-intake": ("tests.bench.limit.intake",),
    "limit-sharing": ("tests.bench.limit.sharing",),
    "limit-notifications": ("tests.bench.limit.notifications",),
    "limit-housing": ("tests.bench.limit.departments", "housing"),
    "limit-hrss": ("tests.bench.limit.departments", "hrss"),
    "limit-police": ("tests.bench.limit.departments", "police"),
}
COPIED = {"sharing": ("grants", "resources"), "notifications": ("templates", "contacts"), "intake": ("calendars",)}
SENDER = "no-reply@tongban.example"


class Limit:
    """The limit pipeline of a city, with the files of Ms Li Na uploaded to it."""

    def __init__(self, city: BenchCity, url: str, processes: dict[str, subprocess.Popen[bytes]]) -> None:
        self._city, self.url, self._processes = city, url, processes
        self._body = ""

    def pids(self) -> dict[str, int]:
        """Process ids by program."""
        return {name: process.pid for name, process in self._processes.items()}

    def meter(self) -> Meter:
        """Measures its processes and the platform's from now on."""
        shared = {name: pid for name, pid in self._city.pids().items() if name in ("kafka", "store", "mailbox")}
        return Meter(self.pids() | shared)

    def target(self) -> Target:
        """Where an application goes, with a token that is good for some minutes more."""
        return Target(self.url, self._city.li_na_token(), self._body)

    def stop(self, *names: str) -> None:
        """End programs of it."""
        for name in names:
            process = self._processes.pop(name)
            process.terminate()
            process.wait(10)

    async def upload(self) -> None:
        """Upload the files once; the application is the city's own but for the files' ids."""
        application = dict(self._city.application)
        token = self.target().token
        materials = []
        async with httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {token}"}) as http:
            for material, kind, content in (
                ("identity-card", "application/pdf", PDF),
                ("photo", "image/png", PNG),
            ):
                answer = await http.post("/files", content=content, headers={"Content-Type": kind})
                materials.append({"material": material, **answer.json()})
        application["materials"] = materials
        self._body = json.dumps(application, ensure_ascii=False)


@asynccontextmanager
async def limit_pipeline(city: BenchCity, *, without: tuple[str, ...] = ()) -> AsyncIterator[Limit]:
    """The pipeline runs inside. `without`: programs that are not started."""
    await asyncio.to_thread(_make_topics, city)
    await asyncio.to_thread(_copy_reference_data, city)
    port = free_ports("limit")["limit_port"]
    with _running(city, port, without) as processes:
        limit = Limit(city, f"http://127.0.0.1:{port}", processes)
        async with httpx.AsyncClient() as http:

            async def answers() -> bool:
                try:
                    return (await http.get(f"{limit.url}/healthz")).is_success
                except httpx.HTTPError:
                    return False

            await eventually(answers, within=30)
        await limit.upload()
        yield limit
        if broken := [name for name, process in processes.items() if process.poll() is not None]:
            raise RuntimeError(f"{', '.join(broken)} ended by itself: {city.city.settings.state / 'log'}")


def _make_topics(city: BenchCity) -> None:
    admin = city.city.platform.broker.admin()
    there = set(admin.list_topics(timeout=10).topics)
    new = [NewTopic(wire.PREFIX + topic, 4, 1) for topic in wire.TOPICS if wire.PREFIX + topic not in there]
    for made in admin.create_topics(new).values() if new else ():
        made.result(15)


def _copy_reference_data(city: BenchCity) -> None:
    with MongoClient[dict[str, Any]](city.city.platform.store.uri) as client:
        for service, names in COPIED.items():
            for name in names:
                rows = list(client[f"tongban_{service}"][name].find())
                if not rows:
                    raise RuntimeError(f"tongban_{service}.{name} is empty")
                client[f"limit_{service}"][name].delete_many({})
                client[f"limit_{service}"][name].insert_many(rows)


@contextmanager
def _running(city: BenchCity, port: int, without: tuple[str, ...]) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    settings, platform = city.city.settings, city.city.platform
    files = settings.state / "limit-files"
    files.mkdir(exist_ok=True)
    environment = os.environ | kafka_environment(platform.broker, ADMIN, platform.secrets[ADMIN])
    environment |= {"TONGBAN_MONGO_URI": platform.store.uri, "TONGBAN_STATE": str(settings.state)}
    environment |= {"LIMIT_PORT": str(port), "LIMIT_FILES": str(files), "LIMIT_MAIL_FROM": SENDER}
    environment |= {"LIMIT_SMTP_PORT": str(settings.smtp_port)}
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, (module, *arguments) in PROGRAMS.items():
            if name in without:
                continue
            legacy = settings.state / "legacy" / f"{name.removeprefix('limit-')}.db"
            with (settings.state / "log" / f"{name}.log").open("wb") as log:
                processes[name] = subprocess.Popen(
                    [sys.executable, "-m", module, *arguments],
                    cwd=ROOT,
                    env=environment | {MARK: name, "TONGBAN_LEGACY": str(legacy)},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
        yield processes
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
