"""With whom we speak is proven, and nothing is spoken in the clear once that was asked for."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared import tls
from shared.testing.certificates import self_signed


@asynccontextmanager
async def served(cert: Path, key: Path, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> AsyncIterator[int]:
    """A server with this certificate, at a port of its own."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(cert, key)
    own.minimum_version, own.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, newest
    own.set_ciphers("DEFAULT:@SECLEVEL=0")

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=own)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def reach(port: int, ca_file: Path | None, host: str = "127.0.0.1") -> str:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls.context(ca_file), server_hostname=host)
    secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    return secured.version() or ""


async def test_whom_the_file_names_is_trusted(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    async with served(cert, key) as port:
        assert await reach(port, cert) == "TLSv1.3"


async def test_nobody_else_is(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    other, _ = self_signed(tmp_path, "other")
    async with served(cert, key) as port:
        for trusted in (other, None):
            with pytest.raises(ssl.SSLCertVerificationError):
                await reach(port, trusted)


async def test_nor_is_the_right_one_under_another_name(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    async with served(cert, key) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await reach(port, cert, "kafka.example.org")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
async def test_what_is_older_than_tls_1_2_is_not_spoken(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    async with served(cert, key, newest=ssl.TLSVersion.TLSv1_1) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await reach(port, cert)


def test_a_file_without_a_certificate_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    for file in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(OSError):  # noqa: PT011 - the kind is all there is
            tls.context(file)
