"""A fake mail server on the real road: SMTP over TCP, with a will of its own. Chaos makes a moody one of it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class Mail:
    """A mail that the server took."""

    recipient: str
    message: EmailMessage

    @property
    def id(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return str(self.message.get_content()).replace("\r\n", "\n")


class FakeMailServer:
    """Takes mails. `rcpt` and `data`: answers to give before it does; `taking` runs before it says that it took one."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.connections = 0
        self.rcpt: deque[str] = deque()
        self.data: deque[str] = deque()
        self.taking: Callable[[], Awaitable[None]] | None = None
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: list[asyncio.BaseTransport] = []

    async def up(self) -> None:
        """Listen; on the same port as before."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Session(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Be away, connections and all."""
        assert self._server is not None
        self._server.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connections that are open."""
        for transport in self._open:
            transport.abort() if isinstance(transport, asyncio.Transport) else transport.close()
        self._open.clear()

    def opened(self, transport: asyncio.BaseTransport) -> None:
        """A connection was made."""
        self.connections += 1
        self._open.append(transport)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[Any]
    ) -> str:
        if self.rcpt:
            return self.rcpt.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.data:
            return self.data.popleft()
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.mails.extend(Mail(recipient, message) for recipient in envelope.rcpt_tos)
        if self.taking is not None:
            await self.taking()
        return "250 OK"


class _Session(SMTP):
    def __init__(self, server: FakeMailServer) -> None:
        super().__init__(server, hostname="mail.example")
        self._notify = server.opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._notify(transport)
        super().connection_made(transport)
