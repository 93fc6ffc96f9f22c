"""Signing out: asked by an application, by the person, and told to all applications of the session."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest

from services.identity.app import build_for_tests
from services.identity.sessions.domain import LIFE, TRIES
from services.identity.sessions.telling import Teller
from tests.service.identity.conftest import ISSUER, LI_NA, PASSWORD, WEB, Identity, settings

HOME = "https://portal.example.org/bye"
EAR = "https://portal.example.org/ear"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass
class Ears:
    """Applications that hear of sign-outs, or do not answer."""

    answers: bool = True
    heard: list[tuple[str, dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    async def __call__(self, address: str, token: str) -> bool:
        claims = jwt.decode(token, options={"verify_signature": False})
        self.heard.append((address, jwt.get_unverified_header(token), claims))
        return self.answers


@pytest.fixture
async def ears(city: Identity, monkeypatch: pytest.MonkeyPatch) -> Ears:
    """Two applications; only the web application listens."""
    ears = Ears()
    object.__setattr__(city.desk, "tell", ears)
    wanted = {"scopes": ["openid", "services"], "post_logout_redirect_uris": [HOME], "backchannel_logout_uri": EAR}
    assert (await city.put("/clients/web", WEB | wanted)).status_code == 200
    assert (await city.put("/clients/deaf", WEB | {"name": "Deaf"})).status_code == 200
    return ears


async def signed_in(city: Identity) -> dict[str, Any]:
    answer = await city.redeem(await city.code_for(scope="openid services"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def is_over(city: Identity, tokens: dict[str, Any]) -> bool:
    await city.bus.settle()
    return (await city.me(tokens["access_token"])).status_code == 401


async def logout(city: Identity, http: httpx.AsyncClient | None = None, **asked: str) -> httpx.Response:
    return await (http or city.http).get("/logout", params=asked)


def form(page: httpx.Response) -> str:
    found = re.search(r'name="request" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


# -- asked by an application ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_application_that_shows_whose_it_is_signs_out_at_once(city: Identity, ears: Ears, method: str) -> None:
    tokens = await signed_in(city)
    asked = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": HOME, "state": "s-9"}
    sent: dict[str, Any] = {"params": asked} if method == "GET" else {"data": asked}
    answer = await city.http.request(method, "/logout", **sent)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HOME}?state=s-9")
    assert await is_over(city, tokens)
    assert "tongban_session" not in city.http.cookies


async def test_an_old_token_shows_it_too(city: Identity, ears: Ears) -> None:
    tokens = await signed_in(city)
    city.clock.forward(timedelta(hours=1))
    answer = await logout(city, id_token_hint=tokens["id_token"], post_logout_redirect_uri=HOME)
    assert answer.headers["location"] == HOME


@pytest.mark.parametrize("hint", ["another session's", "none"])
async def test_who_shows_nothing_of_this_session_has_the_person_asked(city: Identity, ears: Ears, hint: str) -> None:
    other = await signed_in(city)
    city.http.cookies.clear()
    tokens = await signed_in(city)
    asked = {"id_token_hint": other["id_token"]} if hint != "none" else {"client_id": "web"}
    page = await logout(city, None, post_logout_redirect_uri=HOME, **asked)
    assert page.status_code == 200
    assert "form-action 'self' https://portal.example.org;" in page.headers["content-security-policy"]
    assert not await is_over(city, tokens)
    answer = await city.http.post("/logout/confirmed", data={"request": form(page)})
    assert answer.headers["location"] == HOME
    assert await is_over(city, tokens)


@pytest.mark.parametrize(
    "asked",
    [
        {"post_logout_redirect_uri": "https://evil.example.org/"},
        {"post_logout_redirect_uri": HOME},
        {"post_logout_redirect_uri": HOME, "client_id": "deaf"},
        {"post_logout_redirect_uri": HOME + "/", "client_id": "web"},
        {"post_logout_redirect_uri": HOME, "client_id": "deaf", "id_token_hint": "its own"},
        {"id_token_hint": "x.y.z"},
        {"id_token_hint": "access token"},
    ],
)
async def test_nobody_is_sent_to_a_stranger_s_address(city: Identity, ears: Ears, asked: dict[str, str]) -> None:
    tokens = await signed_in(city)
    hints = {"its own": tokens["id_token"], "access token": tokens["access_token"]}
    asked = asked | {name: hints[value] for name, value in asked.items() if value in hints}
    answer = await logout(city, None, **asked)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "evil" not in answer.text
    assert not await is_over(city, tokens)


async def test_a_parameter_twice_is_refused(city: Identity, ears: Ears) -> None:
    asked: Any = [
        ("client_id", "web"),
        ("post_logout_redirect_uri", HOME),
        ("post_logout_redirect_uri", "https://evil/"),
    ]
    assert (await city.http.get("/logout", params=asked)).status_code == 400


# -- by the person ----------------------------------------------------------------------------------------


async def test_a_person_signs_out_here(city: Identity, ears: Ears) -> None:
    tokens = await signed_in(city)
    page = await logout(city, ui_locales="en")
    assert "Do you want to sign out?" in page.text
    done = await city.http.post("/logout/confirmed", data={"request": form(page)}, headers={"Accept-Language": "en"})
    assert "You are signed out" in done.text
    assert await is_over(city, tokens)
    assert "You are signed out" in (await logout(city, ui_locales="en")).text, "again changes nothing"


async def test_with_the_session_goes_what_the_browser_kept_of_its_pages(city: Identity, ears: Ears) -> None:
    await signed_in(city)
    page = await logout(city)
    assert "clear-site-data" not in page.headers, "nobody is signed out yet"
    done = await city.http.post("/logout/confirmed", data={"request": form(page)})
    assert done.headers["clear-site-data"] == '"cache", "storage"'
    gone = next(cookie for cookie in done.headers.get_list("set-cookie") if cookie.startswith("tongban_session="))
    assert 'tongban_session=""' in gone
    assert "max-age=0" in gone.lower()


@pytest.mark.parametrize("sealed", ["none", "another browser's", "a sign-in form's"])
async def test_another_site_s_form_signs_nobody_out(city: Identity, ears: Ears, sealed: str) -> None:
    tokens = await signed_in(city)
    async with city.browser() as other:
        answer = await other.post(
            "/authorize", data={"request": await city.form(other), "login": "li.na", "password": PASSWORD}
        )
        assert answer.status_code == 303
        forms = {
            "none": "",
            "another browser's": form(await logout(city, other)),
            "a sign-in form's": await city.form(),
        }
    answer = await city.http.post("/logout/confirmed", data={"request": forms[sealed]})
    assert (answer.status_code, "location" in answer.headers) == (200, False)
    assert not await is_over(city, tokens)


# -- told to the applications -----------------------------------------------------------------------------


Act = Callable[[Identity, dict[str, Any]], Any]


async def _ends_it(city: Identity, tokens: dict[str, Any]) -> None:
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    sid = jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]
    assert (await city.http.delete(f"/me/sessions/{sid}", headers=bearer)).status_code == 204


async def _ends_all(city: Identity, tokens: dict[str, Any]) -> None:
    assert (await city.http.delete("/people/person-li-na/sessions", headers=city.operator())).status_code == 200


async def _another_password(city: Identity, tokens: dict[str, Any]) -> None:
    assert (await city.put("/people/person-li-na", LI_NA | {"password": "another one"})).status_code == 200


async def _leaves(city: Identity, tokens: dict[str, Any]) -> None:
    await logout(city, id_token_hint=tokens["id_token"])


async def _time_passes(city: Identity, tokens: dict[str, Any]) -> None:
    city.clock.forward(LIFE)


@pytest.mark.parametrize("act", [_ends_it, _ends_all, _another_password, _leaves, _time_passes])
async def test_however_a_session_ends_its_applications_hear_of_it(city: Identity, ears: Ears, act: Act) -> None:
    tokens = await signed_in(city)
    await city.code_for(client_id="deaf", prompt="")
    await act(city, tokens)
    await city.bus.settle()
    ((address, header, claims),) = ears.heard
    assert (address, header["typ"], header["alg"]) == (EAR, "logout+jwt", "ES256")
    assert claims["events"] == {EVENT: {}}
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER, "web", "person-li-na")
    assert claims["sid"] == jwt.decode(tokens["id_token"], options={"verify_signature": False})["sid"]
    assert claims["exp"] - claims["iat"] == 120
    assert "nonce" not in claims
    await city.bus.settle()
    assert len(ears.heard) == 1, "once"


async def test_one_that_does_not_answer_is_told_again_and_given_up(city: Identity, ears: Ears) -> None:
    tokens = await signed_in(city)
    ears.answers = False
    await _ends_it(city, tokens)
    waited = []
    for _ in range(TRIES + 2):
        before = len(ears.heard)
        begun = city.clock.now()
        await city.bus.settle()
        while len(ears.heard) == before and city.clock.now() < begun + timedelta(hours=1):
            city.clock.forward(timedelta(seconds=20))
            await city.bus.settle()
        waited.append(city.clock.now() - begun)
    assert len(ears.heard) == TRIES
    assert len({claims["jti"] for _, _, claims in ears.heard}) == 1, "a repeated one is known as the same"
    assert waited[1:TRIES] == sorted(waited[1:TRIES])


async def test_one_that_answers_late_is_told_no_more(city: Identity, ears: Ears) -> None:
    tokens = await signed_in(city)
    ears.answers = False
    await _ends_it(city, tokens)
    await city.bus.settle()
    ears.answers = True
    for _ in range(3):
        city.clock.forward(timedelta(minutes=1))
        await city.bus.settle()
    assert len(ears.heard) == 2


async def test_who_dies_while_telling_is_followed_by_another(city: Identity, ears: Ears) -> None:
    tokens = await signed_in(city)

    async def dies(address: str, token: str) -> bool:
        raise RuntimeError("killed")

    object.__setattr__(city.desk, "tell", dies)
    await _ends_it(city, tokens)
    await city.bus.settle()
    _, runtime, desk = build_for_tests(settings(), city.database, city.clock, city.bus, city.kms)
    await runtime.prepare()
    object.__setattr__(desk, "tell", ears)
    await runtime.timers.sweep()
    assert ears.heard == [], "the other may be at it still"
    city.clock.forward(timedelta(seconds=31))
    await runtime.timers.sweep()
    assert len(ears.heard) == 1


@pytest.mark.parametrize(
    ("status", "done"), [(200, True), (204, True), (400, True), (302, False), (500, False), (None, False)]
)
async def test_what_counts_as_heard(status: int | None, done: bool) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if status is None:
            raise httpx.ConnectError("away")
        return httpx.Response(status, headers={"location": "http://169.254.169.254/"})

    teller = Teller(httpx.MockTransport(answer))
    assert await teller(EAR, "a.b.c") is done
    await teller.close()
    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", EAR)
    assert parse_qs(request.content.decode()) == {"logout_token": ["a.b.c"]}
