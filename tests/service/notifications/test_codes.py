"""One-time codes: told at once to whoever registers, in their language, and then forgotten."""

import json
from datetime import timedelta
from typing import Any, Literal

import httpx

from shared.contracts.identity import CodeIssued
from shared.contracts.notifications import MessageFailed, MessageSent
from tests.service.notifications.conftest import Town

ABOUT = "registration-" + "a" * 26


def issued(town: Town, language: Literal["zh", "en"] = "zh") -> CodeIssued:
    return CodeIssued(
        about=ABOUT,
        person="person-new",
        mail="canary@example.org",
        language=language,
        code="042137",
        until=town.clock.now() + timedelta(minutes=10),
    )


async def kept(town: Town) -> dict[str, Any]:
    (document,) = await town.desk.messages.collection.find({"case": ABOUT})
    return document


async def retry(town: Town, message: str) -> httpx.Response:
    async with town.browser(town.operator) as http:
        return await http.post(f"/messages/{message}/retry")


async def test_a_code_is_told_once_to_the_address_it_came_with(town: Town) -> None:
    await town.hear(issued(town), ABOUT, times=3)
    [mail] = town.server.mails
    assert (mail.recipient, mail.subject) == ("canary@example.org", "实名注册验证码")
    assert str(mail.message["To"]) == "canary@example.org"
    assert "042137" in mail.text
    assert "17:10前有效" in mail.text, "the city's time"
    [sent] = town.bus.said(MessageSent)
    assert (sent["case"], sent["person"], sent["template"]) == (ABOUT, "person-new", "verification-code")


async def test_a_code_is_told_in_english(town: Town) -> None:
    await town.hear(issued(town, "en"), ABOUT)
    assert "Your code is:\n\n042137\n\nIt works until 17:10." in town.server.mails[0].text


async def test_neither_code_nor_address_is_kept_once_it_has_gone(town: Town) -> None:
    await town.hear(issued(town), ABOUT)
    document = json.dumps(await kept(town), default=str, ensure_ascii=False)
    assert "canary" not in document
    assert "042137" not in document


async def test_a_code_that_comes_too_late_is_not_sent(town: Town) -> None:
    await town.server.down()
    await town.hear(issued(town), ABOUT)
    await town.server.up()
    await town.later(timedelta(minutes=10))
    assert town.server.mails == []
    [failed] = town.bus.said(MessageFailed)
    assert failed["ground"] == "too-late"
    assert "canary" not in str(await kept(town))
    assert (await retry(town, failed["message"])).json()["code"] == "message_forgotten"


async def test_a_mail_server_that_hesitates_is_asked_again_while_the_code_works(town: Town) -> None:
    town.server.data.append("451 later")
    await town.hear(issued(town), ABOUT)
    assert town.server.mails == []
    await town.later(timedelta(minutes=2))
    assert "042137" in town.server.mails[0].text
