"""The limit's notifications: messages claimed as they are made, mails over kept connections, outcomes in batches."""

import asyncio
import base64
import os
import secrets
from datetime import UTC, date, datetime, timedelta
from email.header import Header
from email.utils import format_datetime
from typing import Any

import uvloop
from jinja2 import Environment, Template
from pymongo import IndexModel
from pymongo.errors import BulkWriteError

from tests.bench.limit import wire
from tests.bench.limit.publishing import Publisher
from tests.bench.limit.reading import Heard, consume, table

CODES = {"tongban.intake.case-accepted.v1": "case-accepted", "tongban.intake.case-decided.v1": "case-decided"}
FACTS = ("number", "item", "department", "accepted_on", "promised_due", "legal_due", "outcome", "decided_on")
LINES = 4
LEASE = timedelta(seconds=60)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INDEXES = (
    IndexModel([("_id", 1), ("v", 1)]),
    IndexModel([("pending", 1)], partialFilterExpression={"pending": {"$gt": 0}}),
    IndexModel([("wake_at", 1)], partialFilterExpression={"wake_at": {"$gt": EPOCH}}),
    IndexModel([("case", 1), ("queued_at", -1)]),
    IndexModel([("person", 1), ("queued_at", -1)]),
    IndexModel([("holder", 1)]),
)


class Line:
    """One kept SMTP connection."""

    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    async def open(self) -> None:
        """Connect and greet."""
        port = int(os.environ["LIMIT_SMTP_PORT"])
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        await self._answer(b"220")
        await self._say(b"EHLO limit", b"250")

    async def hand_over(self, sender: str, recipient: str, mail: bytes) -> None:
        """One mail; returns when the server has taken it."""
        await self._say(b"MAIL FROM:<%s>" % sender.encode(), b"250")
        await self._say(b"RCPT TO:<%s>" % recipient.encode(), b"250")
        await self._say(b"DATA", b"354")
        await self._say(mail + b"\r\n.", b"250")

    async def _say(self, words: bytes, wanted: bytes) -> None:
        self._writer.write(words + b"\r\n")
        await self._answer(wanted)

    async def _answer(self, wanted: bytes) -> None:
        while True:
            line = await self._reader.readline()
            if not line.startswith(wanted):
                raise ConnectionError(line[:80])
            if line[3:4] == b" ":
                return


