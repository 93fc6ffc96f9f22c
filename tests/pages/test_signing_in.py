"""Signing in as people see it: password, second factor, passkeys, and where one is signed in."""

import base64
from datetime import timedelta

import pytest
from playwright.async_api import Browser, expect

from tests.pages.conftest import Looker, looking
from tests.service.identity.conftest import LI_NA, PASSWORD, Identity
from tests.service.identity.walking import App

SESSIONS, FACTORS = "/account/sessions", "/account/factors"


@pytest.fixture(autouse=True)
async def _nothing_set_up(city: Identity) -> None:
    """Each begins without factors and sessions."""
    await city.http.delete("/people/person-li-na/factors", headers=city.operator())
    await city.http.delete("/people/person-li-na/sessions", headers=city.operator())
    city.clock.forward(timedelta(hours=2))
    await city.bus.settle()


async def signed_in(looker: Looker, path: str = "/account") -> None:
    await looker.open(path)
    await looker.fill(login="li.na", password=PASSWORD)
    await looker.press("Sign in")


async def with_app(looker: Looker, *, look: bool = False) -> tuple[App, list[str]]:
    """Set an app up; the app and the recovery codes."""
    await looker.open(f"{FACTORS}/app")
    if look:
        await looker.look("app")
    secret = (await looker.page.locator(".secret").inner_text()).replace(" ", "")
    app = App(looker.city.clock, base64.b32decode(secret))
    await looker.fill(code=app.code())
    await looker.press("Continue")
    codes = await looker.page.locator(".codes code").all_inner_texts()
    looker.city.clock.forward(timedelta(seconds=60))
    return app, codes


async def test_the_sign_in_page_is_for_everybody(li: Looker) -> None:
    await li.open("/account")
    await li.look("sign-in")
    await li.fill(login="li.na", password="wrong-password")
    await li.press("Sign in")
    summary = li.page.get_by_role("alert")
    await expect(summary).to_contain_text("The login name or password is not right")
    await li.look("sign-in-wrong")
    await summary.get_by_role("link").click()
    await expect(li.page.locator("#login")).to_be_focused()
    await li.press("中文")
    await expect(li.page).to_have_title("登录 · Tongban")
    await li.look("sign-in-zh")


async def test_the_app_is_set_up_and_asked_for(li: Looker, city: Identity, chromium: Browser) -> None:
    await signed_in(li)
    await expect(li.page.locator("h1")).to_have_text("Your account")
    await expect(li.page.locator("main")).to_contain_text(str(LI_NA["name"]))
    await li.look("account")
    app, codes = await with_app(li, look=True)
    assert len(codes) == 10
    await li.look("codes")
    await li.press("I have kept them, go on")
    await expect(li.page.locator("h1")).to_have_text("How you prove who you are")
    await li.look("factors-app")
    async with looking(city, chromium) as other:
        await signed_in(other)
        await expect(other.page.locator("h1")).to_have_text("Confirm that it is you")
        await other.look("second-app")
        await other.fill(code="000000")
        await other.press("Continue")
        await expect(other.page.get_by_role("alert")).to_contain_text("The code is not right")
        await other.look("second-wrong")
        await other.fill(code=app.code())
        await other.press("Continue")
        await expect(other.page.locator("h1")).to_have_text("Your account")
    async with looking(city, chromium) as other:
        await signed_in(other)
        await other.page.get_by_text("You cannot do this?").click()
        await other.fill(recovery=codes[0].upper())
        await other.look("second-recovery")
        await other.press("Use the recovery code")
        await expect(other.page.locator("h1")).to_have_text("Your account")


