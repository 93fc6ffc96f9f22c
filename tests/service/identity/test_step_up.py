"""Step-up: an application, a page or a route wants more than a password, and gets it in the session that is there."""

from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from services.identity.factors.commands import FRESH_S
from services.identity.sessions.domain import LIFE
from tests.service.identity.acts import TERMS
from tests.service.identity.conftest import ASKED, LI_NA, Identity
from tests.service.identity.walking import FACTORS, PORTAL, App, Walker, form, is_second, leads


@pytest.fixture
async def li(city: Identity) -> Walker:
    """Ms Li is signed in with her password, and sets up an app at another browser afterwards."""
    walker = Walker(city, city.http)
    leads(await walker.sign_in(), "/account")
    async with city.browser() as http:
        other = Walker(city, http)
        await other.sign_in()
        await other.add_app()
        walker.app, walker.codes = other.app, other.codes
    return walker


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# -- applications -----------------------------------------------------------------------------------------


async def test_an_application_steps_a_session_up_and_later_tokens_say_so(li: Walker) -> None:
    weak = (await li.tokens(await li.ask()))["access_token"]
    before = claims(weak)
    assert (before["acr"], "fv" in before) == ("aal1", False)
    li.city.clock.forward(timedelta(minutes=2))
    page = await li.ask(acr_values="aal2")
    is_second(page)
    assert 'name="password"' not in page.text
    stepped = claims((await li.tokens(await li.second(page)))["access_token"])
    assert (stepped["acr"], stepped["amr"], stepped["sid"]) == ("aal2", ["pwd", "otp", "mfa"], before["sid"])
    assert stepped["auth_time"] == int(li.city.clock.now().timestamp()) > before["auth_time"]
    await li.city.bus.settle()
    assert (await li.city.me(weak)).json()["code"] == "token_revoked", "it does not name the factors"
    later = claims((await li.tokens(await li.ask()))["access_token"])
    assert (later["acr"], later["auth_time"]) == ("aal2", stepped["auth_time"])
    assert (await li.ask(acr_values="aal2", prompt="none")).status_code == 303


async def test_a_session_that_is_stepped_up_ends_when_it_would_have(li: Walker) -> None:
    li.city.clock.forward(LIFE - timedelta(minutes=3))
    leads(await li.second(await li.get("/sign-in", acr_values="aal2")), "/account")
    li.city.clock.forward(timedelta(minutes=2))
    leads(await li.get("/account"), "/sign-in?next=%2Faccount")


async def test_refreshing_after_a_step_up_says_so_too(li: Walker) -> None:
    await li.city.put("/clients/web", {"kind": "application", "name": "Web", "redirect_uris": [PORTAL], "scopes": [
        "openid", "services", "offline_access"]})  # fmt: skip
    given = await li.tokens(await li.ask(scope="openid services offline_access"))
    await li.second(await li.ask(acr_values="aal2"))
    again = {"grant_type": "refresh_token", "client_id": "web", "refresh_token": given["refresh_token"]}
    assert claims((await li.city.http.post("/token", data=again)).json()["access_token"])["acr"] == "aal2"


@pytest.mark.parametrize(
    ("acr_values", "asked"), [("aal2", True), ("aal2 x", True), ("aal1", False), ("aal2 aal1", False), ("x", False)]
)
async def test_the_least_that_an_application_names_is_enough(li: Walker, acr_values: str, asked: bool) -> None:
    answer = await li.ask(acr_values=acr_values)
    assert answer.status_code == (200 if asked else 303)


async def test_where_nobody_may_be_asked_the_application_is_told_what_is_missing(li: Walker) -> None:
    told = li.told(await li.ask(acr_values="aal2", prompt="none"))
    assert told["error"] == "unmet_authentication_requirements"
    li.city.clock.forward(timedelta(minutes=5))
    assert li.told(await li.ask(acr_values="aal2", max_age="60", prompt="none"))["error"] == "login_required"
    async with li.city.browser() as http:
        assert li.told(await Walker(li.city, http).ask(acr_values="aal2", prompt="none"))["error"] == "login_required"


