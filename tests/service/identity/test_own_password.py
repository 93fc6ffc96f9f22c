"""Changing one's own password: who may, what it takes, and what ends by it."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from services.identity.factors.commands import FRESH_S
from shared.contracts.identity import ActNoted, CredentialChanged, RevocationPublished
from shared.errors import Fault
from tests.service.identity.conftest import LI_NA, PASSWORD, WEB, Identity
from tests.service.identity.walking import FACTORS, PORTAL, Walker, form, forms, is_second, leads

HERE, NEW = "/account/password", "another-password-海"
REFRESHING = WEB | {"scopes": ["openid", "services", "offline_access"]}


@pytest.fixture
async def li(city: Identity) -> Walker:
    """Ms Li is signed in."""
    walker = Walker(city, city.http)
    leads(await walker.sign_in(), "/account")
    return walker


async def change(li: Walker, current: str = PASSWORD, new: str = NEW, again: str | None = None) -> httpx.Response:
    """Fill in the page, in English."""
    page = form(await li.get(HERE, ui_locales="en"), HERE)
    return await li.send(page, current=current, new=new, again=new if again is None else again)


async def by_api(li: Walker, token: str, current: str = PASSWORD, new: str = NEW) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await li.http.post("/me/password", json={"current": current, "new": new}, headers=headers)


async def token(li: Walker, **asked: str) -> str:
    found: str = (await li.tokens(await li.ask(**asked)))["access_token"]
    return found


async def signs_in(city: Identity, password: str) -> int:
    async with city.browser() as http:
        walker = Walker(city, http)
        return (await walker.password(await walker.get("/sign-in"), password)).status_code


def errors(page: httpx.Response) -> dict[str, str]:
    """What is said at which field; the summary says the same."""
    found = dict(re.findall(r'<p class="wrong" id="(\w+)-wrong">([^<]+)</p>', page.text))
    assert dict(re.findall(r'<li><a href="#(\w+)">([^<]+)</a></li>', page.text)) == found, page.text
    for field in found:
        said = rf'<input id="{field}"[^>]* aria-describedby="[^"]*{field}-wrong" aria-invalid="true"'
        assert re.search(said, page.text)
    return found


# -- what ends, and what goes on --------------------------------------------------------------------------


async def test_one_changes_it_and_is_signed_out_everywhere_else(li: Walker) -> None:
    here = await token(li)
    async with li.city.browser() as phone:
        other = Walker(li.city, phone)
        await other.sign_in()
        there = await token(other)
        changed = await change(li)
        assert (changed.status_code, "Your password is changed" in changed.text) == (200, True)
        leads(await other.get("/account"), "/sign-in?next=%2Faccount")
    assert (await li.get("/account")).status_code == 200
    await li.city.bus.settle()
    assert {(await li.city.me(one)).json()["code"] for one in (here, there)} == {"token_revoked"}
    assert (await li.city.me(await token(li))).status_code == 200, "this session goes on"
    assert "user:person-li-na" in {row["scope"] for row in li.city.bus.said(RevocationPublished)}
    assert (await signs_in(li.city, PASSWORD), await signs_in(li.city, NEW)) == (422, 303)


async def test_it_is_noted_with_whom_it_signed_out(li: Walker) -> None:
    async with li.city.browser() as phone:
        await Walker(li.city, phone).sign_in()
        await change(li)
    await li.city.bus.settle()
    noted = [one for one in li.city.bus.said(ActNoted) if one["by"]["account"] == "person-li-na"]
    told = [(one["act"], one["ground"]) for one in noted if one["act"] != "signed-in"]
    assert sorted(told, key=str) == [("password-changed", None), ("session-ended", "password-changed")]
    assert NEW not in str(noted)


async def test_who_has_the_old_cookie_has_nothing_of_it(li: Walker) -> None:
    async with li.city.browser() as http:
        http.cookies.set("tongban_session", li.http.cookies["tongban_session"], "127.0.0.1", "/")
        assert (await http.get("/account")).status_code == 200
        page = form(await li.get(HERE), HERE)
        await li.send(page, current=PASSWORD, new=NEW, again=NEW)
        assert (await http.get("/account")).status_code == 303
    answer = await li.send(page, current=NEW, new=PASSWORD, again=PASSWORD)
    assert answer.status_code == 400, "the page works once"


async def test_a_half_finished_sign_in_by_the_old_one_is_over(li: Walker) -> None:
    await li.add_app()
    async with li.city.browser() as http:
        thief = Walker(li.city, http, app=li.app)
        halfway = await thief.sign_in()
        is_second(halfway)
        assert (await change(li)).status_code == 200
        assert (await thief.second(halfway)).status_code == 400


async def test_by_the_api_the_application_goes_on_by_its_refresh_token(li: Walker) -> None:
    await li.city.put("/clients/web", REFRESHING)
    given = await li.tokens(await li.ask(scope="openid services offline_access"))
    async with li.city.browser() as phone:
        other = Walker(li.city, phone)
        await other.sign_in()
        assert (await by_api(li, given["access_token"])).status_code == 204
        leads(await other.get("/account"), "/sign-in?next=%2Faccount")
    await li.city.bus.settle()
    assert (await li.city.me(given["access_token"])).json()["code"] == "token_revoked"
    again = {"grant_type": "refresh_token", "client_id": "web", "refresh_token": given["refresh_token"]}
    refreshed = (await li.http.post("/token", data=again)).json()
    assert (await li.city.me(refreshed["access_token"])).status_code == 200
    assert await signs_in(li.city, NEW) == 303


async def test_by_the_api_the_browser_of_the_session_is_signed_out(li: Walker) -> None:
    """Its cookie may have been copied, and an application cannot leave it another one."""
    async with li.city.browser() as http:
        http.cookies.set("tongban_session", li.http.cookies["tongban_session"], "127.0.0.1", "/")
        assert (await by_api(li, await token(li), current="not-her-password")).status_code == 422
        assert (await http.get("/account")).status_code == 200, "nothing was changed"
        assert (await by_api(li, await token(li))).status_code == 204
        assert (await http.get("/account")).status_code == 303
    leads(await li.get("/account"), "/sign-in?next=%2Faccount")
    leads(await li.password(await li.get("/sign-in", next="/account/sessions"), NEW), "/account/sessions")
    assert len(forms(await li.get("/account/sessions"))) == 3, "the application's is seen and can be ended"


# -- the present one --------------------------------------------------------------------------------------


async def test_the_present_one_is_asked_for_and_nothing_is_shown_again(li: Walker) -> None:
    wrong = await change(li, current="not-her-password")
    assert (wrong.status_code, errors(wrong)) == (422, {"current": "This is not your current password"})
    assert not {"not-her-password", NEW, PASSWORD} & set(re.findall(r'value="([^"]*)"', wrong.text))
    missing = await change(li, current="")
    assert (missing.status_code, errors(missing)) == (422, {"current": "Enter your current password"})
    assert await signs_in(li.city, PASSWORD) == 303, "nothing was changed"
    await li.city.bus.settle()
    (one,) = [one for one in li.city.bus.said(ActNoted) if one["act"] == "password-refused"]
    assert (one["on"], one["ground"], one["result"]) == ("person-li-na", "wrong_password", "refused")


async def test_what_is_wrong_with_the_new_one_is_told_with_a_wrong_current_one(li: Walker) -> None:
    both = errors(await change(li, current="not-her-password", new="iloveyou1"))
    assert [*both] == ["current", "new"]
    alike = await change(li, current="not-her-password", new="not-her-password")
    assert errors(alike) == {"current": "This is not your current password"}, "it is not the one she has"
    answer = await by_api(li, await token(li), current="not-her-password", new="not-her-password")
    assert [one["pointer"] for one in answer.json()["faults"]] == ["/current"]


async def test_it_was_changed_elsewhere_while_this_one_was_looked_at(
    li: Walker, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashing = li.city.desk.passwords.hash

    async def meanwhile(password: str) -> str:
        other = await hashing("chosen-elsewhere")
        await li.city.desk.people.change("person-li-na", lambda known: setattr(known, "password_hash", other))
        return await hashing(password)

    monkeypatch.setattr(li.city.desk.passwords, "hash", meanwhile)
    page = await change(li)
    said = "Your password was changed elsewhere in the meantime. This change was not made"
    assert (page.status_code, errors(page)) == (409, {"current": said})
    assert await signs_in(li.city, "chosen-elsewhere") == 303


async def test_who_has_to_wait_costs_nothing(li: Walker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the list of common ones is read then, nor what the city is called."""
    looked_at: list[str] = []

    def faults_of(password: str, *_: object) -> list[Fault]:
        looked_at.append(password)
        return []

    monkeypatch.setattr("services.identity.passwords.commands.faults_of", faults_of)
    for n in range(6):
        late = await change(li, current=f"guess-number-{n}")
    assert (late.status_code, len(looked_at)) == (429, 5)


