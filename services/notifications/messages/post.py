"""The way to the mail server: a few connections that stay open, and what became of each letter."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPRecipientRefused

from services.notifications.messages.domain import Ground
from shared import crashpoint

CLOSE_SECONDS = 10.0


@dataclass(frozen=True)
class Outcome:
    """`taken`, `refused` for good, or `later`; of `no-answer` nobody knows whether the server took it."""

    kind: Literal["taken", "refused", "later"]
    ground: Ground | None = None


TAKEN = Outcome("taken")
AWAY = Outcome("later", "server-away")
NO_ANSWER = Outcome("later", "no-answer")


@dataclass(frozen=True, slots=True)
class Server:
    """The mail server, and how it is spoken to: see `NotificationsSettings`."""

    host: str
    port: int
    security: Literal["offered", "starttls", "tls"]
    trusted: ssl.SSLContext | None = None
    """Who may vouch for it; `None`: whom the machine trusts, looked up where it comes to that."""


class Line:
    """One connection. It is opened when first needed, and anew after any failure."""

    def __init__(self, server: Server, sender: str) -> None:
        self._sender = sender
        self._smtp = SMTP(
            hostname=server.host,
            port=server.port,
            timeout=None,
            local_hostname=socket.gethostname(),  # its own name, for EHLO, without asking the resolver
            use_tls=server.security == "tls",
            start_tls={"offered": None, "starttls": True, "tls": False}[server.security],
            tls_context=server.trusted,
        )

    async def hand_over(self, recipient: str, letter: bytes, deadline: float) -> Outcome:
        """Hand one letter over until `deadline` (of the loop's clock); never raises what the network raises."""
        outcome, begun = AWAY, False
        try:
            async with asyncio.timeout_at(deadline):
                await self._begin()
                await self._smtp.rcpt(recipient)
                if asyncio.get_running_loop().time() >= deadline:  # we were held up: another may have claimed it
                    return outcome
                begun = True
                await self._smtp.data(letter)
                crashpoint.reached("after-smtp-250")
                outcome = TAKEN
        except SMTPRecipientRefused as exc:
            outcome = Outcome("refused", "recipient-refused") if exc.code >= 500 else Outcome("later", "deferred")
        except SMTPDataError as exc:
            outcome = Outcome("refused", "message-refused") if exc.code >= 500 else Outcome("later", "deferred")
        except (SMTPException, OSError, TimeoutError):  # their words may quote the address
            outcome = NO_ANSWER if begun else AWAY
        finally:
            if outcome is not TAKEN:
                self._smtp.close()
        return outcome

    async def _begin(self) -> None:
        """Begin a mail; where the server has closed a connection that lay idle, on a new one."""
        if self._smtp.is_connected:
            try:
                await self._smtp.mail(self._sender)
                return
            except (SMTPException, OSError):
                self._smtp.close()
        await self._smtp.connect()
        await self._smtp.mail(self._sender)

    async def quit(self) -> None:
        """Take leave."""
        if self._smtp.is_connected:
            with suppress(SMTPException, OSError):
                await self._smtp.quit()
        self._smtp.close()


class Post:
    """The lines of this process; who wants to send waits for a free one, the one used last comes first."""

    def __init__(self, server: Server, sender: str, lines: int) -> None:
        self._lines = lines
        self._free: asyncio.LifoQueue[Line] = asyncio.LifoQueue()
        for _ in range(lines):
            self._free.put_nowait(Line(server, sender))

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """A line for oneself."""
        line = await self._free.get()
        try:
            yield line
        finally:
            self._free.put_nowait(line)

    async def close(self) -> None:
        """Let attempts under way end, and begin no other."""
        lines, self._lines = self._lines, 0
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                for _ in range(lines):
                    await (await self._free.get()).quit()
