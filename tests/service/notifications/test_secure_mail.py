"""Where mails are to go out over TLS only, none goes out in the clear, nor to a server that nobody vouches for."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.notifications.messages.post import AWAY, TAKEN, Line, Outcome, Server
from shared import tls
from shared.testing.certificates import self_signed

Security = Literal["offered", "starttls", "tls"]
LETTER = b"Subject: canary\r\n\r\ncanary\r\n"


class Taker:
    """Takes mails, and knows whether they came over TLS."""

    def __init__(self) -> None:
        self.secured: list[bool] = []

    async def handle_DATA(self, server: SMTP, session: Session, _envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert server.transport is not None
        self.secured.append(session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None)
        return "250 OK"


@asynccontextmanager
async def served(taker: Taker, speaks: Security | None, cert: Path, key: Path) -> AsyncIterator[int]:
    """A mail server that speaks TLS from the beginning (`tls`), when asked (`starttls`), or not at all."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(cert, key)
    more: dict[str, Any] = {"tls_context": own} if speaks == "starttls" else {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(taker, hostname="mail.example", **more), "127.0.0.1", 0, ssl=own if speaks == "tls" else None
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


async def hand_over(port: int, security: Security, ca_file: Path | None) -> Outcome:
    line = Line(Server("127.0.0.1", port, security, tls.context(ca_file)), "no-reply@example.org")
    try:
        return await line.hand_over("li.na@example.org", LETTER, asyncio.get_running_loop().time() + 5)
    finally:
        await line.quit()


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_goes_out_over_tls_to_the_server_that_is_vouched_for(tmp_path: Path, security: Security) -> None:
    cert, key = self_signed(tmp_path)
    taker = Taker()
    async with served(taker, security, cert, key) as port:
        assert await hand_over(port, security, cert) == TAKEN
    assert taker.secured == [True]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_server_that_nobody_vouches_for_gets_no_mail(tmp_path: Path, security: Security) -> None:
    cert, key = self_signed(tmp_path)
    other, _ = self_signed(tmp_path, "other")
    taker = Taker()
    async with served(taker, security, cert, key) as port:
        assert await hand_over(port, security, other) == AWAY
    assert taker.secured == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_server_without_tls_gets_no_mail(tmp_path: Path, security: Security) -> None:
    cert, key = self_signed(tmp_path)
    taker = Taker()
    async with served(taker, None, cert, key) as port:
        assert await hand_over(port, security, cert) == AWAY
    assert taker.secured == []


async def test_where_it_is_only_offered_it_is_taken(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    taker = Taker()
    async with served(taker, "starttls", cert, key) as port:
        assert await hand_over(port, "offered", cert) == TAKEN
    assert taker.secured == [True]