async def test_wrong_ones_count_with_those_at_sign_in(li: Walker) -> None:
    for n in range(3):
        assert await signs_in(li.city, f"guess-number-{n}") == 422
    for n in range(2):
        assert (await change(li, current=f"guess-number-{n}")).status_code == 422
    late = await change(li)
    assert (late.status_code, late.headers["retry-after"]) == (429, "1")
    assert errors(late) == {"current": "Too many attempts. Wait 1 s and try again"}
    assert await signs_in(li.city, PASSWORD) == 429
    answer = await by_api(li, await token(li))
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
    li.city.clock.forward(timedelta(seconds=1))
    assert (await change(li)).status_code == 200


# -- the new one ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "again", "told"),
    [
        ("iloveyou1", None, {"new": "Many people use this password"}),
        ("Li-Na!2026", None, {"new": "This password is little more than a name"}),
        ("1390000-7777", None, {"new": "This password is little more than a name"}),
        (PASSWORD, None, {"new": "This is the password you have"}),
        (PASSWORD.replace("a", "ａ"), None, {"new": "This is the password you have"}),
        ("short", None, {"new": "A password has 8 to 128 characters"}),
        ("x" * 129, None, {"new": "A password has 8 to 128 characters"}),
        (NEW, NEW + " ", {"again": "This is not the same as the new password"}),
        ("short", "other", {"new": "A password has", "again": "This is not the same"}),
    ],
)
async def test_a_new_one_is_refused_at_its_field(li: Walker, new: str, again: str | None, told: dict[str, str]) -> None:
    page = await change(li, new=new, again=again)
    found = errors(page)
    assert (page.status_code, found.keys()) == (422, told.keys())
    assert all(found[field].startswith(text) for field, text in told.items())
    assert await signs_in(li.city, PASSWORD) == 303


