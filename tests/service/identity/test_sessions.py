"""Sessions: seen and ended by their person, and gone everywhere at once."""

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from services.identity.sessions.commands import begin
from services.identity.sessions.domain import KEPT, LIFE
from services.identity.sessions.store import MOST
from shared.audit.actors import visitor
from shared.contracts.identity import CANARY, RevocationPublished
from tests.service.identity.conftest import ASKED, LI_NA, OPERATOR_SECRET, RETURN, WEB, Identity

PORTAL = "https://portal.example.org/back"
POST = {"organisation": "police", "division": "2102", "roles": ["clerk"]}


async def token(city: Identity, **who: str) -> str:
    found: str = (await city.redeem(await city.code(**who))).json()["access_token"]
    return found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def sessions(city: Identity, token: str) -> list[dict[str, Any]]:
    answer = await city.http.get("/me/sessions", headers=bearer(token))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def ends(city: Identity) -> int:
    """How often a session was said to be over."""
    return sum(row["scope"].startswith("session:") for row in city.bus.said(RevocationPublished))


async def revoked(city: Identity, token: str) -> bool:
    await city.bus.settle()
    answer = await city.me(token)
    return answer.status_code == 401 and answer.json()["code"] == "token_revoked"


def told(answer: httpx.Response) -> dict[str, list[str]]:
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith((RETURN, PORTAL))
    return parse_qs(urlsplit(answer.headers["location"]).query)


async def ask(city: Identity, http: httpx.AsyncClient | None = None, **changes: str) -> httpx.Response:
    """The portal, whose address only it can have, asks."""
    return await (http or city.http).get("/authorize", params=ASKED | {"redirect_uri": PORTAL} | changes)


# -- going on ---------------------------------------------------------------------------------------------


async def test_who_is_signed_in_is_not_asked_again(city: Identity) -> None:
    first = await token(city)
    second = (await city.redeem(told(await ask(city))["code"][0], redirect_uri=PORTAL)).json()["access_token"]
    assert [one["current"] for one in await sessions(city, second)] == [True], "it is the same session"
    assert (await city.me(first)).json() == (await city.me(second)).json()


async def test_another_browser_is_asked(city: Identity) -> None:
    await token(city)
    async with city.browser() as other:
        assert (await ask(city, other)).status_code == 200
        assert told(await ask(city, other, prompt="none"))["error"] == ["login_required"]


async def test_who_asks_from_an_address_that_any_program_can_take_is_not_answered_behind_the_person_s_back(
    city: Identity,
) -> None:
    await token(city)
    for port in (5173, 49152):
        address = f"http://127.0.0.1:{port}/signed-in"
        assert (await ask(city, redirect_uri=address)).status_code == 200, "RFC 8252 section 8.6"
        refused = await ask(city, redirect_uri=address, prompt="none")
        assert refused.headers["location"].startswith(f"{address}?error=login_required&")


@pytest.mark.parametrize("prompt", ["login", "select_account", "consent", "login consent"])
async def test_an_application_can_have_the_person_asked(city: Identity, prompt: str) -> None:
    await token(city)
    assert (await ask(city, prompt=prompt)).status_code == 200


async def test_an_application_can_want_a_fresh_session(city: Identity) -> None:
    await token(city)
    city.clock.forward(timedelta(seconds=61))
    assert told(await ask(city, max_age="61"))["code"]
    assert (await ask(city, max_age="60")).status_code == 200
    assert told(await ask(city, max_age="60", prompt="none"))["error"] == ["login_required"]
    assert told(await ask(city, prompt="none"))["code"]


async def test_another_language_is_no_way_around_being_asked(city: Identity) -> None:
    await token(city)
    page = await ask(city, prompt="login", max_age="60")
    other = re.search(r'href="(/authorize[^"]+)"', page.text)
    assert other
    assert (await city.http.get(html.unescape(other[1]))).status_code == 200


@pytest.mark.parametrize("changes", [{"prompt": "x"}, {"prompt": "none login"}, {"max_age": "-1"}, {"max_age": "١"}])
async def test_what_is_no_wish_is_refused(city: Identity, changes: dict[str, str]) -> None:
    assert told(await ask(city, None, **changes))["error"] == ["invalid_request"]


async def test_a_session_lasts_half_a_day(city: Identity) -> None:
    await token(city)
    city.clock.forward(LIFE - timedelta(seconds=1))
    assert told(await ask(city))["code"]
    city.clock.forward(timedelta(seconds=1))
    assert (await ask(city)).status_code == 200
    await city.bus.settle()
    assert ends(city) == 1
    city.clock.forward(KEPT)
    await city.bus.settle()
    assert await city.database.collection("sessions").find({}) == []


