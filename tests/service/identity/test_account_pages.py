"""One's own pages: what they show, what their forms do, and whom they obey."""

import re
from datetime import timedelta

import httpx
import pytest

from shared.contracts.identity import RevocationPublished
from tests.service.identity.conftest import LI_NA, Identity
from tests.service.identity.walking import FACTORS, PORTAL, Form, Walker, form, forms, leads

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36"
SESSIONS, PASSWORD = "/account/sessions", "/account/password"


@pytest.fixture
async def li(city: Identity) -> Walker:
    """Ms Li is signed in."""
    walker = Walker(city, city.http)
    leads(await walker.sign_in(), "/account")
    return walker


# -- being led to sign in, and back -----------------------------------------------------------------------


async def test_who_is_not_signed_in_is_led_to_that_and_comes_back(city: Identity) -> None:
    li = Walker(city, city.http)
    wanted = f"{SESSIONS}?ui_locales=en"
    answer = await li.get(wanted)
    page = await li.get(answer.headers["location"])
    back = await li.password(page)
    leads(back, wanted)
    assert "Where you are signed in" in (await li.get(wanted)).text
    leads(await li.get("/sign-in", next=SESSIONS), SESSIONS)


@pytest.mark.parametrize(
    "next_",
    [
        "https://evil.example.org/",
        "//evil.example.org/",
        "/\\evil.example.org/",
        "/\t/evil.example.org/",
        "\\/evil.example.org",
        "javascript:alert(1)",
        "account",
        " /account",
        "/account\r\nLocation: https://evil.example.org/",
        "/" + "x" * 9000,
        "",
    ],
)
async def test_nobody_is_led_out_of_the_house(li: Walker, next_: str) -> None:
    leads(await li.get("/sign-in", next=next_), "/account")
    page = await li.get("/sign-in", next=next_, prompt="login")
    leads(await li.password(page), "/account")


async def test_signing_in_to_one_s_own_pages_tells_no_application(li: Walker) -> None:
    (kept,) = await li.city.desk.sessions.collection.find({})
    assert kept["applications"] == []
    await li.ask()
    (kept,) = await li.city.desk.sessions.collection.find({})
    assert kept["applications"] == ["web"]


async def test_the_account_leads_to_all_that_is_about_it(li: Walker) -> None:
    page = await li.get("/account", ui_locales="en")
    ways = re.findall(r'<li><a href="(/[^"]+)"[^>]*>[^<]+</a><br>', page.text)
    assert ways == [SESSIONS, PASSWORD, FACTORS, "/account/mandates", "/account/consents", "/me/data.html"]
    for way in ways:
        assert (await li.get(way)).status_code == 200


# -- where one is signed in -------------------------------------------------------------------------------


async def test_one_sees_where_one_is_signed_in_and_how(li: Walker) -> None:
    await li.add_app()
    async with li.city.browser() as phone:
        phone.headers["User-Agent"] = CHROME
        other = Walker(li.city, phone, app=li.app)
        await other.second(await other.sign_in())
        page = await other.get(SESSIONS, ui_locales="en")
    assert "Chrome · Windows (this browser)" in page.text
    assert "some browser" in page.text
    assert page.text.count("with two ways of proof") == 2
    assert "2026-03-02 17:0" in page.text, "the city's time"


def to_end(page: httpx.Response, *, here: bool) -> Form:
    """The form that ends the session of this browser, or of the other one."""
    there = [
        one for one in re.findall(r"<li>\s*<div>.*?</li>", page.text, re.DOTALL) if ("(this browser)" in one) is here
    ]
    assert len(there) == 1, page.text
    found = re.search(r'name="request" value="([^"]+)"', there[0])
    assert found
    return Form(f"{SESSIONS}/end", {"request": found[1]})


async def test_one_ends_a_session_and_it_is_gone(li: Walker) -> None:
    async with li.city.browser() as phone:
        other = Walker(li.city, phone)
        await other.sign_in()
        theirs = (await other.tokens(await other.ask()))["access_token"]
        ending = to_end(await li.get(SESSIONS, ui_locales="en"), here=False)
        for _ in range(2):
            leads(await li.send(ending), SESSIONS)
        leads(await other.get("/account"), "/sign-in?next=%2Faccount")
        await li.city.bus.settle()
        assert (await li.city.me(theirs)).json()["code"] == "token_revoked"
    assert (await li.get("/account")).status_code == 200
    left = await li.send(to_end(await li.get(SESSIONS, ui_locales="en"), here=True))
    assert left.status_code == 200
    leads(await li.get("/account"), "/sign-in?next=%2Faccount")