async def test_the_api_names_everything_wrong_at_once(li: Walker) -> None:
    answer = await by_api(li, await token(li), current="not-her-password", new="iloveyou1")
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_password")
    faults = {one["pointer"]: one["code"] for one in answer.json()["faults"]}
    assert faults == {"/current": "wrong", "/new": "common"}
    assert "iloveyou1" not in answer.text
    answer = await by_api(li, await token(li), new="tongban-2026")
    assert [(one["pointer"], one["code"]) for one in answer.json()["faults"]] == [("/new", "guessable")]


async def test_a_long_one_counts_to_its_last_character_and_spaces_stay(li: Walker) -> None:
    long = "  the moon over the harbour,\tand the sea below, and nobody there but the two of us  "
    assert (await change(li, new=long)).status_code == 200
    assert (await signs_in(li.city, long.strip()), await signs_in(li.city, long[:72])) == (422, 422)
    assert await signs_in(li.city, long) == 303


async def test_password_managers_know_the_fields(li: Walker) -> None:
    page = (await li.get(HERE)).text
    fields = re.findall(r'<input id="(\w+)"[^>]* type="password" autocomplete="([\w-]+)" required', page)
    assert fields == [("current", "current-password"), ("new", "new-password"), ("again", "new-password")]
    assert '<input name="login" value="li.na" autocomplete="username" hidden>' in page
    assert "maxlength" not in page, "what is too long is told, not cut off"
    assert 'href="/account/password" aria-current="page"' in page


# -- who may ----------------------------------------------------------------------------------------------


