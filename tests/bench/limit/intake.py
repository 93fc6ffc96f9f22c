"""The limit's intake: bare ASGI, cases in batches of whatever came meanwhile."""

import asyncio
import hashlib
import json
import os
import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jwt
import uvicorn
from pymongo import IndexModel
from pymongo.errors import BulkWriteError

from tests.bench.limit import wire
from tests.bench.limit.cases import Days, accepted, checked_form, decided, new_case, view
from tests.bench.limit.publishing import Publisher
from tests.bench.limit.reading import Heard, consume, table

TYPES = ("tongban.sharing.answer-delivered.v1", "tongban.department.case-decided.v1")
CITY_TIME = timezone(timedelta(hours=8))
NUMBERS = 1000
INDEXES = (
    IndexModel([("_id", 1), ("v", 1)]),
    IndexModel([("pending", 1)], partialFilterExpression={"pending": {"$gt": 0}}),
    IndexModel([("wake_at", 1)], partialFilterExpression={"wake_at": {"$gt": datetime(1970, 1, 1, tzinfo=UTC)}}),
    IndexModel([("forget_at", 1)], partialFilterExpression={"forget_at": {"$gt": datetime(1970, 1, 1, tzinfo=UTC)}}),
    IndexModel([("number", 1)], unique=True),
    IndexModel([("applicant", 1), ("sort_key", -1)]),
    IndexModel([("department", 1), ("state", 1), ("places", 1), ("sort_key", -1)]),
)
DIGEST = re.compile(r"[0-9a-f]{64}")


class Refused(Exception):
    """The application cannot be taken."""