async def test_who_wants_to_be_asked_is_asked_for_all(li: Walker) -> None:
    page = await li.ask(acr_values="aal2", prompt="login")
    assert 'name="password"' in page.text
    is_second(await li.password(page))


async def test_at_an_address_of_any_program_s_the_person_is_always_asked(li: Walker) -> None:
    redirect = ASKED["redirect_uri"]
    is_second(await li.ask(acr_values="aal2", redirect_uri=redirect))
    await li.second(await li.ask(acr_values="aal2", redirect_uri=redirect))
    li.city.clock.forward(timedelta(seconds=30))
    assert 'name="password"' in (await li.ask(acr_values="aal2", redirect_uri=redirect)).text


async def test_an_old_proof_is_renewed_by_the_second_factor_alone(li: Walker) -> None:
    li.city.clock.forward(timedelta(minutes=10))
    page = await li.ask(max_age="300")
    is_second(page)
    given = claims((await li.tokens(await li.second(page)))["access_token"])
    assert given["auth_time"] == int(li.city.clock.now().timestamp())


# -- who has none yet -------------------------------------------------------------------------------------


async def test_who_has_no_factor_is_led_to_set_one_up_and_goes_on(city: Identity) -> None:
    li = Walker(city, city.http)
    for redirect in (PORTAL, ASKED["redirect_uri"]):
        answer = await li.password(await li.ask(acr_values="aal2", redirect_uri=redirect, prompt="login"))
        assert answer.status_code == 303
        page = await li.get(answer.headers["location"])
        assert "/authorize/resume" in page.text, "one can go back without"
        led = httpx.URL(answer.headers["location"]).params["next"]
        told = li.told(await li.get(led))
        assert told["error"] == "unmet_authentication_requirements"
    codes = await li.add_app(next=led)
    assert "/authorize/resume" in codes.text
    given = await li.tokens(await li.get(led))
    assert claims(given["access_token"])["acr"] == "aal2"


async def test_who_is_signed_in_and_has_no_factor_is_led_there_as_well(city: Identity) -> None:
    li = Walker(city, city.http)
    await li.sign_in()
    answer = await li.ask(acr_values="aal2")
    assert answer.headers["location"].startswith(f"{FACTORS}?next=%2Fauthorize%2Fresume%3Frequest%3D")
    led = httpx.URL(answer.headers["location"]).params["next"]
    await li.add_app(next=led)
    assert "code" in li.told(await li.get(led))


async def test_at_an_address_of_any_program_s_nobody_is_led_without_being_asked(city: Identity) -> None:
    li = Walker(city, city.http)
    await li.sign_in()
    page = await li.ask(acr_values="aal2", redirect_uri=ASKED["redirect_uri"])
    assert (page.status_code, 'name="password"' in page.text) == (200, True)


async def test_waiting_is_no_way_around_setting_one_up(city: Identity) -> None:
    li = Walker(city, city.http)
    answer = await li.password(await li.ask(acr_values="aal2", max_age="60"))
    led = httpx.URL(answer.headers["location"]).params["next"]
    city.clock.forward(timedelta(seconds=61))
    assert li.told(await li.get(led))["error"] == "unmet_authentication_requirements"


async def test_what_was_led_away_is_resumed_by_the_same_person_and_browser_only(city: Identity) -> None:
    await city.put("/people/person-wang-wei", LI_NA | {"login": "wang.wei", "mail": None})
    li = Walker(city, city.http)
    answer = await li.password(await li.ask(acr_values="aal2"))
    led = httpx.URL(answer.headers["location"]).params["next"]
    async with city.browser() as http:
        thief = Walker(city, http, "wang.wei")
        await thief.sign_in()
        assert (await thief.get(led)).status_code == 400
    wang = Walker(city, city.http, "wang.wei")
    await wang.password(await wang.get("/sign-in", prompt="login"))
    assert (await wang.get(led)).status_code == 400


def plant(http: httpx.AsyncClient, kept: str) -> None:
    """Make it the session cookie of a browser."""
    http.cookies.clear()
    http.cookies.set("tongban_session", kept, "127.0.0.1", "/")