async def test_who_proved_it_long_ago_proves_it_again_first(li: Walker) -> None:
    page = form(await li.get(HERE), HERE)
    li.city.clock.forward(timedelta(seconds=100))
    before = await token(li)
    li.city.clock.forward(timedelta(seconds=FRESH_S - 90))
    leads(await li.get(HERE), f"/sign-in?next=%2Faccount%2Fpassword&max_age={FRESH_S}")
    late = await li.send(page, current=PASSWORD, new=NEW, again=NEW)
    back = "/account/password?unchanged=yes"
    leads(late, f"/sign-in?{urlencode({'max_age': FRESH_S, 'next': back})}")
    answer = await by_api(li, before)
    assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
    assert await signs_in(li.city, PASSWORD) == 303
    said = "Your password is not changed yet"
    leads(await li.password(await li.get(late.headers["location"])), back)
    assert "您的密码尚未更改" in (await li.get(back)).text
    again = await li.get(HERE, unchanged="yes", ui_locales="en")
    assert (said in again.text, errors(again)) == (True, {})
    assert (await li.send(form(again, HERE), current=PASSWORD, new=NEW, again=NEW)).status_code == 200
    assert said not in (await li.get(HERE)).text


async def test_who_has_a_second_factor_shows_it_too(li: Walker) -> None:
    """The password alone, and the session of one who knew it, change no password where there is more."""
    async with li.city.browser() as http:
        other = Walker(li.city, http)
        await other.sign_in()
        await other.add_app()
        li.app = other.app
    leads(await li.get(HERE), f"/sign-in?next=%2Faccount%2Fpassword&max_age={FRESH_S}&acr_values=aal2")
    answer = await by_api(li, await token(li))
    assert answer.status_code == 401
    assert f'acr_values="aal2", max_age="{FRESH_S}"' in answer.headers["www-authenticate"]
    leads(await li.second(await li.get("/sign-in", acr_values="aal2", next=HERE)), HERE)
    assert (await change(li)).status_code == 200
    assert (await by_api(li, await token(li), current=NEW, new=PASSWORD)).status_code == 204
    assert (await li.city.desk.factors.collection.find({}))[0]["app"] is not None, "the factors stay"


async def test_somebody_else_s_application_changes_no_password(li: Walker) -> None:
    await li.city.put("/clients/bank", WEB | {"asks_consent": True, "redirect_uris": [PORTAL]})
    asking = await li.ask(client_id="bank", scope="openid services")
    answer = await li.send(form(asking, "/consent"), answer="agree")
    redeemed: Any = await li.city.redeem(li.told(answer)["code"], client_id="bank", redirect_uri=PORTAL)
    assert (await by_api(li, redeemed.json()["access_token"])).status_code == 403


# -- who hears of it --------------------------------------------------------------------------------------


async def told(city: Identity) -> list[tuple[str, str]]:
    """Of what Ms Li is told by mail."""
    await city.bus.settle()
    said = city.bus.said(CredentialChanged)
    assert {one["account"] for one in said} <= {"person-li-na"}
    return [(one["credential"], one["change"]) for one in said]


async def test_the_person_hears_of_another_password_whoever_chose_it(li: Walker) -> None:
    assert await told(li.city) == [], "not of the first one"
    await change(li, new="iloveyou1")
    await change(li, current="not-her-password")
    await li.city.put("/people/person-li-na", LI_NA | {"mail": None})
    assert await told(li.city) == []
    await change(li)
    assert await told(li.city) == [("password", "replaced")]
    await li.city.put("/people/person-li-na", LI_NA)
    assert await told(li.city) == [("password", "replaced")] * 2


async def test_the_person_hears_of_other_factors(li: Walker) -> None:
    await li.add_app()
    assert await told(li.city) == [("app", "added")], "with the first come recovery codes, which go without saying"
    for page in ("recovery", "remove"):
        await li.send(form(await li.get(f"{FACTORS}/{page}"), f"{FACTORS}/{page}"))
    assert await told(li.city) == [("app", "added"), ("recovery-codes", "replaced"), ("app", "removed")]
    await li.add_app()
    for _ in range(2):
        await li.http.delete("/people/person-li-na/factors", headers=li.city.operator())
    assert (await told(li.city))[4:] == [("factors", "removed")]


async def test_who_is_forgotten_hears_of_nothing(li: Walker) -> None:
    await li.add_app()
    await li.http.delete("/people/person-li-na", headers=li.city.operator())
    assert await told(li.city) == [("app", "added")]
    assert not (await li.city.desk.factors.collection.find({}))[0]["app"]
