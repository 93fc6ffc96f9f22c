"""A small service of its own for the tests of the kernel on the real broker: it writes and reads petitions.

`python -m tests.city.office` runs one as a process, to be killed: settings as every service, `OFFICE_TOPICS`.
"""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from shared import logging
from shared.clock import SystemClock
from shared.messaging.envelope import Event
from shared.messaging.table import Table
from shared.runtime import Runtime
from shared.settings import ServiceSettings
from shared.store.collection import Database, Unavailable
from shared.store.mongo import MongoDatabase
from tests.petitions import OfficeListed, Petition, PetitionAnswered, PetitionFiled


class Office:
    """Files petitions to an office, and writes down what it hears about petitions, and how often."""

    def __init__(self, settings: ServiceSettings, database: Database, topics: Sequence[str]) -> None:
        self.runtime = Runtime(settings, database, SystemClock())
        self.instance = settings.instance
        self.petitions = self.runtime.repository("petitions", Petition)
        self.effects = self.runtime.collection("effects")
        self.slow: dict[str, float] = {}
        self.busy = False
        self.away = False
        self.offices: Table[OfficeListed] | None = None
        if topics:
            self.runtime.read(lambda: topics, {PetitionFiled: self.hear, PetitionAnswered: self.hear})

    def list_offices(self, topic: str) -> Table[OfficeListed]:
        """Follow a table of offices on this topic."""
        model: Any = type("OfficeListed", (OfficeListed,), {"topic": topic})
        self.offices = self.runtime.table(model, lambda office: office.code)
        return self.offices

    async def file(self, office: str, *ids: str, answers: int = 0) -> None:
        """File petitions, each with some answers."""
        for id_ in ids:
            petition = Petition.file(id_, datetime.now(UTC), office=office)
            for n in range(answers):
                petition.answer(f"{n}", datetime.now(UTC))
            await self.petitions.add(petition)

    async def hear(self, event: Event[Any]) -> None:
        """Write down that the event was handled: who, when, and the how manieth time."""
        if self.away:
            raise Unavailable("something it needs is away")
        if pause := self.slow.get(event.subject):
            self.busy = True
            await asyncio.sleep(pause)
        heard = {"subject": event.subject, "sequence": event.sequence, "by": self.instance, "at": time.time()}
        await self.effects.update({"_id": event.id}, {"$set": heard, "$inc": {"times": 1}}, upsert=True)


def office_settings(service: str, **values: Any) -> ServiceSettings:
    """Settings of a service of any name, so that each test has its own groups."""
    cls: type[ServiceSettings] = type("OfficeSettings", (ServiceSettings,), {"service": service})
    return cls.model_validate({"http_port": 8100, "issuer": "http://127.0.0.1:8101"} | values)


async def _run() -> None:
    names = {name.removeprefix("TONGBAN_").lower(): value for name, value in os.environ.items()}
    settings = office_settings(
        os.environ["OFFICE_SERVICE"],
        **{name: names[name] for name in names.keys() & ServiceSettings.model_fields.keys()},
    )
    database = MongoDatabase(settings.mongo_uri.get_secret_value(), settings.mongo_database)
    office = Office(settings, database, os.environ["OFFICE_TOPICS"].split())
    if "OFFICE_TABLE" in os.environ:
        office.list_offices(os.environ["OFFICE_TABLE"])
    office.runtime.wire()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with office.runtime.running():
        await ended.wait()


if __name__ == "__main__":
    logging.configure("office")
    asyncio.run(_run())