# -- who took the session before --------------------------------------------------------------------------


async def test_who_stole_the_session_before_has_nothing_of_the_step_up(li: Walker) -> None:
    async with li.city.browser() as http:
        plant(http, li.http.cookies["tongban_session"])
        thief = Walker(li.city, http)
        assert (await thief.get("/account")).status_code == 200
        await li.second(await li.ask(acr_values="aal2"))
        leads(await thief.get("/account"), "/sign-in?next=%2Faccount")
        assert "error=login_required" in (await thief.ask(prompt="none")).headers["location"]
    assert (await li.get("/account")).status_code == 200


async def test_a_planted_session_is_not_stepped_up_for_whoever_planted_it(li: Walker) -> None:
    """The thief's own session in her browser asks for his factor; signing in as herself leaves it."""
    await li.city.put("/people/person-wang-wei", LI_NA | {"login": "wang.wei", "mail": None})
    async with li.city.browser() as http:
        thief = Walker(li.city, http, "wang.wei")
        await thief.sign_in()
        await thief.add_app()
        planted = http.cookies["tongban_session"]
        plant(li.http, planted)
        li.city.clock.forward(timedelta(minutes=10))
        page = await li.get("/sign-in", max_age="300")
        is_second(page)
        assert (await li.second(page)).status_code == 422, "her code is not his"
        page = await li.password(await li.get("/sign-in", prompt="login"))
        leads(await li.second(page), "/account")
        assert li.http.cookies["tongban_session"].partition(".")[0] != planted.partition(".")[0]
        leads(await thief.get("/account"), "/sign-in?next=%2Faccount")


async def test_a_step_up_is_for_the_session_that_asked(li: Walker) -> None:
    page = await li.get("/sign-in", acr_values="aal2")
    await li.send(form(await li.get("/logout"), "/logout/confirmed"))
    assert (await li.second(page)).status_code == 400


# -- changing one's factors -------------------------------------------------------------------------------

CHANGING = [f"{FACTORS}/app", f"{FACTORS}/passkeys/new", f"{FACTORS}/recovery", f"{FACTORS}/remove"]


@pytest.mark.parametrize("path", CHANGING)
async def test_factors_are_changed_by_who_has_shown_one_of_late(li: Walker, path: str) -> None:
    answer = await li.get(path)
    assert answer.status_code == 303
    back = httpx.URL(answer.headers["location"])
    assert back.path == "/sign-in"
    assert dict(back.params) == {"next": path, "max_age": str(FRESH_S), "acr_values": "aal2"}
    page = await li.get(answer.headers["location"])
    is_second(page)
    leads(await li.second(page), path)
    assert (await li.get(path)).status_code in (200, 400)
    li.city.clock.forward(timedelta(seconds=FRESH_S + 1))
    assert (await li.get(path)).status_code == 303


@pytest.mark.parametrize("path", CHANGING[:2])
async def test_the_first_one_is_added_by_who_has_shown_the_password_of_late(city: Identity, path: str) -> None:
    li = Walker(city, city.http)
    await li.sign_in()
    kept = city.http.cookies["tongban_session"]
    city.clock.forward(timedelta(seconds=FRESH_S + 1))
    answer = await li.get(path)
    back = httpx.URL(answer.headers["location"])
    assert dict(back.params) == {"next": path, "max_age": str(FRESH_S)}
    page = await li.get(answer.headers["location"])
    assert 'name="password"' in page.text
    leads(await li.password(page), path)
    assert (await li.get(path)).status_code in (200, 400)
    now = city.http.cookies["tongban_session"]
    assert now != kept, "another secret"
    assert now.partition(".")[0] == kept.partition(".")[0], "the same session: applications are not signed out"


