"""A whole running city for tests: real processes, real Kafka, real store, and the words to use them."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from deploy.local.city import CITY_FOLDER, City
from deploy.local.client import Network, Person, Program
from deploy.local.supervisor import RUNNING
from deploy.local.trouble import Trouble

T = TypeVar("T")
PDF = b"%PDF-1.7\n% a test's identity card\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n a test's photograph"


def until(probe: Callable[[], T | None], *, within: float = 30.0, what: str = "") -> T:
    """The first truthy result of `probe`; fails with the last one when time is up."""
    deadline = time.monotonic() + within
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = found = probe()
            if found:
                return found
        except (OSError, httpx.HTTPError, AssertionError, Trouble) as exc:
            last = exc
        time.sleep(0.05)
    raise AssertionError(f"{what or 'not'} within {within:.0f} s; last seen: {last!r}")


def tongban(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, about the city of that state folder."""
    command = [str(Path(sys.executable).with_name("tongban")), *arguments]
    environment = os.environ | {"TONGBAN_STATE": str(state)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


class RunningCity:
    """A city that `tongban up` would have started."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.urls = city.settings.urls
        self.people = yaml.safe_load((CITY_FOLDER / "people.yaml").read_text(encoding="utf-8"))["people"]

    # -- who asks ----------------------------------------------------------------------------------------

    def person(self, login: str = "li.na") -> Network:
        """Somebody signed in."""
        password = next(one["password"] for one in self.people if one["login"] == login)
        return Network(self.urls, Person(self.urls["identity"], login, password))

    @cached_property
    def li_na(self) -> Network:
        """Ms Li Na, signed in."""
        return self.person()

    def officer(self, department: str) -> Network:
        """A department's first officer, signed in."""
        officers = yaml.safe_load((CITY_FOLDER / "officers.yaml").read_text(encoding="utf-8"))["officers"]
        officer = next(one for one in officers if one["posts"][0]["organisation"] == department)
        return Network(self.urls, Person(self.urls["identity"], officer["login"], officer["password"]))

    @cached_property
    def operator(self) -> Network:
        """The operator."""
        return Network(self.urls, Program(self.urls["identity"], "operator", self.city.platform.secrets["operator"]))

    # -- cases -------------------------------------------------------------------------------------------

    @cached_property
    def application(self) -> dict[str, Any]:
        """What Ms Li Na applies with; her files are uploaded once."""
        guide = self.operator.get("intake", "/items/residence-permit")
        files = {"identity-card": ("application/pdf", PDF), "photo": ("image/png", PNG)}
        materials = [self.upload(material, *file) for material, file in files.items()]
        return {
            "item": "residence-permit",
            "division": "210204",
            "form": guide["form"]["examples"][0],
            "materials": materials,
        }

    def upload(self, material: str, kind: str = "application/pdf", content: bytes = PDF) -> dict[str, str]:
        """Upload a file for a material; what an application says of it."""
        file = self.li_na.ask("intake", "POST", "/files", content=content, headers={"Content-Type": kind})
        return {"material": material, "file": file["file"], "sha256": hashlib.sha256(content).hexdigest()}

    def apply(self, key: str | None = None) -> dict[str, Any]:
        """Apply until the answer is there: a caller that met a dying service asks again with the same key."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}

        def ask() -> dict[str, Any] | None:
            found: dict[str, Any] = self.li_na.ask("intake", "POST", "/cases", json=self.application, headers=headers)
            return found

        return until(ask, within=60, what="the application is taken")

    def case(self, case: str) -> dict[str, Any]:
        """The case as its applicant sees it."""
        found: dict[str, Any] = self.li_na.get("intake", f"/cases/{case}")
        return found

    def reaches(self, case: str, state: str, within: float = 30.0) -> dict[str, Any]:
        """Wait until the case is in a state."""

        def look() -> dict[str, Any] | None:
            found = self.case(case)
            return found if found["state"] == state else None

        return until(look, within=within, what=f"{case} is {state}")

    def timeline(self, case: str) -> list[str]:
        """The kinds of the case's steps, in order."""
        steps = self.operator.get("intake", f"/cases/{case}/timeline")
        return [step["type"].split(".")[2] for step in steps]

    def messages(self, case: str) -> list[dict[str, Any]]:
        """What notifications says of the case's mails."""
        found: list[dict[str, Any]] = self.operator.get("notifications", "/messages", case=case)["items"]
        return found

    def mails(self) -> list[dict[str, Any]]:
        """All mails in the mailbox."""
        found: list[dict[str, Any]] = httpx.get(f"{self.urls['mailbox']}/api/messages", timeout=10).json()
        return found

    def told(self, case: str, *templates: str, within: float = 30.0) -> list[dict[str, Any]]:
        """Wait until the mails of these templates were handed over."""

        def look() -> list[dict[str, Any]] | None:
            found = self.messages(case)
            return found if {m["template"] for m in found if m["state"] == "sent"} >= set(templates) else None

        return until(look, within=within, what=f"{case} told {templates}")

    # -- processes ---------------------------------------------------------------------------------------

    def pid(self, program: str) -> int:
        """Process id, once the supervisor has it running."""

        def look() -> int | None:
            states = {one.name: one for one in self.city.supervisor.processes()}
            return states[program].pid

        return until(look, what=f"{program} runs")

    def kill(self, program: str) -> None:
        """kill -9; the supervisor starts it again."""
        os.kill(self.pid(program), signal.SIGKILL)

    def all_running(self) -> bool:
        """Whether every process runs and every service is ready."""
        if any(one.state != RUNNING for one in self.city.supervisor.processes()):
            return False
        return all(
            httpx.get(f"{self.urls[name]}/readyz", timeout=5).status_code == 200
            for name in ("identity", "intake", "sharing", "notifications")
        )

    @contextmanager
    def frozen(self, program: str) -> Iterator[None]:
        """The program does nothing inside, and goes on afterwards."""
        pid = self.pid(program)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    # -- the bus -----------------------------------------------------------------------------------------

    def producer(self, member: str) -> Producer:
        """A member's own client, with its credential. It compresses: the broker's limit is on what arrives."""
        client = self.city.platform.broker.client(member, self.city.platform.secrets[member])
        return Producer(client | {"message.max.bytes": 100_000_000, "compression.type": "gzip"})

    def consumer(self, member: str, group: str, *topics: str) -> Consumer:
        """A member's own reader, from the beginning."""
        client = self.city.platform.broker.client(member, self.city.platform.secrets[member])
        consumer = Consumer(client | {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False})
        consumer.subscribe(list(topics))
        return consumer

    def read_all(self, topic: str) -> list[Message]:
        """Everything that is on a topic now."""
        client = self.city.platform.broker.client("admin", self.city.platform.secrets["admin"])
        consumer = Consumer(client | {"group.id": "admin.look", "enable.auto.commit": False})
        found: list[Message] = []
        ends: dict[int | None, int] = {}
        places = []
        try:
            for partition in consumer.list_topics(topic, 10).topics[topic].partitions:
                start, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), 10)
                if start < end:
                    ends[partition] = end
                    places.append(TopicPartition(topic, partition, start))
            consumer.assign(places)  # all at once: what is fetched anew with each assignment takes a second
            while ends and (record := consumer.poll(10)) is not None:
                found.append(record)
                if (record.offset() or 0) + 1 >= ends.get(record.partition(), 0):
                    ends.pop(record.partition(), None)
        finally:
            consumer.close()
        return found

    def say(self, member: str, topic: str, type_: str, data: Any, *, key: str, id_: str, **headers: str) -> None:
        """Write one event as that member."""
        told = {
            "ce_specversion": "1.0",
            "ce_id": id_,
            "ce_source": f"/dalian/{member}",
            "ce_type": type_,
            "ce_subject": key,
            "content-type": "application/json",
        }
        self.write(member, topic, key.encode(), json.dumps(data).encode(), list((told | headers).items()))

    def write(
        self,
        member: str,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, Any]],
        partition: int = -1,
    ) -> None:
        """Write one record as that member, whatever it is; without a partition, where its key belongs."""
        producer, failures = self.producer(member), []
        producer.produce(topic, value, key, partition, headers=headers, on_delivery=lambda e, _: failures.append(e))
        producer.flush(20)
        assert failures == [None], failures