async def test_who_signs_in_again_leaves_the_session_that_was_there(city: Identity) -> None:
    before, cookie = await token(city), city.http.cookies["tongban_session"]
    answer = await city.submit(await city.form(prompt="login"))
    assert told(answer)["code"]
    assert city.http.cookies["tongban_session"] != cookie, "nobody can have planted it"
    assert await revoked(city, before)


async def test_the_secret_of_the_browser_is_out_of_reach(city: Identity) -> None:
    answer = await city.submit(await city.form())
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("tongban_session="))
    assert {"httponly", "samesite=lax", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    secret = city.http.cookies["tongban_session"]
    assert secret not in str(await city.database.collection("sessions").find({}))
    assert secret not in answer.text + answer.headers["location"]


# -- ending -----------------------------------------------------------------------------------------------


async def test_one_sees_where_one_is_signed_in_and_ends_what_is_not_wanted(city: Identity) -> None:
    here = await token(city)
    async with city.browser() as phone:
        request = await city.form(phone)
        sent = {"request": request, "login": "li.na", "password": str(LI_NA["password"])}
        answer = await phone.post("/authorize", data=sent, headers={"User-Agent": "Phone/1 " + "x" * 300})
        there = (await city.redeem(told(answer)["code"][0])).json()["access_token"]
        found = await sessions(city, here)
        assert {one["current"]: one["browser"][:7] for one in found} == {True: "python-", False: "Phone/1"}
        assert all(len(one["browser"]) <= 200 for one in found)
        lost = next(one["id"] for one in found if not one["current"])
        for _ in range(2):
            ended = await city.http.delete(f"/me/sessions/{lost}", headers=bearer(here))
            assert ended.status_code == 204
        assert await revoked(city, there)
        assert (await city.me(here)).status_code == 200
        assert len(await sessions(city, here)) == 1
        assert (await ask(city, phone)).status_code == 200, "the phone is asked to sign in"
    assert ends(city) == 1


async def test_a_code_is_worth_nothing_once_its_session_is_over(city: Identity) -> None:
    first = await token(city)
    code = told(await ask(city))["code"][0]
    await city.http.delete("/me/sessions", headers=bearer(first))
    assert (await city.redeem(code, redirect_uri=PORTAL)).json()["error"] == "invalid_grant"


async def test_a_code_that_two_have_with_its_proof_ends_what_it_gave(city: Identity) -> None:
    code = await city.code()
    hers = (await city.redeem(code)).json()["access_token"]
    assert (await city.redeem(code, code_verifier="w" * 43)).json()["error"] == "invalid_grant"
    assert not await revoked(city, hers), "who only saw the code signs nobody out"
    assert (await city.redeem(code)).json()["error"] == "invalid_grant"
    assert await revoked(city, hers)


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"redirect_uris": [PORTAL]}, "invalid_grant"), (None, "invalid_client")],
    ids=["its address goes", "it becomes another"],
)
async def test_a_code_is_worth_nothing_once_its_application_lost_what_it_came_by(
    city: Identity, changes: dict[str, Any] | None, error: str
) -> None:
    form, code = await city.form(), await city.code()
    body = WEB | changes if changes else {"kind": "operator", "name": "Web", "secret": "x" * 20}
    assert (await city.put("/clients/web", body)).status_code == 200
    assert (await city.redeem(code)).json()["error"] == error
    assert (await city.submit(form)).status_code == 400, "nor is anybody sent there any more"


async def test_nobody_ends_somebody_else_s_session(city: Identity) -> None:
    await city.put("/people/person-wang-wei", LI_NA | {"login": "wang.wei", "mail": None})
    hers = await token(city)
    (one,) = await sessions(city, hers)
    async with city.browser() as his:
        answer = await his.post(
            "/authorize",
            data={"request": await city.form(his), "login": "wang.wei", "password": str(LI_NA["password"])},
        )
        intruder = (await city.redeem(told(answer)["code"][0])).json()["access_token"]
        answer = await city.http.delete(f"/me/sessions/{one['id']}", headers=bearer(intruder))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not await revoked(city, hers)


@pytest.mark.parametrize("by", ["herself", "an operator"])
async def test_signed_out_everywhere(city: Identity, by: str) -> None:
    hers = await token(city)
    path, headers = ("/me/sessions", bearer(hers)) if by == "herself" else (
        "/people/person-li-na/sessions", city.operator()
    )  # fmt: skip
    answer = await city.http.delete(path, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"sessions": 1})
    assert await revoked(city, hers)
    assert (await ask(city)).status_code == 200, "the browser is asked to sign in"
    assert not await revoked(city, await token(city)), "she can sign in again"


# -- whatever narrows ends what was given -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({"password": "another-password"}, True),
        ({"posts": [POST]}, True),
        ({}, False),
        ({"name": "canary-other"}, False),
        ({"mail": None, "language": "en"}, False),
    ],
    ids=str,
)
async def test_another_password_or_post_ends_a_person_s_tokens_and_sessions(
    city: Identity, changes: dict[str, Any], ends: bool
) -> None:
    hers = await token(city)
    assert (await city.put("/people/person-li-na", LI_NA | changes)).status_code == 200
    assert await revoked(city, hers) is ends
    assert (await ask(city)).status_code == (200 if ends else 303)