async def test_one_signs_out_everywhere(li: Walker) -> None:
    async with li.city.browser() as phone:
        other = Walker(li.city, phone)
        await other.sign_in()
        everywhere = forms(await li.get(SESSIONS))[-1]
        assert (await li.send(everywhere)).status_code == 200
        for walker in (li, other):
            leads(await walker.get("/account"), "/sign-in?next=%2Faccount")
    await li.city.bus.settle()
    assert "user:person-li-na" in {row["scope"] for row in li.city.bus.said(RevocationPublished)}


# -- whom the forms obey ----------------------------------------------------------------------------------


async def test_no_form_of_another_browser_or_of_nobody_changes_anything(li: Walker) -> None:
    """Cross-site requests: the browser sends the cookie along, and the form is another's, or none."""
    await li.add_app()
    changing = {
        f"{SESSIONS}/end": SESSIONS,
        PASSWORD: PASSWORD,
        f"{FACTORS}/app": f"{FACTORS}/app",
        f"{FACTORS}/recovery": f"{FACTORS}/recovery",
        f"{FACTORS}/remove": f"{FACTORS}/remove",
    }
    async with li.city.browser() as http:
        thief = Walker(li.city, http, app=li.app)
        await thief.second(await thief.sign_in())
        li.city.clock.forward(timedelta(seconds=30))
        before = await li.city.desk.factors.collection.find({})
        code = li.app.code() if li.app else ""
        own = {path: form(await thief.get(where), path).fields["request"] for path, where in changing.items()}
        for path in changing:
            others = [own[path], "", "x.y.z", *(one for other, one in own.items() if other != path)]
            for request in others:
                answer = await li.http.post(path, data={"request": request, "code": code})
                assert answer.status_code in (303, 400), (path, request)
    assert await li.city.desk.factors.collection.find({}) == before
    assert (await li.get("/account")).status_code == 200
    assert len(await li.city.desk.sessions.collection.find({"ended_at": None})) == 2


async def test_a_passkey_is_not_added_by_another_browser_s_form(named_city: Identity) -> None:
    """A thief's passkey on her account would be a way in for good."""
    async with named_city.browser() as his:
        thief = Walker(named_city, his)
        await named_city.put("/people/person-wang-wei", LI_NA | {"login": "wang.wei", "mail": None})
        thief.login = "wang.wei"
        await thief.sign_in()
        found = form(await thief.get(f"{FACTORS}/passkeys/new"), f"{FACTORS}/passkeys", of_passkeys=True)
        answer = thief.device.make(found.options)
        li = Walker(named_city, named_city.http)
        await li.sign_in()
        for request in (found.fields["request"], ""):
            sent = {"request": request, "name": "x", "credential": answer}
            assert (await li.http.post(f"{FACTORS}/passkeys", data=sent)).status_code == 400
    assert await named_city.desk.factors.collection.find({}) == []


async def test_the_cookies_go_nowhere_else(li: Walker) -> None:
    answer = await li.password(await li.get("/sign-in", prompt="login"))
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("tongban_session="))
    assert {"httponly", "samesite=lax", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    page = await li.get("/sign-in", prompt="login")
    browser = next(c for c in page.headers.get_list("set-cookie") if c.startswith("tongban_browser="))
    assert {"httponly", "samesite=lax", "path=/"} <= {part.strip().lower() for part in browser.split(";")}


# -- languages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/account", SESSIONS, PASSWORD, FACTORS, f"{FACTORS}/app"])
async def test_a_page_speaks_both_languages_and_remembers_which(li: Walker, path: str) -> None:
    li.http.headers["Accept-Language"] = "zh-CN"
    assert '<html lang="zh-CN">' in (await li.get(path)).text
    english = await li.get(path, ui_locales="en")
    assert '<html lang="en">' in english.text
    assert "通办" in english.text.partition("<main")[0], "the name is in both"
    assert not re.search("[一-鿿]", english.text.partition("<main")[2].replace("中文", "").replace("李娜", ""))
    assert '<html lang="en">' in (await li.get(path)).text


async def test_an_application_s_page_is_not_changed_by_it(li: Walker) -> None:
    await li.get("/account", ui_locales="en")
    page = await li.get("/authorize", **li.city.asked(redirect_uri=PORTAL, prompt="login"), ui_locales="zh")
    assert '<html lang="zh-CN">' in page.text