class Notifications:
    """One process of it."""

    def __init__(self) -> None:
        self._db = wire.database("notifications")
        self._publisher = Publisher("notifications")
        self._items: dict[str, dict[str, Any]] = {}
        self._organisations: dict[str, dict[str, Any]] = {}
        self._templates: dict[tuple[str, str], tuple[Template, Template]] = {}
        self._letters: asyncio.Queue[tuple[wire.Document, str, bytes]] = asyncio.Queue()
        self._ended: asyncio.Queue[wire.Document] = asyncio.Queue()

    async def run(self) -> None:
        """Read, send and publish until cancelled."""
        self._items = {row["code"]: row for row in (await table("intake.items")).values()}
        rows = await table("identity.organisations")
        self._organisations = {row["code"]: row for key, row in rows.items() if not key.startswith("division-")}
        letters = Environment(trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - plain text
        async for one in self._db.templates.find({}, {"journal": 0}):
            for language in ("zh", "en"):
                texts = letters.from_string(one["subject"][language]), letters.from_string(one["body"][language])
                self._templates[one["_id"], language] = texts
        await self._db.messages.create_indexes(list(INDEXES))
        await asyncio.gather(
            self._publisher.run(self._db.messages),
            consume("limit.notifications", ["intake.events"], tuple(CODES), self._tell),
            *(self._send() for _ in range(LINES)),
            self._note(),
        )

    async def _tell(self, events: list[Heard]) -> None:
        """Make the messages, each claimed by us already; then they are written and handed over."""
        new = [self._message(event) for event in events]
        there: set[str] = set()
        try:
            await self._db.messages.insert_many(new, ordered=False)
        except BulkWriteError as exc:
            if any(fault["code"] != 11000 for fault in exc.details["writeErrors"]):
                raise
            there = {fault["op"]["_id"] for fault in exc.details["writeErrors"]}
        people = list({message["person"] for message in new})
        contacts = {one["_id"]: one async for one in self._db.contacts.find({"_id": {"$in": people}})}
        for message, event in zip(new, events, strict=True):
            message["trace"] = event.trace  # for its own event; the document has none
            if message["_id"] not in there:
                contact = contacts[message["person"]]
                self._letters.put_nowait((message, contact["mail"], self._letter(message, contact)))

    def _message(self, event: Heard) -> wire.Document:
        now, id_ = datetime.now(UTC), wire.derived("message", event.id)
        facts = {name: event.data.get(name) for name in FACTS}
        facts |= {"missing": [], "deemed": event.data.get("deemed", False)}
        facts |= dict.fromkeys(("code", "until", "role", "last_day", "ended", "credential", "change"))
        state = {"case": event.data["case"], "person": event.data["applicant"], "template": CODES[event.type]}
        state |= {"to": None}
        state |= {"facts": facts, "state": "sending", "queued_at": now, "since": now, "sent_at": None, "tries": 1}
        state |= {"waits": 0, "attempts": 1, "repeats": 0, "unknown": True, "ground": None, "holder": "limit-1"}
        state |= {"fence": secrets.token_hex(13), "wake_at": now + LEASE}
        return wire.born(id_, state, [], {event.source: event.sequence})

    def _letter(self, message: wire.Document, contact: dict[str, Any]) -> bytes:
        language, facts = contact["language"], message["facts"]
        guide = self._items[facts["item"]]
        values = {name: _dated(facts[name], language) for name in FACTS[3:6]} | {"outcome": facts["outcome"]}
        values |= {"decided_on": _dated(facts["decided_on"], language), "number": facts["number"]}
        values |= {"name": contact["name"], "item": guide["name"][language]}
        values["department"] = self._organisations[guide["department"]]["name"][language]
        subject, body = (text.render(values) for text in self._templates[message["template"], language])
        sender = os.environ["LIMIT_MAIL_FROM"]
        coded = base64.encodebytes((body.strip() + "\n").encode()).replace(b"\n", b"\r\n")
        head = (
            f"From: Tongban <{sender}>\r\nTo: {Header(contact['name'], 'utf-8').encode()} <{contact['mail']}>\r\n"
            f"Subject: {Header(' '.join(subject.split()), 'utf-8').encode(linesep=chr(13) + chr(10))}\r\n"
            f"Date: {format_datetime(message['queued_at'])}\r\n"
            f"Message-ID: <{message['_id']}@{sender.partition('@')[2]}>\r\nAuto-Submitted: auto-generated\r\n"
            f'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: base64\r\n'
            f"MIME-Version: 1.0\r\nContent-Language: {'en' if language == 'en' else 'zh-CN'}\r\n\r\n"
        )
        return head.encode() + coded.rstrip()

    async def _send(self) -> None:
        line, sender = Line(), os.environ["LIMIT_MAIL_FROM"]
        await line.open()
        while True:
            message, recipient, letter = await self._letters.get()
            await line.hand_over(sender, recipient, letter)
            self._ended.put_nowait(message)

    async def _note(self) -> None:
        """Write down in batches what the mail server took."""
        while True:
            batch = [await self._ended.get()]
            while not self._ended.empty():
                batch.append(self._ended.get_nowait())
            changes, now = [], datetime.now(UTC)
            for message in batch:
                told = {name: message[name] for name in ("person", "template", "case", "attempts", "repeats")}
                told |= {"message": message["_id"], "channel": "mail"}
                sent = "tongban.notifications.message-sent.v1"
                entries = [wire.entry(sent, "notifications.events", told, now, message["trace"])]
                state = {"state": "sent", "sent_at": now, "unknown": False, "holder": None, "wake_at": None}
                changes.append((message, wire.changed(message, state, entries, {}, [])))
            await self._publisher.change(self._db.messages, changes)


def _dated(text: str | None, language: str) -> str:
    if text is None:
        return ""
    day = date.fromisoformat(text)
    return f"{day.day} {day:%B} {day.year}" if language == "en" else f"{day.year}年{day.month}月{day.day}日"


if __name__ == "__main__":
    uvloop.run(Notifications().run())
