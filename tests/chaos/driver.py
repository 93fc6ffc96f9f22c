"""The driver: a careful client that applies for cases at a fixed rate and writes down what it was told.

`python -m tests.chaos.driver` reads its orders as JSON lines on stdin: {"rate": cases a second} sets the rate,
{"intake": addresses} where requests go, in turn; the end of the input stops it. Each application has a key of its own
and is repeated with it until it is acknowledged. Every acknowledgement is on the disk before the driver goes on.
Where the applicant is asked for a material, because its owner was silent while it was dead, the driver gives it.

Lines of its log: {"kind": "try" | "failed" | "acknowledged" | "refused" | "supplied", "at": …, "key": …, "case": …}.
"""

import asyncio
import hashlib
import itertools
import json
import os
import random
import sys
import time
import traceback
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.client import Person
from deploy.local.trouble import Trouble

PDF = b"%PDF-1.7\n% given because the owner was silent\n%%EOF\n"
SHA256 = hashlib.sha256(PDF).hexdigest()
ATTEMPT_SECONDS = 20.0
WIDTH = 200
"""Applications under way at once; when the city is away for long, the others wait their turn."""
TOKEN_SECONDS = 200.0
LOOK_SECONDS = 1.0
SUPPLIED_AT_ONCE = 16
"""A person gives one material at a time; whom intake sends away as overloaded comes again at the next look."""
ASKED = {"department": "police", "state": "supplement"}
AGAIN = frozenset({401, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Orders:
    """What the driver is started with; `store` is where it looks who is asked for a material."""

    log: str
    intake: list[str]
    identity: str
    store: str
    login: str
    password: str
    application: dict[str, Any]


class Driver:
    """Applies, repeats, supplies; one log file."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._file = Path(orders.log).open("ab")  # noqa: SIM115 - open as long as the driver lives
        self._http = httpx.AsyncClient(timeout=ATTEMPT_SECONDS, limits=httpx.Limits(max_connections=WIDTH))
        self._person = Person(orders.identity, orders.login, orders.password)
        self._token, self._token_until, self._signing_in = "", 0.0, asyncio.Lock()
        self._slots, self._supplying = asyncio.Semaphore(WIDTH), asyncio.Semaphore(SUPPLIED_AT_ONCE)
        self._files: dict[str, dict[str, str]] = {}
        self.intake = itertools.cycle(orders.intake)
        self.rate = 0.0

    def note(self, kind: str, *, durable: bool = False, **more: object) -> None:
        """One line into the log; `durable`: on the disk when this returns."""
        self._file.write(json.dumps({"kind": kind, "at": time.time()} | more).encode() + b"\n")
        self._file.flush()
        if durable:
            os.fsync(self._file.fileno())

    # -- applying ----------------------------------------------------------------------------------------

    async def arrivals(self) -> None:
        """Open loop: an application at each intended time, whatever became of those before."""
        due = time.monotonic()
        async with asyncio.TaskGroup() as applications:
            while self.rate >= 0:
                if (rate := self.rate) == 0:
                    due = time.monotonic()
                    await asyncio.sleep(0.05)
                    continue
                await self._slots.acquire()
                applications.create_task(self.apply(str(uuid.uuid4())))
                due += 1 / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def apply(self, key: str) -> None:
        """One application, repeated until it is acknowledged or refused for good."""
        try:
            self.note("try", key=key)
            headers = {"Idempotency-Key": key}
            for attempt in range(1_000_000):
                begun = time.time()
                status, answer = await self._ask("POST", "/cases", json=self._orders.application, headers=headers)
                if status in (200, 201):
                    new = status == 201
                    self.note("acknowledged", durable=True, key=key, case=answer["case"], begun=begun, new=new)
                    return
                if status is not None and status not in AGAIN:
                    self.note("refused", durable=True, key=key, status=status, body=answer)
                    return
                self.note("failed", key=key, status=status, reason=answer, begun=begun)
                await asyncio.sleep(min(2.0, 0.1 * 2**attempt) * random.uniform(0.5, 1.5))
        finally:
            self._slots.release()

    async def _ask(self, method: str, path: str, **sent: Any) -> tuple[int | None, Any]:
        """Status and JSON; no status: nobody knows whether it was done."""
        try:
            headers = sent.pop("headers", {}) | {"Authorization": f"Bearer {await self._access()}"}
            answer = await self._http.request(method, f"{next(self.intake)}{path}", headers=headers, **sent)
            if answer.status_code == 401:
                self._token_until = 0.0
            return answer.status_code, answer.json()
        except (httpx.HTTPError, OSError, ValueError, Trouble) as exc:
            return None, type(exc).__name__

    async def _access(self) -> str:
        async with self._signing_in:
            if time.monotonic() > self._token_until:
                self._token = await asyncio.to_thread(self._person.fetch)
                self._token_until = time.monotonic() + TOKEN_SECONDS
            return self._token

    # -- supplying ---------------------------------------------------------------------------------------

    async def supply(self) -> None:
        """Look again and again who is asked for a material, and give it."""
        with MongoClient[dict[str, Any]](self._orders.store, serverSelectionTimeoutMS=1000, socketTimeoutMS=5000) as s:
            cases = s["tongban_intake"]["cases"]
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                with suppress(PyMongoError):
                    found = await asyncio.to_thread(lambda: list(cases.find(ASKED, {"materials": 1}).limit(500)))
                    await asyncio.gather(*(self._give(document) for document in found))

    async def _give(self, case: Mapping[str, Any]) -> None:
        for material in case["materials"]:
            if material["state"] != "missing" or (given := await self._file_for(material["code"])) is None:
                continue
            async with self._supplying:
                status, _ = await self._ask("POST", f"/cases/{case['_id']}/materials", json=given)
            self.note("supplied", case=case["_id"], material=material["code"], status=status)

    async def _file_for(self, material: str) -> dict[str, str] | None:
        if material not in self._files:
            status, file = await self._ask("POST", "/files", content=PDF, headers={"Content-Type": "application/pdf"})
            if status not in (200, 201):
                return None
            self._files[material] = {"material": material, "file": file["file"], "sha256": SHA256}
        return self._files[material]


async def _run() -> None:
    orders = Orders(**json.loads(sys.stdin.readline()))
    driver = Driver(orders)
    working = [asyncio.create_task(driver.supply()), asyncio.create_task(driver.arrivals())]
    for work in working:
        work.add_done_callback(_unless_told)
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        driver.rate = order.get("rate", driver.rate)
        driver.intake = itertools.cycle(order["intake"]) if "intake" in order else driver.intake
    driver.rate = -1
    for work in working:
        work.cancel()
    await asyncio.gather(*working, return_exceptions=True)


def _unless_told(work: asyncio.Task[None]) -> None:
    """A driver of which a part has ended by itself would be silent for ever: end, and say why."""
    if not work.cancelled() and (error := work.exception()) is not None:
        traceback.print_exception(error)
        os._exit(1)


if __name__ == "__main__":
    asyncio.run(_run())
