"""The browser of the benches signs in where a person could, and what watches a service is not deceived by it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.bench.browser import Browser, Issuer, Line, Refused
from tests.bench.watching import watched

BACK = "https://app.example.org/back"
PAGE = '<form method="post" action="/sign-in"><input type="hidden" name="sealed" value="a&amp;b">'
PAGE += '<input name="login"><input name="password" type="password"></form>'

Answering = Callable[[str, str], tuple[int, Sequence[str], str]]
"""From a request's head and body to the status, further header lines and the body of its answer."""


@asynccontextmanager
async def served(answering: Answering) -> AsyncIterator[str]:
    """The address of a server that answers so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := (await reader.readuntil(b"\r\n\r\n")).decode():
            length = next((line.split(": ")[1] for line in head.split("\r\n") if line.startswith("Content-Length")), 0)
            status, lines, body = answering(head, (await reader.readexactly(int(length))).decode())
            if not status:
                break
            sent = [f"HTTP/1.1 {status} x", *lines, f"Content-Length: {len(body.encode())}", "", body]
            writer.write("\r\n".join(sent).encode())
        writer.close()

    async def ignoring_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(ignoring_the_end, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def provider(password: str) -> Answering:
    """An issuer with a redirect, a cookie and a form, that knows one password."""

    def answer(head: str, body: str) -> tuple[int, Sequence[str], str]:
        method, target, _ = head.split(" ", 2)
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        match method, urlsplit(target).path:
            case "GET", "/authorize":
                return 302, ["Location: /sign-in", "Set-Cookie: browser=one; Path=/"], ""
            case "GET", "/sign-in":
                return 200, ["Content-Type: text/html"], PAGE
            case "POST", "/sign-in" if "Cookie: browser=one" in head and sent["sealed"] == "a&b":
                fits = sent["login"] == "li.na" and sent["password"] == password
                return (303, [f"Location: {BACK}?code=c-1&state=state"], "") if fits else (200, [], PAGE)
            case "POST", "/token" if sent["code"] == "c-1" and len(sent["code_verifier"]) >= 43:
                return 200, [], '{"access_token": "t-1"}'
        return 400, [], ""

    return answer


async def signed_in(url: str, password: str) -> str:
    line = await Line.to(url)
    try:
        return await Browser(line, Issuer(url, "/authorize", "/token", "web", BACK, "openid")).sign_in(
            "li.na", password
        )
    finally:
        line.close()


async def test_a_browser_goes_through_redirect_cookie_form_and_code() -> None:
    async with served(provider("right")) as url:
        assert await signed_in(url, "right") == "t-1"


async def test_a_form_that_comes_again_is_a_refusal() -> None:
    async with served(provider("right")) as url:
        with pytest.raises(Refused, match="comes again"):
            await signed_in(url, "wrong")


async def test_an_answer_that_breaks_off_is_an_error() -> None:
    async with served(lambda _head, _body: (0, [], "")) as url:
        with pytest.raises(ConnectionError):
            await signed_in(url, "right")


async def seen(*answers: tuple[int, str]) -> tuple[bool, int]:
    """Whether a service was found away, and how often it took the token again after that."""
    coming = iter(answers)

    def answer(_head: str, _body: str) -> tuple[int, Sequence[str], str]:
        status, code = next(coming)
        return status, [], f'{{"code":"{code}"}}'

    async with served(answer) as url:
        found = await watched({"intake": url}, "intake", "t", time.monotonic(), 5.0)
    assert 0 < found.closed <= found.proven < 5.0
    assert (found.closed < found.proven) == (answers[-2][0] != 200)
    return found.was_away, found.accepted_after_away


async def test_a_service_is_asked_until_it_says_itself_that_the_token_is_revoked() -> None:
    revoked = (401, "token_revoked")
    assert await seen((200, ""), (200, ""), revoked) == (False, 0)
    assert await seen((200, ""), (0, ""), (401, "token_invalid"), (503, "revocations_stale"), revoked) == (True, 0)
    assert await seen((0, ""), (503, "revocations_stale"), (200, ""), revoked) == (True, 1)
