"""Somebody registers in the running city: the page, real departments over the real bus, the code in a real mailbox."""

import re
import uuid
from typing import Any

import httpx

from deploy.local.client import Network, Person
from tests.city.running import RunningCity, until

ZHOU_TING = {
    "name": "周婷",
    "id_number": "210299199003074025",
    "social_security_card": "D21029937",
    "housing_fund": "210299004417",
    "driving_licence": "210200123456",
    "send_code": "yes",
    "mail": "zhou.ting@example.org",
    "phone": "13900001111",
    "login": "zhou.ting",
    "password": "a password of hers",
}
COMPANY = {"code": "91210200MA0EXAMPH3", "name": "大连示例海产品有限公司", "id_number": ZHOU_TING["id_number"]}


def form_of(page: str) -> dict[str, str]:
    found = re.search(r'name="form" value="(\w+)"', page)
    assert found, page
    return {"form": found[1], "ui_locales": "en"}


def test_she_registers_signs_in_sees_who_was_asked_and_registers_her_company(city: RunningCity) -> None:
    with httpx.Client(base_url=city.urls["identity"], timeout=10, follow_redirects=True) as browser:
        browser.post("/register", data=form_of(browser.get("/register").text) | ZHOU_TING).raise_for_status()

        def stands(word: str) -> str | None:
            page = browser.get("/register/progress", params={"ui_locales": "en"}).text
            return page if word in page else None

        asked = until(lambda: stands('name="code"'), what="the departments have confirmed")
        assert asked.count("Confirmed") == 4
        browser.post("/register/code", data=form_of(asked) | {"code": code_for(city, ZHOU_TING["mail"])})
        assert stands("You are registered")

    she = Network(city.urls, Person(city.urls["identity"], ZHOU_TING["login"], ZHOU_TING["password"]))
    assert she.get("identity", "/me")["ial"] == 2
    seen = until(lambda: she.get("sharing", "/exchanges", subject="me")["items"], what="she sees who was asked")
    assert {(one["asker"], one["owner"]["code"]) for one in seen} == {
        ("identity", owner) for owner in ("police", "hrss", "housing")
    }
    assert all(one["fields"] == ["matches"] and ZHOU_TING["id_number"] not in str(one) for one in seen)

    she.ask("identity", "POST", "/companies", json=COMPANY, headers={"Idempotency-Key": str(uuid.uuid4())})
    until(lambda: she.get("identity", "/me/companies")["companies"], what="the market department has confirmed")


def code_for(city: RunningCity, address: str) -> str:
    """The code that was mailed."""

    def look() -> str | None:
        mails: list[dict[str, Any]] = [mail for mail in city.mails() if address in str(mail["to"])]
        if not mails:
            return None
        text = httpx.get(f"{city.urls['mailbox']}/api/messages/{mails[0]['id']}", timeout=10).json()["text"]
        found = re.search(r"\b\d{6}\b", text)
        return found[0] if found else None

    return until(look, what="the code is mailed")
