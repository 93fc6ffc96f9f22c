"""Asking a service with one token until it refuses it."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.bench.browser import Answer, Line

SERVICES = {"identity": "/me", "intake": "/cases", "sharing": "/exchanges", "notifications": "/messages"}
"""Service → a route for which it wants a token, whoever's. Whatever it answers to a good one is not 401."""
EVERY_SECONDS = 0.02


@dataclass(frozen=True)
class Seen:
    """How a service took a token that was revoked. Seconds since the revocation; endless where it never came.

    `closed`: the first try that did not succeed after the last that did. `proven`: the answer `token_revoked`.
    """

    service: str
    closed: float
    proven: float
    was_away: bool
    accepted_after_away: int


class _Asking:
    """One service, asked again and again with one token; over a new connection where the last one broke."""

    def __init__(self, url: str, path: str, token: str) -> None:
        self._url = url
        self._line: Line | None = None
        head = f"GET {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._request = head.encode()

    async def ask(self) -> Answer:
        """Raises `OSError` where it is away."""
        if self._line is None or not self._line.open:
            self._line = await Line.to(self._url)
        return await self._line.ask(self._request)

    def close(self) -> None:
        if self._line is not None:
            self._line.close()


async def accepted_by_all(urls: Mapping[str, str], token: str) -> None:
    """Show the token to every service that is there, so that each has it in its cache. Raises `RuntimeError` where
    one that can work refuses it."""

    async def show(service: str) -> None:
        asking = _Asking(urls[service], SERVICES[service], token)
        probe = _Asking(urls[service], "/readyz", token)
        try:
            is_ready = (await probe.ask()).status == 200  # else it starts, and knows no key yet
            answer = await asking.ask()
        except OSError:
            return
        finally:
            asking.close()
            probe.close()
        if answer.status == 401 and is_ready:
            raise RuntimeError(f"{service} refuses a fresh token: {answer.body[:200]!r}")

    await asyncio.gather(*(show(service) for service in SERVICES))


async def watched(urls: Mapping[str, str], service: str, token: str, since: float, longest: float) -> Seen:
    """Ask until it says that the token is revoked, or time is up. `since`: when that was, by the monotonic clock."""
    asking, closed, away, again = _Asking(urls[service], SERVICES[service], token), float("inf"), False, 0
    try:
        while (now := time.monotonic() - since) < longest:
            try:
                answer = await asking.ask()
            except OSError:
                closed, away = min(closed, now), True
            else:
                took = time.monotonic() - since
                if answer.status == 401 and b'"token_revoked"' in answer.body:
                    return Seen(service, min(closed, took), took, away, again)
                if answer.status == 401 or answer.status >= 500:  # it starts, and knows no key yet, or too little
                    closed = min(closed, took)
                else:
                    closed, again = float("inf"), again + away
            await asyncio.sleep(EVERY_SECONDS)
        return Seen(service, closed, float("inf"), away, again)
    finally:
        asking.close()