async def test_a_form_that_is_kept_open_takes_nothing_away(li: Walker) -> None:
    await li.second(await li.get("/sign-in", acr_values="aal2"))
    removal = form(await li.get(f"{FACTORS}/remove"), f"{FACTORS}/remove")
    li.city.clock.forward(timedelta(seconds=FRESH_S + 1))
    answer = await li.send(removal)
    assert answer.headers["location"].startswith("/sign-in?max_age=")
    assert (await li.city.desk.factors.collection.find({}))[0]["app"] is not None


async def test_the_api_asks_for_two_factors_of_late_and_says_how(li: Walker) -> None:
    weak = (await li.tokens(await li.ask()))["access_token"]
    for path in ("/me/factors/app", "/me/factors/passkeys/x"):
        answer = await li.http.delete(path, headers=bearer(weak))
        assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('Bearer error="insufficient_user_authentication", ')
        assert 'acr_values="aal2", max_age="300"' in challenge
    sure = (await li.tokens(await li.second(await li.ask(acr_values="aal2", max_age="300"))))["access_token"]
    seen = await li.http.get("/me/factors", headers=bearer(sure))
    assert seen.json()["recovery_codes"] == 10
    assert seen.json()["app_since"] is not None
    assert (await li.http.delete("/me/factors/passkeys/x", headers=bearer(sure))).status_code == 404
    li.city.clock.forward(timedelta(seconds=FRESH_S - 1))
    late = (await li.tokens(await li.ask()))["access_token"]
    li.city.clock.forward(timedelta(seconds=10))
    assert (await li.http.delete("/me/factors/app", headers=bearer(late))).status_code == 401
    fresh = (await li.tokens(await li.second(await li.ask(max_age="300"))))["access_token"]
    assert (await li.http.delete("/me/factors/app", headers=bearer(fresh))).status_code == 204
    assert (await li.http.get("/me/factors", headers=bearer(weak))).status_code == 401, "it is over by now"


# -- giving power away, and taking it on -------------------------------------------------------------------

MANDATES, OFFERING = "/account/mandates", "/account/mandates/new"


async def offered(li: Walker, key: str, agent: str, giver: str) -> httpx.Response:
    """Somebody offers a mandate in the API."""
    await li.city.put("/people/person-wang-wei", LI_NA | {"login": "wang.wei", "mail": None})
    wish = {"agent": agent, "terms": TERMS}
    return await li.http.post("/mandates", json=wish, headers=bearer(giver) | {"Idempotency-Key": key})


async def by_wang(li: Walker) -> str:
    """The id of a mandate that Mr Wang, who has no second factor, offers her."""
    async with li.city.browser() as http:
        await li.city.put("/people/person-wang-wei", LI_NA | {"login": "wang.wei", "mail": None})
        wang = Walker(li.city, http, "wang.wei")
        token = (await wang.tokens(await wang.sign_in("/authorize", **ASKED)))["access_token"]
    answer = await offered(li, "k-wang", "person-li-na", token)
    assert answer.status_code == 201, "a right password of late is all that he can show"
    id_: str = answer.json()["id"]
    return id_


async def test_a_mandate_is_offered_on_a_page_by_who_has_shown_a_factor_of_late(li: Walker) -> None:
    await li.city.put("/people/person-wang-wei", LI_NA | {"login": "wang.wei", "mail": None})
    assert (await li.get(MANDATES)).status_code == 200, "to look at them nothing is wanted"
    back = httpx.URL((await li.get(OFFERING)).headers["location"])
    assert dict(back.params) == {"next": OFFERING, "max_age": str(FRESH_S), "acr_values": "aal2"}
    leads(await li.second(await li.get(str(back))), OFFERING)
    page = form(await li.get(OFFERING), MANDATES)
    li.city.clock.forward(timedelta(seconds=FRESH_S + 1))
    fields = {"agent": "person-wang-wei", "acts": "apply", "until": "2026-12-31"}
    leads(await li.send(page, **fields), MANDATES)
    assert "待接受" in (await li.get(MANDATES)).text, "nothing that was typed is lost"
    assert (await li.get(OFFERING)).status_code == 303, "the next one wants it again"


