"""The authenticator app and recovery codes: setting up, signing in with them, and each way around them."""

import asyncio
import base64
import re
from dataclasses import replace
from datetime import timedelta

import httpx
import jwt
import pytest

from services.identity.signin.domain import HALFWAY
from shared.contracts.identity import ActNoted
from shared.store.repository import EPOCH
from tests.service.identity.conftest import LI_NA, WEB, Identity
from tests.service.identity.walking import FACTORS, App, Walker, form, is_second, leads


@pytest.fixture
async def li(city: Identity) -> Walker:
    """Ms Li is signed in and has an app."""
    walker = Walker(city, city.http)
    leads(await walker.sign_in(), "/account")
    assert (await walker.add_app()).status_code == 200
    return walker


def elsewhere(li: Walker, http: httpx.AsyncClient) -> Walker:
    """She, at another browser."""
    return Walker(li.city, http, app=li.app, codes=li.codes)


# -- setting up -------------------------------------------------------------------------------------------


async def test_the_app_is_set_up_by_picture_or_text_and_its_first_code(city: Identity) -> None:
    li = Walker(city, city.http)
    await li.sign_in()
    page = await li.get(f"{FACTORS}/app")
    assert "<svg" in page.text
    assert "style=" not in page.text
    shown = re.search(r'class="secret">([A-Z2-7 ]+)<', page.text)
    assert shown
    assert len(shown[1].replace(" ", "")) == 32
    wrong = await li.send(form(page, f"{FACTORS}/app"), code="000000")
    assert wrong.status_code == 422
    assert shown[1] in wrong.text, "the same secret: it need not be read again"
    assert (await li.send(form(page, f"{FACTORS}/app"), code=" ")).status_code == 422
    codes = await li.add_app()
    assert codes.status_code == 200
    assert len(set(li.codes)) == 10
    assert all(re.fullmatch(r"([0-9a-hjkmnp-tv-z]{5}-){4}[0-9a-hjkmnp-tv-z]{5}", code) for code in li.codes)
    assert codes.headers["cache-control"] == "no-store"


async def test_secrets_and_codes_are_not_in_the_store(li: Walker) -> None:
    kept = str(await li.city.database.collection("factors").find({}))
    assert li.app
    for secret in (li.app.secret.hex(), str(li.app.secret), *li.codes, *(code.replace("-", "") for code in li.codes)):
        assert secret not in kept


async def test_a_set_up_form_works_once(city: Identity) -> None:
    li = Walker(city, city.http)
    await li.sign_in()
    page = await li.get(f"{FACTORS}/app")
    await li.add_app()
    again = await li.send(form(page, f"{FACTORS}/app"), code="123456")
    assert again.status_code == 400, "the session's secret is another one since"


