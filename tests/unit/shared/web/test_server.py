"""What the server makes of requests that two readers could take for different ones (request smuggling)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from shared.testing.waiting import eventually

seen: list[bytes] = []


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    seen.append(scope["path"].encode() + b" " + body)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    seen.clear()
    server = uvicorn.Server(uvicorn.Config(echo, port=0, lifespan="off", log_config=None))
    running = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await eventually(started)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


async def answers(port: int, raw: bytes) -> list[bytes]:
    """The status of each answer to these bytes, until the server hangs up or has said all."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    got = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            got = await reader.read(-1)
    writer.close()
    return [line.split(b" ")[1] for line in got.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


ODD = {
    "a length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 30\r\n\r\n",
    "a length that is none": b"Content-Length: +0\r\n\r\n",
    "chunks that are not the last coding": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a name with a space": b"Content-Length : 0\r\n\r\n",
}


@pytest.mark.parametrize("how", ODD)
async def test_where_a_request_ends_is_never_a_matter_of_opinion(port: int, how: str) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    told = await answers(port, b"POST / HTTP/1.1\r\nHost: a\r\n" + ODD[how] + smuggled)
    assert told == [b"400"], "refused, and the connection with all that follows is closed"
    assert not any(one.startswith(b"/smuggled") for one in seen)


async def test_a_plain_one_is_taken(port: int) -> None:
    assert await answers(port, b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi") == [
        b"200"
    ]
    assert seen == [b"/x hi"]
