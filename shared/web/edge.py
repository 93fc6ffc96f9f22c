"""The outermost layer of a service's HTTP: trace, request log, metrics, security headers, the 413 as a problem."""

import time
from collections.abc import Mapping

import structlog
from prometheus_client import CollectorRegistry, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry
from shared.web.admission import PROBES, SHED
from shared.web.authentication import REVOCATIONS_AGE
from shared.web.problems import MEDIA_TYPE, problem

API_CSP = "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: dict[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
HTTPS_ONLY: dict[str, str] = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
"""For a year, on this host and those below it. Over plain http browsers pass it over (RFC 6797 section 8.1)."""
log = structlog.get_logger(__name__)


class Edge:
    """ASGI middleware around the whole app, FastAPI's own error layers included."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry, https_only: bool = False) -> None:
        self._app = app
        self._headers = HEADERS | HTTPS_ONLY if https_only else HEADERS
        self._seconds = Histogram(
            "tongban_http_request_seconds",
            "Time to answer a request",
            ["method", "route", "status"],
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        incoming = Headers(scope=scope).get("traceparent", "")
        with telemetry.bind(telemetry.child(incoming) if incoming else telemetry.new()) as trace:
            answer = _Answer(send, trace, scope, self._headers)
            try:
                await self._app(scope, receive, answer.send)
            except Exception:
                # The handler for unexpected errors has answered and logged it before it comes up here.
                if answer.status is None:
                    raise
            finally:
                self._note(scope, answer.status or 500, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """One line and one measurement a request: the route's template, never the path or query (they hold ids)."""
        route = getattr(scope.get("route"), "path_format", "unmatched")
        method = scope["method"] if route != "unmatched" else "ANY"
        self._seconds.labels(method, route, str(status)).observe(seconds)
        write = log.debug if route in PROBES or SHED in scope else log.info
        write("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))


class _Answer:
    """Adds our headers to the answer, and turns FastAPI's plain 413 into a problem."""

    def __init__(self, send: Send, trace: str, scope: Scope, headers: Mapping[str, str]) -> None:
        self._send, self._trace, self._scope, self._headers = send, trace, scope, headers
        self.status: int | None = None
        self._body: bytes | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            if self.status == 413 and not headers.get("content-type", "").startswith(MEDIA_TYPE):
                self._body = bytes(problem(413, "content_too_large", "The request body is too large").body)
                headers["content-type"], headers["content-length"] = MEDIA_TYPE, str(len(self._body))
            self._harden(headers)
        elif message["type"] == "http.response.body" and self._body is not None:
            message = {"type": "http.response.body", "body": self._body, "more_body": False}
        await self._send(message)

    def _harden(self, headers: MutableHeaders) -> None:
        is_page = headers.get("content-type", "").startswith("text/html")
        headers.setdefault("Content-Security-Policy", PAGE_CSP if is_page else API_CSP)
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        headers["traceparent"] = self._trace
        if (age := self._scope.get("state", {}).get(REVOCATIONS_AGE)) is not None:
            headers["Tongban-Revocations-Age"] = f"{age:.1f}"