PROGRAM = {
    "kind": "department",
    "name": "Police system",
    "secret": "secret-of-the-police",
    "organisation": "police",
    "division": "2102",
}


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({"secret": "another-secret-of-theirs"}, True),
        ({"organisation": "hrss"}, True),
        ({"division": "210203"}, True),
        ({"division": None}, True),
        ({"kind": "operator", "organisation": None}, True),
        ({"name": "Other"}, False),
        ({}, False),
    ],
    ids=str,
)
async def test_what_makes_a_program_another_one_ends_its_tokens(
    city: Identity, changes: dict[str, Any], ends: bool
) -> None:
    assert (await city.put("/clients/police", PROGRAM)).status_code == 200
    given = (await city.client_token("police", str(PROGRAM["secret"]))).json()["access_token"]
    answer = await city.put("/clients/police", PROGRAM | changes)
    assert answer.status_code == 200, answer.text
    assert await revoked(city, given) is ends
    fresh = await city.client_token("police", str((PROGRAM | changes)["secret"]))
    assert not await revoked(city, fresh.json()["access_token"])


@pytest.mark.parametrize(
    ("addresses", "ends"), [([RETURN], True), ([*WEB["redirect_uris"], "https://new.example.org/"], False)]
)
async def test_an_application_that_loses_an_address_loses_the_tokens_it_has(
    city: Identity, addresses: list[str], ends: bool
) -> None:
    hers = await token(city)
    await city.put("/clients/web", WEB | {"redirect_uris": addresses})
    assert await revoked(city, hers) is ends


# -- the canary -------------------------------------------------------------------------------------------


def sung(city: Identity) -> list[tuple[str, int]]:
    rows = city.bus.said(RevocationPublished)
    return [(row["scope"], row["lowest"]) for row in rows if row["scope"].startswith(CANARY)]


async def test_a_canary_sings_each_minute(city: Identity) -> None:
    before = len(sung(city))
    for _ in range(3):
        city.clock.forward(timedelta(minutes=1))
        await city.bus.settle()
    assert len(sung(city)) == before + 3
    assert len({scope for scope, _ in sung(city)}) == 1, "one subject, of which the topic keeps the last row"
    assert "tongban_revocation_canary_seconds 0.0" in (await city.http.get("/metrics")).text
    given = (await city.client_token("operator", OPERATOR_SECRET)).json()["access_token"]
    assert (await city.me(given)).status_code == 200


async def test_a_canary_has_half_a_day_and_leaves_nothing_for_good(city: Identity) -> None:
    canaries = city.database.collection("canaries")
    for _ in range(10):
        city.clock.forward(timedelta(hours=12))
        await city.bus.settle()
    assert len({scope for scope, _ in sung(city)}) == 11
    assert 1 < len(await canaries.find({})) < 7


async def test_while_the_bus_is_away_a_canary_waits_and_nothing_turns_in_circles(city: Identity) -> None:
    before = len(sung(city))
    city.bus.failing = ConnectionError("away")
    for _ in range(5):
        city.clock.forward(timedelta(days=1))
        await city.bus.settle()
    assert len(sung(city)) == before


async def test_who_has_many_sessions_sees_the_newest_and_leaves_all(city: Identity) -> None:
    hers = await token(city)
    person = await city.desk.people.get("person-li-na")
    for _ in range(MOST + 5):
        city.clock.forward(timedelta(milliseconds=1))
        await begin(city.desk, visitor("test"), person, "")
    assert len(await sessions(city, hers)) == MOST
    await city.http.delete("/me/sessions", headers=bearer(hers))
    assert await city.database.collection("sessions").find({"ended_at": None}) == []


async def test_the_cookie_is_this_host_s_alone_where_there_is_https(city: Identity) -> None:
    answer = await city.submit(await city.form())
    assert "__Host-" not in str(answer.headers.get_list("set-cookie"))
    object.__setattr__(city.desk, "issuer", "https://identity.example.org")
    city.http.base_url = httpx.URL("https://identity.example.org")
    answer = await city.submit(await city.form())
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-tongban_session="))
    assert {"secure", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    assert "domain" not in cookie.lower()
    pages = [await city.http.get("/sign-in", params={"prompt": "login"}), await city.http.get("/account?ui_locales=en")]
    for name in ("browser", "language"):
        (cookie,) = (c for page in pages for c in page.headers.get_list("set-cookie") if f"_{name}=" in c)
        assert cookie.startswith(f"__Host-tongban_{name}=")
        assert {"secure", "httponly"} <= {part.strip().lower() for part in cookie.split(";")}
