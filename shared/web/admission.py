"""Who is let in: more than a process can work on is refused at once, for a late answer helps nobody.

Refused is what would make too many at once, and, where it would bring new work, while what was accepted before waits
too long. A request counts while it is worked on: not while its body is still coming, nor while its answer goes out.

How many are too many depends on the machine and its other work, so it is learnt: answers that take too long make it
fewer, each quick one while all places are taken a little more, up to the limit. What was learnt in a bad moment is
forgotten when it is calm: who comes alone is answered in time and would never take all places.
"""

import random
import time
from collections.abc import Callable

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.web.problems import problem

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
READS = frozenset({"GET", "HEAD", "OPTIONS"})
RETRY_AFTER_S = (1, 3)
"""Seconds after which to try again, drawn for each, so that they do not come back together."""
TELL_SECONDS = 5.0
LONG_SECONDS = 0.5
"""An answer that took longer took too long."""
FEWEST = 4.0
FEWER = 0.8
"""Once in `LONG_SECONDS` at most: who waited for one and the same hiccup does not tell of it thirty times."""
CALM_SECONDS, MORE = 1.0, 1.25
"""So many times as many, when in that time answers were quick and never more than half of the places taken."""
SHED = "tongban.shed"
"""Key of the scope of a request that was refused here."""
log = structlog.get_logger(__name__)


class Admission:
    """At most `limit` requests at once, fewer while answers take too long; none that brings work while `behind()`
    (seconds) is above `patience`."""

    def __init__(self, limit: int, behind: Callable[[], float] = lambda: 0.0, patience: float = 3.0) -> None:
        self._limit, self._behind, self._patience = limit, behind, patience
        self._working = 0
        self.places = float(limit)
        """So many may be worked on at once just now."""
        self._told = self._fewer_at = self._looked = float("-inf")
        self._busiest = 0
        self._refused: Counter | None = None

    def around(self, app: ASGIApp, registry: CollectorRegistry) -> ASGIApp:
        """The app behind this gate, with its metrics."""
        self._refused = Counter(
            "tongban_http_refused_total", "Requests refused for overload", ["reason"], registry=registry
        )
        gauge = Gauge("tongban_http_in_progress", "Requests that are worked on", registry=registry)
        gauge.set_function(lambda: self._working)

        async def gate(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"] in PROBES:
                await app(scope, receive, send)
            elif (reason := self._reason(scope["method"])) is not None:
                await self._refuse(reason, scope, receive, send)
            else:
                await self._admit(app, scope, receive, send)

        return gate

    def _reason(self, method: str) -> str | None:
        if self._working >= int(self.places):
            return "busy"
        if method not in READS and self._behind() > self._patience:
            return "behind"
        return None

    async def _refuse(self, reason: str, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._refused is not None  # noqa: S101 - there is no gate before `around`
        self._refused.labels(reason).inc()
        scope[SHED] = reason
        if (now := time.monotonic()) - self._told > TELL_SECONDS:
            self._told = now
            log.warning("http.overloaded", reason=reason, working=self._working, behind=round(self._behind(), 1))
        wait = random.randint(*RETRY_AFTER_S)  # noqa: S311 - no secret
        told = "Too much comes at once: try again a little later"
        answer = problem(503, "overloaded", told, headers={"Retry-After": str(wait)})
        await answer(scope, receive, send)

    async def _admit(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        since: float | None = None

        def begin() -> None:
            nonlocal since
            if since is None:
                since = time.monotonic()
                self._working += 1
                self._busiest = max(self._busiest, self._working)

        def end() -> None:
            nonlocal since
            if since is not None:
                self._learn((now := time.monotonic()) - since, now)
                since = None
                self._working -= 1

        async def received() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                begin()
            return message

        async def sent(message: Message) -> None:
            end()
            await send(message)

        if scope["method"] in READS:
            begin()
        try:
            await app(scope, received, sent)
        finally:
            end()

    def _learn(self, took: float, now: float) -> None:
        if took > LONG_SECONDS:
            if now - self._fewer_at > LONG_SECONDS:
                self._fewer_at = now
                self.places = max(min(FEWEST, self._limit), self.places * FEWER)
        elif self._working >= int(self.places):
            self.places = min(self._limit, self.places + 1 / self.places)
        if now - self._looked > CALM_SECONDS:  # not by how many work just now: answers often come together
            if self._busiest <= self.places / 2 and now - self._fewer_at > CALM_SECONDS:
                self.places = min(self._limit, self.places * MORE)
            self._looked, self._busiest = now, self._working
