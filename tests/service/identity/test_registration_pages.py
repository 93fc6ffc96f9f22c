"""Registering on the page: nothing typed is lost but the password, and each proof is seen to stand where it stands."""

import re
from typing import Any

import httpx
import pytest

from services.identity.registrations.commands import LIMITS
from shared.contracts.identity import CodeIssued, PersonProven
from tests.service.identity.conftest import ISSUER, Identity
from tests.service.identity.registering import ID_NUMBER, PASSWORD, Registers

FORM = {
    "name": "canary-周婷",
    "id_number": ID_NUMBER,
    "social_security_card": "D21029937",
    "driving_licence": "210200123456",
    "login": "zhou.ting",
    "password": PASSWORD,
    "mail": "zhou.ting@example.org",
    "phone": "13900001111",
}
BY_CODE = {name: value for name, value in FORM.items() if name != "driving_licence"} | {"send_code": "yes"}


@pytest.fixture
def registers(city: Identity) -> Registers:
    return Registers(city)


async def token(http: httpx.AsyncClient, path: str = "/register", **query: str) -> str:
    """What the page's form carries."""
    page = await http.get(path, params={"ui_locales": "en"} | query)
    assert page.status_code == 200, page.text
    found = re.search(r'name="form" value="([^"]+)"', page.text)
    assert found
    return found[1]


async def send(http: httpx.AsyncClient, form: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
    """Fill in the form and send it."""
    fields = {"form": await token(http), "ui_locales": "en"} | (form or FORM) | changes
    return await http.post("/register", data=fields)


async def progress(http: httpx.AsyncClient) -> str:
    return (await http.get("/register/progress", params={"ui_locales": "en"})).text


async def begin(city: Identity, form: dict[str, str] | None = None, **changes: str) -> None:
    answer = await send(city.http, form, **changes)
    assert (answer.status_code, answer.headers.get("location")) == (303, "/register/progress?ui_locales=en"), (
        answer.text
    )


async def test_one_registers_with_the_form_and_sees_each_proof(city: Identity, registers: Registers) -> None:
    await begin(city)
    waiting = await progress(city.http)
    assert waiting.count("Waiting for an answer") == 3
    assert 'href="/register/progress?ui_locales=en"' in waiting
    assert "http-equiv" not in waiting, "it does not renew itself under a slow reader"
    await registers.answer()
    done = await progress(city.http)
    assert done.count("Confirmed") == 3
    assert "You are registered" in done
    assert "zhou.ting" in done
    assert (await city.submit(await city.form(), login="zhou.ting", password=PASSWORD)).status_code == 303


async def test_the_code_is_typed_on_the_page(city: Identity, registers: Registers) -> None:
    await begin(city, BY_CODE)
    await registers.answer()
    form = {"form": await token(city.http, "/register/progress"), "ui_locales": "en"}
    wrong = await city.http.post("/register/code", data=form | {"code": "12 34"})
    assert wrong.status_code == 422
    assert "The code is not right" in wrong.text
    assert 'value="12 34"' in wrong.text
    assert "<title>Error: " in wrong.text
    code = registers.code()
    for _ in range(2):  # sent twice
        right = await city.http.post("/register/code", data=form | {"code": f" {code[:3]} {code[3:]}"})
        assert right.status_code == 303
    assert "You are registered" in await progress(city.http)


async def test_another_login_name_is_chosen_on_the_page(city: Identity, registers: Registers) -> None:
    await begin(city, login="li.na")
    await registers.answer()
    form = {"form": await token(city.http, "/register/progress"), "ui_locales": "en"}
    wrong = await city.http.post("/register/login", data=form | {"login": "x y"})
    assert (wrong.status_code, 'value="x y"' in wrong.text) == (422, True)
    assert (await city.http.post("/register/login", data=form | {"login": "zhou.ting"})).status_code == 303
    assert "zhou.ting" in await progress(city.http)


async def test_nothing_typed_is_lost_but_the_password_is_not_shown(city: Identity, registers: Registers) -> None:
    page = await send(city.http, id_number="123", driving_licence="", mail="nowhere")
    assert page.status_code == 422
    for name, value in (FORM | {"id_number": "123", "driving_licence": "", "mail": "nowhere"}).items():
        shown = re.search(rf'<input id="{name}"[^>]* value="([^"]*)"', page.text)
        assert shown, name
        assert shown[1] == ("" if name == "password" else value)
    assert PASSWORD not in page.text
    await city.bus.settle()
    assert registers.wishes() == []


async def test_each_fault_is_named_where_it_is_in_the_reader_s_language(city: Identity) -> None:
    empty = dict.fromkeys((*FORM, "form"), "")
    page = await city.http.post("/register", data=empty | {"form": await token(city.http), "ui_locales": "en"})
    linked = re.findall(r'<li><a href="#(\w+)">([^<]+)</a>', page.text)
    assert [field for field, _ in linked] == ["name", "id_number", "proofs", "login", "password"]
    for field, text in linked:
        assert f'id="{field}-wrong">{text}<' in page.text
        assert f'id="{field}"' in page.text, "the link leads somewhere"
        assert f"{field}-wrong" in re.findall(rf'id="{field}"[^>]*aria-describedby="([^"]*)"', page.text)[0]
    chinese = await city.http.post("/register", data=empty | {"form": await token(city.http), "ui_locales": "zh"})
    assert "请输入姓名" in chinese.text
    assert '<html lang="zh-CN">' in chinese.text


async def test_the_page_does_not_offer_what_nobody_here_confirms(city: Identity) -> None:
    page = await city.http.get("/register")
    assert 'name="housing_fund"' in page.text
    assert "bank_card" not in page.text
    crafted = await send(city.http, bank_card="6222021234567890123")
    assert crafted.status_code == 422
    assert "Bank cards cannot be checked" in crafted.text


async def test_what_one_typed_cannot_be_a_script(city: Identity) -> None:
    page = await send(city.http, name='"><script>x</script>', id_number="1")
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]