async def test_nor_does_it_work_twice_at_once(city: Identity) -> None:
    li = Walker(city, city.http)
    await li.sign_in()
    page = await li.get(f"{FACTORS}/app")
    shown = re.search(r'class="secret">([A-Z2-7 ]+)<', page.text)
    assert shown
    code = App(city.clock, base64.b32decode(shown[1].replace(" ", ""))).code()
    answers = await asyncio.gather(*(li.send(form(page, f"{FACTORS}/app"), code=code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers)[0] == 200
    assert sum("<code>" in answer.text and answer.status_code == 200 for answer in answers) == 1
    assert (await city.desk.factors.collection.find({}))[0]["token_version"] == 1, "nothing was replaced"


async def test_codes_are_shown_once_and_a_second_factor_brings_none(li: Walker) -> None:
    before = li.codes
    page = await li.get(FACTORS)
    assert not any(code in page.text for code in before)
    leads(await li.add_app(), FACTORS)
    assert li.codes == before


# -- signing in -------------------------------------------------------------------------------------------


async def test_a_password_alone_does_not_sign_in_who_has_an_app(li: Walker) -> None:
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        page = await other.sign_in()
        is_second(page)
        assert "tongban_session" not in http.cookies
        leads(await other.get("/account"), "/sign-in?next=%2Faccount")
        leads(await other.second(page), "/account")
        assert str(LI_NA["name"]) in (await other.get("/account")).text


async def test_tokens_say_how_surely_somebody_is_known(li: Walker) -> None:
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        given = await other.tokens(await other.second(await other.password(await other.ask(scope="openid services"))))
    now = int(li.city.clock.now().timestamp())
    for token in (given["access_token"], given["id_token"]):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert (claims["acr"], claims["amr"], claims["auth_time"]) == ("aal2", ["pwd", "otp", "mfa"], now)


async def test_a_code_works_once_and_none_before_it_after_it(li: Walker) -> None:
    assert li.app
    code, earlier = li.app.code(), li.app.code(-1)
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        page = await other.sign_in()
        leads(await other.second(page, code=code), "/account")
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        for used in (code, earlier):
            refused = await other.second(await other.sign_in(), code=used)
            assert refused.status_code == 422
            assert 'id="code-wrong"' in refused.text
        li.city.clock.forward(timedelta(seconds=30))
        leads(await other.second(await other.sign_in()), "/account")


@pytest.mark.parametrize(("steps", "is_right"), [(-2, False), (-1, True), (1, True), (2, False)])
async def test_a_clock_may_be_wrong_by_a_step(li: Walker, steps: int, is_right: bool) -> None:
    assert li.app
    li.city.clock.forward(timedelta(minutes=2))
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        answer = await other.second(await other.sign_in(), code=f" {li.app.code(steps)[:3]} {li.app.code(steps)[3:]} ")
    assert (answer.status_code == 303) is is_right


async def test_a_recovery_code_works_once_however_it_is_typed(li: Walker) -> None:
    typed = li.codes[0].upper().replace("-", " ").replace("0", "O")
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        leads(await other.second(await other.sign_in(), recovery=typed), "/account")
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        refused = await other.second(await other.sign_in(), recovery=typed)
        assert refused.status_code == 422
        leads(await other.second(refused, recovery=li.codes[1]), "/account")
        page = await other.get(FACTORS, ui_locales="en")
    assert "8 are left" in page.text


async def test_new_recovery_codes_end_the_old_ones(li: Walker) -> None:
    old = li.codes
    asked = form(await li.get(f"{FACTORS}/recovery"), f"{FACTORS}/recovery")
    li._keep(await li.send(asked))
    assert len({*old, *li.codes}) == 20
    again = await li.send(asked)
    assert (again.status_code, "<code>" in again.text) == (409, False)
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        page = await other.sign_in()
        assert (await other.second(page, recovery=old[0])).status_code == 422
        leads(await other.second(page, recovery=li.codes[0]), "/account")


# -- ways around it ---------------------------------------------------------------------------------------


async def test_no_later_step_is_reached_without_the_earlier_one(li: Walker) -> None:
    """A sign-in page's form is none of the second factor's, nobody's halfway is made up, and nothing is resumed."""
    assert li.app
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        door = form(await other.get("/sign-in"), "/authorize").fields["request"]
        for request in ("", "x.y.z", door):
            for path in ("/authorize/second", "/authorize/passkey"):
                if (request, path) != (door, "/authorize/passkey"):
                    answer = await http.post(path, data={"request": request, "code": li.app.code()})
                    assert (answer.status_code, "location" in answer.headers) == (400, False)
            answer = await other.get("/authorize/resume", request=request)
            assert (answer.status_code, "location" in answer.headers) == (400, False)
        half = await other.sign_in()
        request = form(half, "/authorize/second").fields["request"]
        assert (
            await http.post("/authorize", data={"request": request, "login": "x", "password": "x"})
        ).status_code == 400
        assert (await other.get("/authorize/resume", request=request)).status_code == 400
        assert "tongban_session" not in http.cookies


async def test_a_stolen_second_factor_page_is_worth_nothing_in_another_browser(li: Walker) -> None:
    async with li.city.browser() as victim, li.city.browser() as thief:
        page = await elsewhere(li, victim).sign_in()
        await thief.get("/sign-in")
        assert (await elsewhere(li, thief).second(page)).status_code == 400
        assert "tongban_session" not in thief.cookies
        leads(await elsewhere(li, victim).second(page), "/account")


async def test_what_is_halfway_is_over_after_ten_minutes_however_often_it_is_tried(li: Walker) -> None:
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        page = await other.sign_in()
        li.city.clock.forward(HALFWAY - timedelta(seconds=1))
        page = await other.second(page, code="000000")
        assert page.status_code == 422
        li.city.clock.forward(timedelta(seconds=1))
        assert (await other.second(page)).status_code == 400


@pytest.mark.parametrize("act", ["signed out everywhere", "another password"])
async def test_what_is_halfway_is_over_when_the_password_counts_no_more(li: Walker, act: str) -> None:
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        page = await other.sign_in()
        if act == "another password":
            await li.city.put("/people/person-li-na", LI_NA | {"password": "another password"})
        else:
            await li.city.http.delete("/people/person-li-na/sessions", headers=li.city.operator())
        assert (await other.second(page)).status_code == 400


async def test_what_is_halfway_is_over_when_who_asked_is_not_known_any_more(li: Walker) -> None:
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        page = await other.password(await other.ask())
        await li.city.put("/clients/web", WEB | {"redirect_uris": ["https://other.example.org/"]})
        assert (await other.second(page)).status_code == 400
        assert "tongban_session" not in http.cookies


async def test_a_second_factor_page_works_once(li: Walker) -> None:
    """Who comes to the computer afterwards and goes back in the browser has not the password by it."""
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        page = await other.sign_in()
        leads(await other.second(page), "/account")
        await other.send(form(await other.get("/logout"), "/logout/confirmed"))
        li.city.clock.forward(timedelta(seconds=30))
        assert (await other.second(page)).status_code == 400
        assert "tongban_session" not in http.cookies


async def test_codes_are_not_guessed_by_trying(li: Walker) -> None:
    """Not by trying in many browsers either: the person's wrong codes are counted, wherever they come from."""
    statuses = []
    for n in range(7):
        async with li.city.browser(f"10.0.0.{n}") as http:
            other = elsewhere(li, http)
            statuses.append((await other.second(await other.sign_in(), code="000000")).status_code)
    assert statuses == [422] * 5 + [429] * 2
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        page = await other.sign_in()
        waits = await other.second(page)
        assert (waits.status_code, waits.headers["retry-after"]) == (429, "1"), "nor by the right one in between"
        li.city.clock.forward(timedelta(seconds=1))
        assert (await other.second(page, recovery="x" * 25)).status_code == 422, "recovery codes count the same"
        assert (await other.second(page)).headers["retry-after"] == "2"
        li.city.clock.forward(timedelta(seconds=2))
        leads(await other.second(page), "/account")


async def test_a_right_password_does_not_forget_wrong_codes(li: Walker) -> None:
    for n in range(6):
        async with li.city.browser() as http:
            other = elsewhere(li, http)
            answer = await other.second(await other.sign_in(), code="000000")
            assert answer.status_code == (422 if n < 5 else 429)


async def test_who_has_no_app_is_not_helped_by_a_code(city: Identity) -> None:
    li = Walker(city, city.http)
    leads(await li.sign_in(), "/account")
    page = await li.get(FACTORS, ui_locales="en")
    assert "Add an authenticator app" in page.text
    assert "Recovery codes" not in page.text


async def test_nothing_of_somebody_s_factors_is_told_before_the_password(li: Walker) -> None:
    """A wrong password of who has an app looks as any other."""
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        wrong = await other.password(await other.get("/sign-in"), "wrong-password")
        nobody = Walker(li.city, http, "nobody.at.all")
        unknown = await nobody.password(await nobody.get("/sign-in"), "wrong-password")
    assert wrong.status_code == unknown.status_code == 422
    bare = [re.sub(r'value="[^"]*"|data-options="[^"]*"', "", page.text) for page in (wrong, unknown)]
    assert bare[0] == bare[1]


# -- taking away ------------------------------------------------------------------------------------------


async def test_who_takes_the_app_away_is_signed_out_elsewhere_and_not_here(li: Walker) -> None:
    async with li.city.browser() as http:
        lost = elsewhere(li, http)
        theirs = await lost.tokens(await lost.second(await lost.password(await lost.ask())))
        answer = await li.send(form(await li.get(f"{FACTORS}/remove"), f"{FACTORS}/remove"))
        leads(answer, FACTORS)
        await li.city.bus.settle()
        assert (await li.city.me(theirs["access_token"])).json()["code"] == "token_revoked"
        leads(await lost.get("/account"), "/sign-in?next=%2Faccount")
    there = await li.city.desk.sessions.collection.find({"ended_at": {"$gt": EPOCH}})
    assert [one["applications"] for one in there] == [["web"]], "its applications are told"
    assert (await li.get("/account")).status_code == 200
    page = await li.get("/account/sessions")
    assert page.text.count('name="request"') == 2, "this session, and the button for all"
    assert not (await li.city.desk.factors.collection.find({}))[0]["recovery"], "codes alone are no factor"
    async with li.city.browser() as http:
        leads(await Walker(li.city, http).sign_in(), "/account")


async def test_tokens_of_here_are_over_too_and_come_again_by_refreshing(li: Walker) -> None:
    scopes = ["openid", "offline_access", "services"]
    await li.city.put("/clients/web", {"kind": "application", "name": "Web", "scopes": scopes, "redirect_uris": [
        "https://portal.example.org/back"]})  # fmt: skip
    given = await li.tokens(await li.ask(scope=" ".join(scopes)))
    await li.send(form(await li.get(f"{FACTORS}/remove"), f"{FACTORS}/remove"))
    await li.city.bus.settle()
    assert (await li.city.me(given["access_token"])).json()["code"] == "token_revoked"
    again = {"grant_type": "refresh_token", "client_id": "web", "refresh_token": given["refresh_token"]}
    fresh = (await li.city.http.post("/token", data=again)).json()
    assert (await li.city.me(fresh["access_token"])).status_code == 200


async def test_an_operator_takes_all_away_from_who_has_lost_them(li: Walker) -> None:
    given = (await li.tokens(await li.ask()))["access_token"]
    path = "/people/person-li-na/factors"
    for _ in range(2):
        assert (await li.city.http.delete(path, headers=li.city.operator())).status_code == 204
    await li.city.bus.settle()
    assert (await li.city.me(given)).json()["code"] == "token_revoked"
    leads(await li.get("/account"), "/sign-in?next=%2Faccount")
    async with li.city.browser() as http:
        leads(await Walker(li.city, http).sign_in(), "/account")
    nobody = await li.city.http.delete("/people/person-nobody/factors", headers=li.city.operator())
    assert nobody.status_code == 404


# -- told, and forgotten ----------------------------------------------------------------------------------


async def test_people_are_told_of_their_factors_and_not_of_the_secrets(li: Walker) -> None:
    told = await li.get("/me/data.json")
    factors = told.json()["factors"]
    assert (factors["recovery_codes"], factors["passkeys"], factors["app_since"] is None) == (10, [], False)
    (kept,) = await li.city.desk.factors.collection.find({})
    assert all(secret not in told.text for secret in (kept["app"]["secret"], *kept["recovery"]))
    page = (await li.get("/me/data.html", ui_locales="en")).text
    assert "Recovery codes left" in page
    assert kept["app"]["secret"] not in page


async def test_of_who_is_forgotten_no_factor_is_left(li: Walker) -> None:
    forgotten = await li.http.delete("/people/person-li-na", headers=li.city.operator())
    assert forgotten.status_code == 204
    (kept,) = await li.city.desk.factors.collection.find({})
    assert (kept["app"], kept["passkeys"], kept["recovery"]) == (None, [], [])


# -- noted ------------------------------------------------------------------------------------------------


async def test_a_wrong_second_factor_is_noted_of_whose_it_is_and_a_used_recovery_code_as_well(li: Walker) -> None:
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        page = await other.second(await other.sign_in(), code="000000")
        leads(await other.second(page, recovery=li.codes[0]), "/account")
    await li.city.bus.settle()
    told = {one["act"]: one for one in li.city.bus.said(ActNoted)}
    refused, used = told["second-factor-refused"], told["recovery-code-used"]
    assert (refused["on"], refused["ground"], refused["result"]) == ("person-li-na", "wrong_factor", "refused")
    assert (refused["by"]["kind"], refused["by"]["place"] is None) == ("visitor", False), "nobody has proved who it is"
    assert (used["on"], used["result"]) == ("person-li-na", "done")


async def test_a_wrong_passkey_at_the_door_is_noted_of_nobody(named_city: Identity) -> None:
    li = Walker(named_city, named_city.http)
    await li.sign_in()
    await li.add_passkey()
    async with named_city.browser() as http:
        door = await Walker(named_city, http).get("/sign-in")
        refused = await replace(li, http=http).enter(door, origin="https://evil.example.org")
        assert refused.status_code == 422
    await named_city.bus.settle()
    (one,) = [one for one in named_city.bus.said(ActNoted) if one["act"] == "sign-in-refused"]
    assert (one["on"], one["ground"], one["by"]["account"]) == ("passkey", "wrong_factor", None)