async def test_who_has_no_factor_offers_one_with_the_password_of_late(city: Identity) -> None:
    li = Walker(city, city.http)
    await li.sign_in()
    assert (await li.get(OFFERING)).status_code == 200
    city.clock.forward(timedelta(seconds=FRESH_S + 1))
    back = httpx.URL((await li.get(OFFERING)).headers["location"])
    assert dict(back.params) == {"next": OFFERING, "max_age": str(FRESH_S)}
    leads(await li.password(await li.get(str(back))), OFFERING)


async def test_agreeing_to_a_mandate_wants_a_factor_and_ending_it_wants_nothing(li: Walker) -> None:
    await by_wang(li)
    answering = form(await li.get(MANDATES), f"{MANDATES}/answer")
    back = httpx.URL((await li.send(answering, answer="accept")).headers["location"])
    assert dict(back.params) == {"next": MANDATES, "max_age": str(FRESH_S), "acr_values": "aal2"}
    assert "待接受" in (await li.get(MANDATES)).text
    leads(await li.second(await li.get(str(back))), MANDATES)
    await li.send(form(await li.get(MANDATES), f"{MANDATES}/answer"), answer="accept")
    page = await li.get(MANDATES)
    assert "有效" in page.text
    li.city.clock.forward(timedelta(seconds=FRESH_S + 1))
    await li.send(form(page, f"{MANDATES}/answer"), answer="end")
    assert "已结束" in (await li.get(MANDATES)).text


async def test_the_api_asks_who_gives_power_or_takes_it_on_for_a_factor_of_late(li: Walker) -> None:
    mandate = await by_wang(li)
    weak = (await li.tokens(await li.ask()))["access_token"]
    for answer in (
        await offered(li, "k-1", "person-wang-wei", weak),
        await li.http.post(f"/mandates/{mandate}/accept", headers=bearer(weak)),
    ):
        assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
        assert 'acr_values="aal2", max_age="300"' in answer.headers["www-authenticate"]
    sure = (await li.tokens(await li.second(await li.ask(acr_values="aal2", max_age="300"))))["access_token"]
    assert (await offered(li, "k-1", "person-wang-wei", sure)).status_code == 201
    assert (await li.http.post(f"/mandates/{mandate}/accept", headers=bearer(sure))).status_code == 200
    li.city.clock.forward(timedelta(seconds=FRESH_S + 10))
    late = (await li.tokens(await li.ask()))["access_token"]
    assert (await offered(li, "k-2", "person-wang-wei", late)).status_code == 401
    assert (await li.http.delete(f"/mandates/{mandate}", headers=bearer(late))).status_code == 200, "ending never"


async def test_the_api_asks_who_has_no_factor_for_the_password_of_late(city: Identity) -> None:
    li = Walker(city, city.http)
    await li.sign_in()
    city.clock.forward(timedelta(seconds=FRESH_S + 10))
    late = (await li.tokens(await li.ask()))["access_token"]
    answer = await offered(li, "k-1", "person-wang-wei", late)
    assert answer.status_code == 401
    assert 'acr_values="aal1", max_age="300"' in answer.headers["www-authenticate"]


async def test_the_metadata_name_what_can_be_asked_for(li: Walker) -> None:
    told = (await li.http.get("/.well-known/openid-configuration")).json()
    assert told["acr_values_supported"] == ["aal1", "aal2"]


async def test_another_person_s_app_is_no_help(li: Walker) -> None:
    stranger = App(li.city.clock, b"x" * 20)
    assert (await li.second(await li.ask(acr_values="aal2"), code=stranger.code())).status_code == 422


async def test_a_form_that_is_none_is_no_way_around_the_proof(city: Identity) -> None:
    """The answer to it holds a good form: for who has proved of late only."""
    li = Walker(city, city.http)
    leads(await li.sign_in(), "/account")
    await li.add_app()
    city.clock.forward(timedelta(hours=3))
    assert (await li.get("/account/mandates/new")).status_code == 303
    refused = await li.http.post("/account/mandates", data={"agent": "person-wang-wei"})
    assert (refused.status_code, 'name="request"' in refused.text) == (303, False)
    assert refused.headers["location"].startswith("/sign-in?")
