"""The city from outside, as its users meet it: over HTTP, with tokens from identity."""

import base64
import hashlib
import secrets
import time
from collections.abc import Generator, Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from deploy.local.trouble import Trouble

REDIRECT = "http://127.0.0.1:8400/callback"
"""The sample client's loopback address (RFC 8252); nothing listens there, the code is read from the redirect."""
TOKEN_SECONDS = 240.0
"""Tokens live five minutes; a new one is fetched a minute before."""


class Caller(httpx.Auth):
    """Puts an access token on each request and renews it in time."""

    def __init__(self) -> None:
        self._token, self._until = "", 0.0

    def fetch(self) -> str:
        """A fresh access token; raises `Trouble`."""
        raise Trouble("This caller has no way to a token")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if time.monotonic() > self._until:
            self._token, self._until = self.fetch(), time.monotonic() + TOKEN_SECONDS
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class Program(Caller):
    """A confidential client: the operator, or a department's own system."""

    def __init__(self, identity: str, client: str, secret: str) -> None:
        super().__init__()
        self._identity, self._client, self._secret = identity, client, secret

    def fetch(self) -> str:
        answer = httpx.post(
            f"{self._identity}/token", auth=(self._client, self._secret), data={"grant_type": "client_credentials"}
        )
        return _token(answer, self._client)


class Person(Caller):
    """Somebody who signs in on identity's page: authorization code with PKCE, as any application would do it."""

    def __init__(self, identity: str, login: str, password: str, client: str = "tongban-demo") -> None:
        super().__init__()
        self._identity, self._login, self._password, self._client = identity, login, password, client

    def fetch(self) -> str:
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": REDIRECT,
            "state": secrets.token_urlsafe(16),
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        with httpx.Client(base_url=self._identity, timeout=10.0) as browser:
            page = browser.get("/authorize", params=asked)
            form = _hidden_fields(page.text) | {"login": self._login, "password": self._password}
            back = browser.post("/authorize", data=form)
            answer = parse_qs(urlsplit(back.headers.get("location", "")).query)
            if "code" not in answer or answer.get("state") != [asked["state"]]:
                why = answer.get("error_description") or answer.get("error") or [str(back.status_code)]
                raise Trouble(f"{self._login} could not sign in at {self._identity} ({why[0]})")
            sent = {
                "grant_type": "authorization_code",
                "client_id": self._client,
                "code": answer["code"][0],
                "redirect_uri": REDIRECT,
                "code_verifier": verifier,
            }
            return _token(browser.post("/token", data=sent), self._login)


class Network:
    """The services of a running city, for one caller."""

    def __init__(self, urls: Mapping[str, str], caller: Caller) -> None:
        self._urls = urls
        self._http = httpx.Client(auth=caller, timeout=30.0)

    def ask(self, service: str, method: str, path: str, **sent: Any) -> Any:
        """The JSON answer; raises `Trouble` with the problem's own words."""
        try:
            answer = self._http.request(method, f"{self._urls[service]}{path}", **sent)
        except httpx.HTTPError as error:
            raise Trouble(f"{service} does not answer ({error}): tongban status") from None
        if answer.is_error:
            raise Trouble(*_problem(service, answer))
        return answer.json()

    def get(self, service: str, path: str, **params: Any) -> Any:
        """A GET; see `ask`."""
        return self.ask(service, "GET", path, params={k: v for k, v in params.items() if v is not None})


class _Hidden(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input" and found.get("type") == "hidden":
            self.fields[found.get("name") or ""] = found.get("value") or ""


def _hidden_fields(page: str) -> dict[str, str]:
    parser = _Hidden()
    parser.feed(page)
    return parser.fields


def _token(answer: httpx.Response, who: str) -> str:
    if answer.is_error:
        raise Trouble(f"identity gives {who} no token: {answer.text[:200]}")
    return str(answer.json()["access_token"])


def _problem(service: str, answer: httpx.Response) -> list[str]:
    try:
        body = answer.json()
        named = [f"{fault['pointer'] or '/'}: {fault['code']}, {fault['detail']}" for fault in body.get("faults", [])]
        return [f"{service}: {body['detail']} ({answer.status_code} {body['code']})", *named]
    except (ValueError, KeyError, TypeError):
        return [f"{service} answered {answer.status_code}"]
