"""Registering as people see it: the form, what is wrong with it, and what becomes of each proof."""

import pytest
from playwright.async_api import expect

from tests.pages.conftest import Looker
from tests.service.identity.registering import ID_NUMBER, PASSWORD, Registers

ZHOU = {
    "name": "周婷",
    "id_number": ID_NUMBER,
    "social_security_card": "D21029937",
    "login": "zhou.ting",
    "password": PASSWORD,
    "mail": "zhou.ting@example.org",
    "phone": "13900001111",
}


@pytest.fixture
def registers(li: Looker) -> Registers:
    return Registers(li.city)


async def test_one_registers_by_three_proofs_and_sees_where_each_stands(li: Looker, registers: Registers) -> None:
    await li.open("/register")
    await li.look("register")
    await li.press("Check and register")
    summary = li.page.get_by_role("alert")
    found = [await one.get_attribute("href") for one in await summary.get_by_role("link").all()]
    assert found == ["#name", "#id_number", "#proofs", "#login", "#password"], "as they stand on the page"
    await li.look("register-wrong")
    await summary.get_by_role("link").first.click()
    await expect(li.page.locator("#name")).to_be_focused()
    await li.fill(**ZHOU)
    await li.page.check("#send_code")
    await li.press("Check and register")
    await expect(li.page.locator("main")).to_contain_text("Waiting for an answer")
    await li.look("register-waiting")
    await registers.answer()
    await li.open("/register/progress")
    await li.look("register-code")
    await li.fill(code=registers.code())
    await li.press("Continue")
    await registers.answer()
    await li.open("/register/progress")
    await expect(li.page.locator("main")).to_contain_text("You are registered")
    await li.look("register-done")
    await li.press("Sign in")
    await li.fill(login="zhou.ting", password=PASSWORD)
    await li.press("Sign in")
    await expect(li.page.locator("h1")).to_have_text("Your account")
