"""Somebody who walks through the pages with a browser: reads forms, fills them in, has an app that shows codes."""

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from shared.testing import FakeClock
from tests.service.identity.authenticator import Device
from tests.service.identity.conftest import ASKED, PASSWORD, Identity

PORTAL = "https://portal.example.org/back"
FACTORS = "/account/factors"


@dataclass
class Form:
    """A form of a page: where it goes, its fields, what it wants of a passkey."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(said["action"], {}, json.loads(said.get("data-options", "{}"))))
        elif tag == "input" and self.found:
            self.found[-1].fields[said["name"]] = said.get("value", "")


def forms(page: httpx.Response) -> list[Form]:
    """The forms of a page, in order."""
    parser = _Forms()
    parser.feed(page.text)
    return parser.found


def form(page: httpx.Response, action: str, *, of_passkeys: bool = False) -> Form:
    """The form of a page that goes there."""
    found = [one for one in forms(page) if one.action == action and bool(one.options) == of_passkeys]
    assert found, f"{page.status_code} {page.headers.get('location', '')} {page.text[:3000]}"
    return found[0]


@dataclass
class App:
    """An authenticator app."""

    clock: FakeClock
    secret: bytes

    def code(self, steps: int = 0) -> str:
        """What it shows, `steps` of 30 seconds from now."""
        at = self.clock.now().timestamp() + 30 * steps
        return TOTP(self.secret, 6, SHA1(), 30).generate(int(at)).decode()  # noqa: S303 - as the app does


@dataclass
class Walker:
    """Ms Li, or whoever goes by the login name, at a browser."""

    city: Identity
    http: httpx.AsyncClient
    login: str = "li.na"
    app: App | None = None
    codes: list[str] = field(default_factory=list)
    device: Device = field(default_factory=Device)

    async def get(self, path: str, **params: str) -> httpx.Response:
        return await self.http.get(path, params=params or None)

    async def send(self, form: Form, **fields: str) -> httpx.Response:
        return await self.http.post(form.action, data=form.fields | fields)

    async def password(self, page: httpx.Response, password: str = PASSWORD) -> httpx.Response:
        """Fill in the sign-in page."""
        return await self.send(form(page, "/authorize"), login=self.login, password=password)

    async def sign_in(self, path: str = "/sign-in", **params: str) -> httpx.Response:
        """By password, to where it leads: the second factor, or what was wanted."""
        return await self.password(await self.get(path, **params))

    async def second(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Answer the second-factor page: with the app's code, where nothing else is given."""
        assert self.app or fields
        answer = fields or {"code": self.app.code() if self.app else ""}
        found = next(one for one in forms(page) if one.action == "/authorize/second")
        return await self.http.post(found.action, data={"request": found.fields["request"], **answer})

    async def passkey_second(self, page: httpx.Response, **changes: Any) -> httpx.Response:
        """Answer the second-factor page with the device."""
        found = form(page, "/authorize/second", of_passkeys=True)
        return await self.send(found, credential=self.device.use(found.options, **changes))

    async def enter(self, page: httpx.Response, **changes: Any) -> httpx.Response:
        """Answer the sign-in page with the device."""
        found = form(page, "/authorize/passkey", of_passkeys=True)
        return await self.send(found, credential=self.device.use(found.options, **changes))

    async def add_app(self, **params: str) -> httpx.Response:
        """Set up an app; the page that follows. Afterwards its first code is a while ago."""
        page = await self.get(f"{FACTORS}/app", **params)
        found = re.search(r'class="secret">([A-Z2-7 ]+)<', page.text)
        assert found, page.text[:2000]
        self.app = App(self.city.clock, base64.b32decode(found[1].replace(" ", "")))
        answer = await self.send(form(page, f"{FACTORS}/app"), code=self.app.code())
        self._keep(answer)
        self.city.clock.forward(timedelta(seconds=60))
        return answer

    async def add_passkey(self, name: str = "My phone", **changes: Any) -> httpx.Response:
        """Set up a passkey; the page that follows."""
        page = await self.get(f"{FACTORS}/passkeys/new")
        found = form(page, f"{FACTORS}/passkeys", of_passkeys=True)
        answer = await self.send(found, name=name, credential=self.device.make(found.options, **changes))
        self._keep(answer)
        return answer

    async def tokens(self, answer: httpx.Response) -> dict[str, Any]:
        """What the application gets for the code that it was sent."""
        told = self.told(answer)
        redirect = answer.headers["location"].partition("?")[0]
        found: dict[str, Any] = (await self.city.redeem(told["code"], redirect_uri=redirect)).json()
        return found

    async def ask(self, **changes: str) -> httpx.Response:
        """An application of a known address asks."""
        return await self.get("/authorize", **ASKED | {"redirect_uri": PORTAL} | changes)

    def told(self, answer: httpx.Response) -> dict[str, str]:
        """What an application is told."""
        assert answer.status_code == 303, answer.text[:3000]
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}

    def _keep(self, page: httpx.Response) -> None:
        self.codes = re.findall(r"<li><code>([0-9a-z-]+)</code></li>", page.text) or self.codes


def leads(answer: httpx.Response, to: str) -> None:
    """The answer leads there."""
    assert (answer.status_code, answer.headers.get("location")) == (303, to), answer.text[:3000]


def is_second(page: httpx.Response) -> None:
    """It is the second-factor page."""
    assert page.status_code == 200, page.text[:2000]
    assert 'action="/authorize/second"' in page.text
