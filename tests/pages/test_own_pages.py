"""Consent and mandates as people see them."""

from urllib.parse import urlencode

import pytest
from playwright.async_api import expect

from tests.pages.conftest import Looker
from tests.service.identity.conftest import ASKED, LI_NA, PASSWORD, WEB, Identity

TERMS = {"agent": "person-wang-wei", "until": "2026-12-31"}


def back_at(city: Identity) -> str:
    """Where the bank is: at another name, and somebody answers there."""
    return city.desk.issuer.replace("localhost", "127.0.0.1") + "/back"


@pytest.fixture
async def bank(city: Identity) -> str:
    """Where a bank sends Ms Li, who has agreed to nothing and is signed in nowhere."""
    await city.http.delete("/people/person-li-na/factors", headers=city.operator())
    await city.http.delete("/people/person-li-na/sessions", headers=city.operator())
    await city.put("/people/person-wang-wei", LI_NA | {"login": "wang.wei", "name": "王伟", "mail": None})
    scopes = ["openid", "profile", "email", "services", "offline_access"]
    client = WEB | {"name": "滨城银行", "asks_consent": True, "scopes": scopes, "redirect_uris": [back_at(city)]}
    answer = await city.put("/clients/bank", client)
    assert answer.status_code == 200, answer.text
    await city.bus.settle()
    asked = ASKED | {"client_id": "bank", "redirect_uri": back_at(city), "scope": " ".join(scopes)}
    return f"/authorize?{urlencode(asked)}"


async def signed_in(looker: Looker, path: str) -> None:
    await looker.open(path)
    await looker.fill(login="li.na", password=PASSWORD)
    await looker.press("Sign in")


async def test_consent_is_asked_given_seen_and_taken_back(li: Looker, bank: str) -> None:
    await signed_in(li, bank)
    await expect(li.page.locator("h1")).to_have_text("Your consent")
    await expect(li.page.locator("main")).to_contain_text("use the city's services for you")
    await li.look("consent")
    await li.press("Agree")
    assert li.page.url.startswith(f"{back_at(li.city)}?code="), "the page lets its form lead there"
    await li.open("/account")
    await li.look("account-of-all")
    await li.press("Your data")
    await expect(li.page.get_by_role("navigation")).to_contain_text("Where you are signed in")
    await li.look("data")
    await li.open("/account")
    await li.press("Applications you let in")
    await expect(li.page.locator(".cards li")).to_contain_text("滨城银行")
    await li.look("consents")
    await li.press("Take back 滨城银行")
    await expect(li.page.locator("main")).to_contain_text("There are none")
    await li.look("consents-none")


async def test_a_mandate_is_offered_by_a_form_that_says_what_is_wrong(li: Looker, bank: str) -> None:
    assert bank
    await signed_in(li, "/account/mandates")
    await li.look("mandates-none")
    await li.press("Let somebody act for you")
    await li.look("mandate-new")
    await li.press("Offer the mandate")
    summary = li.page.get_by_role("alert")
    await expect(summary).to_contain_text("Enter somebody else's account number")
    await li.look("mandates-wrong")
    await summary.get_by_role("link").first.click()
    await expect(li.page.locator("#agent")).to_be_focused()
    await li.fill(**TERMS)
    await li.press("Offer the mandate")
    await expect(li.page.locator(".cards li")).to_contain_text("not agreed yet")
    await li.look("mandates")
    await li.press("Take back person-wang-wei")
    await expect(li.page.locator(".cards li")).to_contain_text("ended")


async def test_the_password_is_changed_on_a_page_that_says_what_is_wrong(li: Looker, bank: str) -> None:
    assert bank
    await signed_in(li, "/account/password")
    await li.look("password")
    await li.fill(current="not-her-password", new="iloveyou1", again="iloveyou1")
    await li.press("Change the password")
    summary = li.page.get_by_role("alert")
    await expect(summary).to_contain_text("Many people use this password")
    await li.look("password-wrong")
    await summary.get_by_role("link").last.click()
    await expect(li.page.locator("#new")).to_be_focused()
    await li.fill(current=PASSWORD, new="another-password-海", again="another-password-海")
    await li.press("Change the password")
    await expect(li.page.locator("h1")).to_have_text("Your password is changed")
    await li.look("password-changed")
    await li.city.put("/people/person-li-na", LI_NA)


async def test_what_to_act_as_is_picked_on_a_page(li: Looker, bank: str) -> None:
    assert bank
    await li.city.put("/people/person-wang-wei/guardians/person-li-na", {})
    await li.city.put("/clients/desk", WEB | {"redirect_uris": [back_at(li.city)]})
    asked = ASKED | {"client_id": "desk", "redirect_uri": back_at(li.city), "prompt": "select_account"}
    await signed_in(li, f"/authorize?{urlencode(asked)}")
    await expect(li.page.locator("h1")).to_have_text("What do you act as?")
    await li.look("choose")
    await li.press("Continue")
    await expect(li.page.get_by_role("alert")).to_contain_text("Choose one of these")
    await li.look("choose-wrong")
    await li.page.get_by_label("For somebody else: 王伟").check()
    await li.press("Continue")
    assert li.page.url.startswith(f"{back_at(li.city)}?code=")