async def test_a_passkey_is_made_and_signs_in_by_itself(li: Looker) -> None:
    await li.device()
    await signed_in(li, FACTORS)
    await li.look("factors-none")
    await li.press("Add a passkey")
    await li.look("passkey-new")
    await li.fill(name="My laptop")
    await li.press("Add")
    await expect(li.page.locator("h1")).to_have_text("Keep your recovery codes")
    await li.press("I have kept them, go on")
    await expect(li.page.locator("main")).to_contain_text("My laptop")
    await li.look("factors-passkey")
    for _ in range(2):
        await li.context.clear_cookies()
        await li.open(FACTORS)
        await li.press("Sign in with a passkey")
        await expect(li.page.locator("h1")).to_have_text("How you prove who you are")
    await expect(li.page.locator("main")).to_contain_text("last used on")
    await li.press("Remove the passkey “My laptop”")
    await li.look("remove")
    await li.press("Remove")
    await expect(li.page.locator("main")).to_contain_text("There are none yet")
    await li.context.clear_cookies()
    await li.open(FACTORS)
    await li.press("Sign in with a passkey")
    await expect(li.page.get_by_role("alert")).to_contain_text("This passkey is not valid here")
    await li.look("sign-in-passkey-wrong")


async def test_a_passkey_is_the_second_factor_after_the_password(li: Looker) -> None:
    await li.device()
    await signed_in(li, f"{FACTORS}/passkeys/new")
    await li.fill(name="My laptop")
    await li.press("Add")
    await expect(li.page.locator("h1")).to_have_text("Keep your recovery codes")
    await li.context.clear_cookies()
    await signed_in(li)
    await expect(li.page.locator("h1")).to_have_text("Confirm that it is you")
    await li.look("second-passkey")
    await li.press("Use a passkey")
    await expect(li.page.locator("h1")).to_have_text("Your account")


async def test_a_passkey_that_does_not_answer_is_told_and_can_be_tried_again(li: Looker) -> None:
    await li.device()
    await li.open("/account")
    button = li.page.get_by_role("button", name="Sign in with a passkey")
    await button.click()
    await expect(li.page.get_by_role("alert")).to_have_text("No passkey answered. Try again, or sign in another way.")
    await expect(button).to_be_enabled()
    await li.look("sign-in-passkey-silent")


async def test_without_scripts_all_but_passkeys_works_and_the_page_says_so(city: Identity, chromium: Browser) -> None:
    async with looking(city, chromium, java_script_enabled=False) as li:
        await li.open("/account")
        await expect(li.page.locator("main")).to_contain_text(
            "scripts are off. Sign in with your login name and password"
        )
        await expect(li.page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
        await signed_in(li)
        await with_app(li)
        await expect(li.page.locator("h1")).to_have_text("Keep your recovery codes")


async def test_one_sees_and_ends_where_one_is_signed_in(li: Looker, city: Identity, chromium: Browser) -> None:
    await signed_in(li, SESSIONS)
    async with looking(city, chromium) as other:
        await signed_in(other)
        await li.open(SESSIONS)
        await expect(li.page.locator(".cards li")).to_have_count(2)
        await li.look("sessions")
        there = li.page.locator(".cards li").filter(has_not_text="this browser")
        await there.get_by_role("button").click()
        await expect(li.page.locator(".cards li")).to_have_count(1)
        await other.open("/account")
        await expect(other.page.locator("h1")).to_have_text("Sign in")
    await li.press("Sign out everywhere")
    await expect(li.page.locator("h1")).to_have_text("You are signed out")
    await li.look("signed-out")


async def test_in_the_dark_the_pages_are_for_everybody_too(city: Identity, chromium: Browser) -> None:
    async with looking(city, chromium, color_scheme="dark") as li:
        await li.open("/account")
        await li.press("Sign in")
        await li.look("sign-in-dark")
        await signed_in(li, f"{FACTORS}/app")
        await li.look("app-dark")


async def test_what_is_wrong_would_be_found(li: Looker) -> None:
    """The looking itself: a page that is not for everybody is told."""
    await li.open("/account")
    await li.page.evaluate("document.querySelector('label[for=login]').remove()")
    assert "label" in [name for name, _ in await li.violations()]
    await li.page.evaluate("document.querySelector('h1').style.width = '2000px'")
    with pytest.raises(AssertionError, match="wide on a screen of 390"):
        await li.look("broken")