async def test_a_refused_proof_is_told_with_its_reason_and_one_may_begin_anew(
    city: Identity, registers: Registers
) -> None:
    await begin(city)
    await registers.answer(driving_licence=False, social_security_card="owner-silent")
    page = await progress(city.http)
    assert "Not confirmed (not as the register has it)" in page
    assert "Not confirmed (could not be checked now, try again later)" in page
    assert '<a href="/register?ui_locales=en&amp;anew=true">Register again</a>' in page
    await begin(city)
    await registers.answer()
    assert "You are registered" in await progress(city.http)


async def test_who_has_an_account_is_told_its_name_once_it_is_proven_to_be_them(
    city: Identity, registers: Registers
) -> None:
    await begin(city)
    await registers.answer()
    async with city.browser() as another:
        assert (await send(another, login="zhou.again")).status_code == 303
        assert "zhou.ting" not in await progress(another)
        await registers.answer()
        page = await progress(another)
    assert "You have an account already" in page
    assert "zhou.ting" in page


async def test_a_double_click_is_one_registration_and_what_was_sent_last_counts(
    city: Identity, registers: Registers
) -> None:
    form = {"form": await token(city.http), "ui_locales": "en"} | FORM
    for _ in range(2):
        assert (await city.http.post("/register", data=form)).status_code == 303
    assert await city.desk.registrations.collection.count({}) == 1
    assert (await city.http.get("/register")).headers["location"].startswith("/register/progress")
    mended = form | {"driving_licence": "210200123457"}
    assert (await city.http.post("/register", data=mended)).status_code == 303
    assert sorted(one["state"] for one in await city.desk.registrations.collection.find({})) == ["asked", "expired"]
    await registers.answer()
    assert len(city.bus.said(PersonProven)) == 1
    assert "You are registered" in await progress(city.http)


async def test_who_typed_a_wrong_address_begins_anew(city: Identity, registers: Registers) -> None:
    await begin(city, BY_CODE, mail="wrong@example.org")
    await registers.answer()
    assert "anew=true" in await progress(city.http)
    anew = {"form": await token(city.http, anew="true"), "ui_locales": "en"} | BY_CODE
    assert (await city.http.post("/register", data=anew)).status_code == 303
    await registers.answer()
    assert [one["mail"] for one in city.bus.said(CodeIssued)] == ["wrong@example.org", BY_CODE["mail"]]


@pytest.mark.parametrize("path", ["/register", "/register/progress", "/register/code"])
async def test_the_other_language_is_one_link_away(city: Identity, registers: Registers, path: str) -> None:
    if path != "/register":
        await begin(city, BY_CODE)
        await registers.answer()
    form = {"form": await token(city.http, path.replace("code", "progress")), "ui_locales": "en"}
    answer = await city.http.post(path, data=form) if path == "/register/code" else await city.http.get(path)
    link = re.search(r'<a href="([^"]+)" lang="(?:en|zh-CN)" hreflang', answer.text)
    assert link
    assert (await city.http.get(link[1])).status_code == 200


# -- whose form it is -------------------------------------------------------------------------------------


async def test_another_site_cannot_send_the_form(city: Identity, registers: Registers) -> None:
    """The browser does not send the cookie with it; and an attacker's own token is another browser's."""
    of_nobody = city.desk.lookup.digest("registration-form", "")
    assert (await city.http.post("/register", data=FORM | {"form": of_nobody})).status_code == 422
    city.http.cookies.clear()
    async with city.browser() as attacker:
        stolen = await token(attacker)
        without = await city.http.post("/register", data=FORM | {"form": stolen})
    await token(city.http)
    other = await city.http.post("/register", data=FORM | {"form": stolen, "ui_locales": "en"})
    assert without.status_code == other.status_code == 422
    assert "send it again" in other.text
    assert f'value="{ID_NUMBER}"' in other.text, "and nothing typed is lost"
    assert await city.desk.registrations.collection.count({}) == 0


@pytest.mark.parametrize("path", ["/register/code", "/register/login"])
async def test_another_site_cannot_go_on_for_somebody(city: Identity, registers: Registers, path: str) -> None:
    await begin(city, BY_CODE)
    await registers.answer()
    for form in ("", "0" * 64, "ü"):
        answer = await city.http.post(path, data={"form": form, "code": registers.code(), "login": "x1"})
        assert answer.headers["location"].startswith("/register?")
    assert city.bus.said(PersonProven) == []


async def test_the_secret_of_the_browser_is_out_of_reach(city: Identity) -> None:
    cookie = (await city.http.get("/register")).headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=lax"))
    assert "secure" not in cookie, "the test's identity has no https"


async def test_too_many_registrations_are_told_as_that(city: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "number", (1, LIMITS["number"][1]))
    await send(city.http)
    async with city.browser() as another:
        page = await send(another)
    assert page.status_code == 429
    assert "Too many registrations" in page.text


async def test_without_a_registration_the_progress_page_leads_to_the_form(city: Identity) -> None:
    answer = await city.http.get("/register/progress")
    assert (answer.status_code, answer.headers["location"]) == (303, "/register?ui_locales=zh")
    assert ISSUER not in answer.headers["location"]