class Intake:
    """One process of it."""

    def __init__(self) -> None:
        self._db = wire.database("intake")
        self._files = Path(os.environ["LIMIT_FILES"])
        self._publisher = Publisher("intake")
        self._callers: dict[bytes, tuple[str, float]] = {}
        self._wanted: asyncio.Queue[tuple[str, str, str, dict[str, Any], asyncio.Future[Any]]] = asyncio.Queue()
        self._numbers = range(0)
        self._day = date.min
        self._tasks: list[asyncio.Task[None]] = []
        self._keys: dict[str, dict[str, Any]] = {}
        self._items: dict[str, dict[str, Any]] = {}
        self._divisions: set[str] = set()
        self._days = Days([], [])

    async def start(self) -> None:
        """Learn what is needed, then read and publish."""
        self._keys = {row["kid"]: row for row in (await table("identity.keys")).values()}
        self._items = {row["code"]: row for row in (await table("intake.items")).values()}
        rows = await table("identity.organisations")
        self._divisions = {row["code"] for key, row in rows.items() if key.startswith("division-")}
        calendar = await self._db.calendars.find_one() or {}
        self._days = Days(calendar.get("holidays", ()), calendar.get("workdays", ()))
        await self._db.cases.create_indexes(list(INDEXES))
        topics = ["sharing.to.intake", *(f"{department}.out" for department in wire.DEPARTMENTS)]
        for work in (
            self._publisher.run(self._db.cases),
            self._take_in(),
            consume("limit.intake", topics, TYPES, self._hear),
        ):
            self._tasks.append(asyncio.create_task(work))

    # -- HTTP --------------------------------------------------------------------------------------------

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        try:
            status, answer = await self._answer(scope, dict(scope["headers"]), body)
        except (Refused, jwt.PyJWTError, KeyError, ValueError) as exc:
            status, answer = 422, {"code": "invalid", "detail": type(exc).__name__}
        content = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": content})

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Any, head: dict[bytes, bytes], body: bytes) -> tuple[int, Any]:
        if scope["path"] == "/healthz":
            broken = [task for task in self._tasks if task.done()]
            return (500, {"status": "broken"}) if broken else (200, {"status": "ok"})
        caller = self._caller(head[b"authorization"])
        if scope["path"] == "/files":
            return 201, await self._keep_file(caller, head[b"content-type"].decode(), body)
        id_ = wire.derived("case", caller, head[b"idempotency-key"].decode())
        application = json.loads(body)
        digest = hashlib.sha256(json.dumps(application, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._wanted.put_nowait((id_, digest, caller, application, done))
        case, new = await done
        return (201 if new else 200), view(case)

    def _caller(self, authorization: bytes) -> str:
        digest, now = hashlib.sha256(authorization).digest(), datetime.now(UTC).timestamp()
        if (known := self._callers.get(digest)) is None or known[1] < now:
            token = authorization.decode().removeprefix("Bearer ")
            key = jwt.PyJWK(dict(self._keys[jwt.get_unverified_header(token)["kid"]]), "ES256")
            claims = jwt.decode(token, key, algorithms=["ES256"], audience="tongban")
            if claims["kind"] != "person":
                raise Refused
            known = self._callers[digest] = claims["sub"], claims["exp"]
        return known[0]

    async def _keep_file(self, owner: str, kind: str, body: bytes) -> Any:
        sha256 = hashlib.sha256(body).hexdigest()
        (self._files / sha256).write_bytes(body)
        document: wire.Document = {"_id": wire.derived("file", owner, sha256), "owner": owner, "sha256": sha256}
        document |= {"size": len(body), "media_type": kind}
        await self._db.files.replace_one({"_id": document["_id"]}, document, upsert=True)
        return {"file": document["_id"], "sha256": sha256}

    # -- taking cases in ---------------------------------------------------------------------------------

    async def _take_in(self) -> None:
        """Everything that came while the batch before was written makes the next batch."""
        while True:
            batch = [await self._wanted.get()]
            while not self._wanted.empty() and len(batch) < 500:
                batch.append(self._wanted.get_nowait())
            try:
                await self._insert(batch)
            except Exception as exc:  # noqa: BLE001 - the callers are told, and the next batch goes on
                for *_, done in batch:
                    if not done.done():
                        done.set_exception(exc)

    async def _insert(self, batch: list[tuple[str, str, str, dict[str, Any], asyncio.Future[Any]]]) -> None:
        ids = {given["file"] for _, _, _, application, _ in batch for given in application["materials"]}
        files = {file["_id"]: file async for file in self._db.files.find({"_id": {"$in": list(ids)}})}
        await self._reserve(len(batch), datetime.now(UTC))
        cases = {}
        for id_, digest, caller, application, done in batch:
            try:
                cases[id_] = self._case(id_, digest, caller, application, files), done
            except (Refused, KeyError, ValueError, TypeError):
                done.set_exception(Refused())
        there: set[str] = set()
        if cases:
            try:
                await self._db.cases.insert_many([case for case, _ in cases.values()], ordered=False)
            except BulkWriteError as exc:
                faults = exc.details["writeErrors"]
                if any(fault["code"] != 11000 for fault in faults):
                    raise
                there = {fault["op"]["_id"] for fault in faults}
        for id_, (case, done) in cases.items():
            if id_ in there:
                await self._same(id_, case["body_sha256"], done)
                continue
            self._publisher.written(self._db.cases, id_, case["seq"], list(case["journal"].values()))
            done.set_result((case, True))

    async def _same(self, id_: str, digest: str, done: asyncio.Future[Any]) -> None:
        found = await self._db.cases.find_one({"_id": id_})
        if found["body_sha256"] == digest:
            done.set_result((found, False))
        else:
            done.set_exception(Refused())

    def _case(
        self, id_: str, digest: str, caller: str, application: dict[str, Any], files: dict[str, Any]
    ) -> wire.Document:
        guide = self._items[application["item"]]
        checked_form(application["form"])
        if application["division"] not in self._divisions:
            raise Refused
        for given in application["materials"]:
            file = files[given["file"]]
            bytes_ = (self._files / file["sha256"]).read_bytes()
            if file["owner"] != caller or not file["sha256"] == given["sha256"] == hashlib.sha256(bytes_).hexdigest():
                raise Refused
        number = self._number(application["division"])
        return new_case(id_, caller, application, digest, guide, files, number, self._days)

    def _number(self, division: str) -> str:
        body = f"{division[:6]:0<6}{self._day:%Y%m%d}{self._numbers[0]:06d}"
        self._numbers, product = self._numbers[1:], 10
        for digit in body:
            product = ((product + int(digit)) % 10 or 10) * 2 % 11
        return body + str((11 - product) % 10)

    async def _reserve(self, count: int, now: datetime) -> None:
        """Case numbers for a batch, in blocks."""
        if self._day != (day := now.astimezone(CITY_TIME).date()):
            self._day, self._numbers = day, range(0)
        while len(self._numbers) < count:
            counter = {"_id": f"cases-{day}"}
            await self._db.counters.update_one(counter, {"$inc": {"next": NUMBERS}}, upsert=True)
            end = (await self._db.counters.find_one(counter))["next"]
            self._numbers = range(end - NUMBERS, end)

    # -- hearing answers and decisions -------------------------------------------------------------------

    async def _hear(self, events: list[Heard]) -> None:
        """Apply a batch; where somebody else was quicker with a document, again."""
        while events:
            by_case: dict[str, list[Heard]] = {}
            for event in events:
                by_case.setdefault(event.data["case"], []).append(event)
            found = self._db.cases.find({"_id": {"$in": list(by_case)}}, {"journal": 0})
            written = [self._apply(case, by_case[case["_id"]]) async for case in found]
            changes = [(case, update) for case, update in written if update is not None]
            if not changes:
                return
            if await self._publisher.change(self._db.cases, changes):
                return  # else once more: what was applied is heard, and is skipped then

    def _apply(self, case: wire.Document, events: list[Heard]) -> tuple[wire.Document, wire.Document | None]:
        state: wire.Document = {}
        entries: list[wire.Document] = []
        heard: dict[str, int] = {}
        seen: list[str] = []
        for event in events:
            topic, now = event.topic.removeprefix(wire.PREFIX), datetime.now(UTC)
            if event.sequence is None:
                if f"{topic}/{event.id}" in case["seen"]:
                    continue
                seen.append(f"{topic}/{event.id}")
                decided(case, state, entries, event, now)
            else:
                if case["heard"].get(event.source, 0) >= event.sequence:
                    continue
                heard[event.source] = event.sequence
                accepted(case, state, entries, event, self._days, now)
        update = wire.changed(case, state, entries, heard, seen) if heard or seen else None
        return case, update


if __name__ == "__main__":
    uvicorn.run(Intake(), host="127.0.0.1", port=int(os.environ["LIMIT_PORT"]), log_level="warning", access_log=False)
