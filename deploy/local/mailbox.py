"""The local mailbox: takes every mail by SMTP, keeps it in a folder, and shows it on a page.

Each mail is a file below a folder named after its Message-ID, written to the disk before the sender hears 250.
A second mail with the same Message-ID is a second file there: it is counted, and it shows.
"""

import asyncio
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, Response
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel

MAX_BYTES = 10 * 1024 * 1024
SHOWN = 100
"""Mails on the page; `/api/messages` has them all."""
NO_ACTIVE_CONTENT = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
ID = re.compile("[0-9a-f]{16}")


class Message(BaseModel):
    """One mail as listed. `copies` above 1: the sender handed the same Message-ID over again."""

    id: str
    message_id: str
    sender: str
    to: list[str]
    subject: str
    received_at: datetime
    copies: int


class FullMessage(Message):
    text: str


class Mailbox:
    """The folder of mails: `<folder>/<id>/<time in ns>.eml`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, FullMessage] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, raw: bytes) -> None:
        """Write the mail so that it survives a crash of this machine."""
        message_id = str(_parsed(raw)["Message-ID"] or hashlib.sha256(raw).hexdigest()).strip()
        folder = self._folder / hashlib.sha256(message_id.encode()).hexdigest()[:16]
        folder.mkdir(exist_ok=True)
        path = folder / f"{time.time_ns()}.eml"
        draft = path.with_suffix(".new")
        with draft.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        for changed in (folder, self._folder):
            _sync(changed)

    def messages(self) -> list[Message]:
        """All mails, the newest first."""
        listed = [self.message(folder.name) for folder in self._folder.iterdir()]
        return sorted((mail for mail in listed if mail), key=lambda mail: mail.received_at, reverse=True)

    def message(self, identifier: str) -> FullMessage | None:
        """One mail as first handed over. What was read once is remembered: a kept mail never changes."""
        copies = sorted((self._folder / identifier).glob("*.eml")) if ID.fullmatch(identifier) else []
        if not copies:
            return None
        if identifier not in self._read:
            self._read[identifier] = _full(identifier, copies[0])
        return self._read[identifier].model_copy(update={"copies": len(copies)})


class Postman:
    """What aiosmtpd calls for each mail."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        content = envelope.original_content or b""
        await asyncio.to_thread(self._mailbox.keep, content)
        return "250 kept"


def build_app(mailbox: Mailbox, smtp: tuple[str, int]) -> FastAPI:
    """The page, and with it the SMTP server on the same loop."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        def protocol() -> SMTP:
            return SMTP(Postman(mailbox), data_size_limit=MAX_BYTES, enable_SMTPUTF8=True, hostname="mailbox")

        server = await asyncio.get_running_loop().create_server(protocol, *smtp)
        async with server:
            yield

    app = FastAPI(title="Tongban mailbox", lifespan=lifespan, openapi_url=None)
    templates = Jinja2Templates(Path(__file__).parent / "templates")

    def page(request: Request, name: str, status: int = 200, **context: Any) -> Response:
        headers = {"Content-Security-Policy": NO_ACTIVE_CONTENT}
        return templates.TemplateResponse(request, name, context, status, headers)

    async def missing(request: Request, exc: HTTPException) -> Response:
        for_programs = request.url.path.startswith("/api/")
        return (
            await http_exception_handler(request, exc) if for_programs else page(request, "mailbox_missing.html", 404)
        )

    app.add_exception_handler(404, missing)  # type: ignore[arg-type]  # it is called with this exception alone

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/api/messages")
    def list_messages() -> list[Message]:
        return mailbox.messages()

    @app.get("/api/messages/{identifier}")
    def one_message(identifier: str) -> FullMessage:
        return _found(mailbox.message(identifier))

    @app.get("/", response_class=HTMLResponse)
    def show_list(request: Request) -> Response:
        messages = mailbox.messages()
        return page(request, "mailbox.html", messages=messages[:SHOWN], count=len(messages))

    @app.get("/messages/{identifier}", response_class=HTMLResponse)
    def show_one(request: Request, identifier: str) -> Response:
        return page(request, "mail.html", mail=_found(mailbox.message(identifier)))

    return app


def main() -> None:
    """Run from the environment: TONGBAN_STATE, TONGBAN_MAILBOX_PORT, TONGBAN_SMTP_PORT, TONGBAN_HTTP_HOST."""
    host = os.environ.get("TONGBAN_HTTP_HOST", "127.0.0.1")
    smtp = host, int(os.environ.get("TONGBAN_SMTP_PORT", "1025"))
    app = build_app(Mailbox(Path(os.environ.get("TONGBAN_STATE", ".tongban")) / "mail"), smtp)
    uvicorn.run(app, host=host, port=int(os.environ.get("TONGBAN_MAILBOX_PORT", "8025")), log_level="warning")


def _found(mail: FullMessage | None) -> FullMessage:
    if mail is None:
        raise HTTPException(404, "There is no such mail.")
    return mail


def _full(identifier: str, path: Path) -> FullMessage:
    mail = _parsed(path.read_bytes())
    body = mail.get_body(preferencelist=("plain", "html"))
    return FullMessage(
        id=identifier,
        message_id=str(mail["Message-ID"] or "").strip(),
        sender=str(mail["From"] or ""),
        to=[str(address) for address in mail.get_all("To", [])],
        subject=str(mail["Subject"] or ""),
        received_at=datetime.fromtimestamp(int(path.stem) / 1e9, UTC),
        copies=1,
        text=body.get_content() if body else "",
    )


def _parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


if __name__ == "__main__":
    main()
