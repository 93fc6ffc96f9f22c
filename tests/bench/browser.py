"""The least that signs a person in as a browser and an application do: pages, forms, cookies, redirects, and the code
changed for a token. It knows nothing of whose pages they are. Standard library only, for it shares the cores with what
it measures."""

import asyncio
import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

FORM = "application/x-www-form-urlencoded"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
COOKIE = re.compile(r"\r\nset-cookie: *([^=;\r]+)=([^;\r]*)", re.IGNORECASE)
LOCATION = re.compile(r"\r\nlocation: *([^\r]+)", re.IGNORECASE)
ACTION = re.compile(r"<form\b[^>]*?\baction=\"([^\"]*)\"", re.IGNORECASE)
INPUT = re.compile(r"<input\b[^>]*>", re.IGNORECASE)
ATTRIBUTE = re.compile(r"\s(name|type|value)=\"([^\"]*)\"", re.IGNORECASE)
STEPS = 16
"""Pages and redirects of one sign-in, at most."""
LOST = 599


class Refused(Exception):
    """The sign-in ended otherwise than with a token; `status` of the answer that it ended with."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(f"{status}: {why}")
        self.status = status


@dataclass(frozen=True)
class Issuer:
    """Where people sign in, and for which application. `asked`: further parameters of the authorization request."""

    url: str
    authorize: str
    token: str
    client: str
    redirect_uri: str
    scope: str
    asked: Mapping[str, str] = field(default_factory=dict)

    def plan(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Answer:
    """One answer. The head begins with its status line."""

    status: int
    head: str
    body: bytes


class Line(asyncio.Protocol):
    """A kept connection with one request at a time."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: Any = None
        self.open = True

    @classmethod
    async def to(cls, url: str) -> "Line":
        """A new one. Raises `OSError`."""
        address = urlsplit(url)
        host, port = address.hostname or "", address.port or 80
        _, line = await asyncio.get_running_loop().create_connection(cls, host, port)
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    async def ask(self, request: bytes) -> Answer:
        """Send it. Raises `ConnectionError` where the connection ends before the answer does."""
        if not self.open:
            raise ConnectionError("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        head = bytes(self._got[: end + 2])
        found = LENGTH.search(head)
        if found is None and head[9:12] not in (b"204", b"304"):
            self._end(ConnectionError("an answer without its length"))
            return
        whole = end + 4 + (int(found[1]) if found else 0)
        if len(self._got) >= whole and not self._answer.done():
            body, self._got = bytes(self._got[end + 4 : whole]), self._got[whole:]
            self._answer.set_result(Answer(int(head[9:12]), head.decode("latin-1"), body))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(ConnectionError(str(exc or "the connection was closed")))

    def _end(self, why: ConnectionError) -> None:
        self.open = False
        self._transport.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(why)

    def close(self) -> None:
        """Not needed any more."""
        self.open = False
        self._transport.close()


class Browser:
    """Somebody's browser with its cookies, on one connection."""

    def __init__(self, line: Line, issuer: Issuer) -> None:
        self._line, self._issuer = line, issuer
        self._host = urlsplit(issuer.url).netloc
        self._cookies: dict[str, str] = {}

    async def sign_in(self, login: str, password: str, **asked: str) -> str:
        """An access token. Raises `Refused`, and `ConnectionError`."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        wanted = {
            "response_type": "code",
            "client_id": self._issuer.client,
            "redirect_uri": self._issuer.redirect_uri,
            "scope": self._issuer.scope,
            "state": "state",
            "nonce": secrets.token_hex(8),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **self._issuer.asked,
            **asked,
        }
        code = await self._walk(f"{self._issuer.authorize}?{urlencode(wanted)}", {"login": login, "password": password})
        redeemed = {
            "grant_type": "authorization_code",
            "client_id": self._issuer.client,
            "code": code,
            "redirect_uri": self._issuer.redirect_uri,
            "code_verifier": verifier,
        }
        answer = await self._ask("POST", self._issuer.token, redeemed)
        if answer.status != 200:
            raise Refused(answer.status, answer.body[:300].decode(errors="replace"))
        return str(json.loads(answer.body)["access_token"])

    async def _walk(self, path: str, known: Mapping[str, str]) -> str:
        """Through redirects and forms until the application hears of a code."""
        answer = await self._ask("GET", path)
        asked: tuple[str, Set[str]] = ("", frozenset())
        for _ in range(STEPS):
            if (moved := LOCATION.search(answer.head)) is not None and 300 <= answer.status < 400:
                target = urljoin(f"{self._issuer.url}{path}", str(moved[1]))
                if target.startswith(self._issuer.redirect_uri):
                    told = parse_qs(urlsplit(target).query)
                    if "code" not in told:
                        raise Refused(answer.status, f"no code came back: {told}")
                    return told["code"][0]
                path = target.removeprefix(self._issuer.url)
                answer = await self._ask("GET", path)
                continue
            page = answer.body.decode()
            if answer.status != 200 or (form := _form(page, known)) is None:
                raise Refused(answer.status, f"no form to fill in at {urlsplit(path).path}")
            action = ACTION.search(page)
            target = urljoin(path, unescape(str(action[1]))).removeprefix(self._issuer.url) if action else path
            if (target, form.keys()) == asked:
                raise Refused(answer.status, f"the form at {urlsplit(path).path} comes again")
            path, asked = target, (target, form.keys())
            answer = await self._ask("POST", path, form)
        raise Refused(answer.status, "so many steps lead nowhere")

    async def _ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> Answer:
        body = urlencode(form).encode() if form is not None else b""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", "Accept: text/html,application/json"]
        if self._cookies:
            lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in self._cookies.items()))
        if form is not None:
            lines += [f"Content-Type: {FORM}", f"Content-Length: {len(body)}"]
        answer = await self._line.ask("\r\n".join([*lines, "", ""]).encode() + body)
        for name, value in COOKIE.findall(answer.head):
            self._cookies[name] = value
            if not value:
                del self._cookies[name]
        return answer


def _form(page: str, known: Mapping[str, str]) -> dict[str, str] | None:
    """The page's form, filled in with what is known; `None` where nothing of it is asked, and nothing is hidden."""
    filled = {}
    for found in INPUT.findall(page):
        field = {name.lower(): unescape(value) for name, value in ATTRIBUTE.findall(found)}
        if field.get("type") == "hidden":
            filled[field.get("name", "")] = field.get("value", "")
        elif (name := field.get("name", "")) in known:
            filled[name] = known[name]
    return filled or None
