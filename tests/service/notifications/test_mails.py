"""Each person is told each thing once, in their language."""

from datetime import date, timedelta
from typing import Any

import pytest
import structlog

from services.notifications.messages.domain import Ground
from shared.contracts import identity
from shared.contracts.notifications import MessageFailed, MessageSent
from shared.contracts.registry import EventModel
from shared.day import LAST
from tests.service.notifications.conftest import ADDRESSES, CASE, LI_NA, WANG_WEI, Town, accepted, decided, missing


async def test_an_accepted_case_is_told_in_chinese(town: Town) -> None:
    await town.hear(accepted(), CASE)
    [mail] = town.server.mails
    assert mail.recipient == "li.na@example.org"
    assert mail.subject == "您的居住证申领申请已受理（20260302-000001）"
    assert "李娜，您好！" in mail.text
    assert "大连市公安局已于2026年3月2日受理" in mail.text
    assert "承诺办结日期：2026年3月9日" in mail.text
    assert "法定办结日期：2026年3月23日" in mail.text


async def test_somebody_else_is_told_in_english(town: Town) -> None:
    await town.hear(accepted(WANG_WEI), CASE)
    [mail] = town.server.mails
    assert mail.recipient == "wang.wei@example.org"
    assert mail.subject == "Accepted: Residence permit (20260302-000001)"
    assert "Dear Wang Wei" in mail.text
    assert "accepted on 2 March 2026; Dalian Public Security Bureau handles it" in mail.text


async def test_who_acts_for_somebody_is_told_too_once_and_in_their_language(town: Town) -> None:
    event = accepted().model_copy(update={"agent": WANG_WEI})
    await town.hear(event, CASE, times=3)
    told = {str(mail.message["To"]): mail.subject for mail in town.server.mails}
    assert len(town.server.mails) == 2
    assert told["李娜 <li.na@example.org>"].startswith("您的")
    assert told["Wang Wei <wang.wei@example.org>"].startswith("Accepted")
    assert {sent["person"] for sent in town.bus.said(MessageSent)} == {"person-li-na", WANG_WEI}


ABOUT = {"mandate": "mandate-1", "principal": LI_NA, "agent": WANG_WEI, "by": LI_NA}
GRANTED = identity.MandateGranted(
    **ABOUT, source="grant", acts=["apply"], items=[], since=date(2026, 3, 2), until=date(2026, 12, 31)
)


@pytest.mark.parametrize(
    ("event", "hers", "his"),
    [
        (identity.MandateOffered(**ABOUT), "您已发出委托", "You are asked to act for somebody"),
        (GRANTED, "有人可以代您办事", "You may act for somebody"),
        (identity.MandateEnded(**ABOUT, ground="withdrawn"), "委托已结束", "A mandate has ended"),
    ],
    ids=["offered", "granted", "ended"],
)
async def test_both_sides_hear_of_a_mandate_once(town: Town, event: EventModel, hers: str, his: str) -> None:
    await town.hear(event, "mandate-1", times=3)
    told = {str(mail.message["To"]).partition("<")[2].rstrip(">"): mail.subject for mail in town.server.mails}
    assert (len(town.server.mails), told) == (2, {"li.na@example.org": hers, "wang.wei@example.org": his})
    assert not any(other in mail.text for mail in town.server.mails for other in ("mandate-1", "person-"))


async def test_the_last_day_of_a_mandate_is_told_where_it_has_one(town: Town) -> None:
    await town.hear(GRANTED, "mandate-1")
    await town.hear(GRANTED.model_copy(update={"mandate": "mandate-2", "until": LAST}), "mandate-2")
    texts = [mail.text for mail in town.server.mails if "wang.wei" in str(mail.message["To"])]
    assert ["until 31 December 2026" in text for text in texts] == [True, False]
    assert "9999" not in texts[1]


@pytest.mark.parametrize(
    ("credential", "change", "hers", "his"),
    [
        ("password", "replaced", "登录密码已更改", "Your password was replaced"),
        ("app", "added", "验证器应用已添加", "An authenticator app was added"),
        ("passkey", "removed", "通行密钥已移除", "A passkey was removed"),
        ("recovery-codes", "replaced", "恢复码已更改", "Your recovery codes were replaced"),
        ("factors", "removed", "全部第二验证方式已移除", "All your second factors were removed"),
    ],
)
async def test_who_signs_in_with_something_else_hears_of_it_once(
    town: Town, credential: identity.Credential, change: Any, hers: str, his: str
) -> None:
    for person, text in ((LI_NA, hers), (WANG_WEI, his)):
        event = identity.CredentialChanged(account=person, credential=credential, change=change)
        await town.hear(event, person, times=3)
        assert text in town.server.mails[-1].text
        assert person not in town.server.mails[-1].text
    assert len(town.server.mails) == 2


async def test_a_company_hears_by_who_represents_it(town: Town) -> None:
    company = "company-91210200ma0exampx1"
    known = identity.CompanyRegistered(code="91210200MA0EXAMPX1", name="示例公司", representative=LI_NA)
    await town.hear(known, company)
    event = accepted(company).model_copy(update={"agent": WANG_WEI})
    await town.hear(event, CASE)
    assert {str(mail.message["To"]).partition("<")[2] for mail in town.server.mails} == {
        "li.na@example.org>", "wang.wei@example.org>",
    }  # fmt: skip
    by_register = GRANTED.model_copy(update={"principal": company, "by": company})
    await town.hear(by_register, "mandate-3")
    assert len(town.server.mails) == 3, "a company has no mailbox of its own"


async def test_a_mail_says_where_it_comes_from_and_that_nobody_wrote_it_by_hand(town: Town) -> None:
    await town.hear(accepted(), CASE)
    [mail] = town.server.mails
    [sent] = town.bus.said(MessageSent)
    assert str(mail.message["From"]) == "大连通办 <no-reply@tongban.example>"
    assert str(mail.message["To"]) == "李娜 <li.na@example.org>"
    assert mail.id == f"<{sent['message']}@tongban.example>"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["Date"].datetime == town.clock.now()
    assert mail.message["Content-Language"] == "zh-CN"
    assert mail.message.get_content_charset() == "utf-8"


async def test_a_supplement_notice_names_all_that_is_missing(town: Town) -> None:
    await town.hear(missing(), CASE)
    [mail] = town.server.mails
    assert mail.subject.startswith("请补充材料")
    assert "1. 社会保险缴纳记录\n2. 房屋租赁登记备案信息" in mail.text


@pytest.mark.parametrize(
    ("outcome", "word"), [("approved", "approved on 3 March 2026"), ("refused", "refused on 3 March 2026")]
)
async def test_a_decision_is_told(town: Town, outcome: str, word: str) -> None:
    await town.hear(decided(WANG_WEI, outcome), CASE)  # type: ignore[arg-type]  # both outcomes are given
    [mail] = town.server.mails
    assert word in mail.text


@pytest.mark.parametrize(("person", "said"), [(LI_NA, "依法自"), (WANG_WEI, "did not tell you in time")])
async def test_who_was_accepted_by_lapse_of_time_is_not_told_that_all_is_there(
    town: Town, person: str, said: str
) -> None:
    await town.hear(accepted(person).model_copy(update={"deemed": True}), CASE)
    [mail] = town.server.mails
    assert said in mail.text
    assert "申请材料齐全" not in mail.text
    assert "is complete. It was" not in mail.text


async def test_the_journey_of_a_case_makes_one_mail_each(town: Town) -> None:
    for sequence, event in enumerate((missing(), accepted(), decided()), 1):
        await town.hear(event, CASE, sequence)
    assert len({mail.id for mail in town.server.mails}) == len(town.server.mails) == 3
    assert [sent["template"] for sent in town.bus.said(MessageSent)] == [
        "supplement-requested",
        "case-accepted",
        "case-decided",
    ]


async def test_the_same_event_ten_times_makes_one_mail(town: Town) -> None:
    await town.hear(accepted(), CASE, times=10)
    await town.later()
    assert len(town.server.mails) == 1
    assert town.bus.said(MessageSent) == [
        {
            "message": town.bus.said(MessageSent)[0]["message"],
            "person": LI_NA,
            "template": "case-accepted",
            "case": CASE,
            "channel": "mail",
            "attempts": 1,
            "repeats": 0,
        }
    ]


async def test_neither_events_nor_logs_tell_who_it_is(town: Town) -> None:
    town.server.rcpt.append("550 <li.na@example.org> unknown")
    with structlog.testing.capture_logs() as logs:
        await town.hear(accepted(), CASE)
        await town.hear(decided(), CASE, 2)
    said = b"".join(r.value or b"" for r in town.bus.records if r.topic == "notifications.events").decode()
    assert "message-" in said
    assert any(line["event"] == "mail.attempted" for line in logs)
    for secret in ("li.na", "李娜", "example.org"):
        assert secret not in said
        assert secret not in repr(logs)


async def test_a_contact_that_comes_later_is_waited_for(bare_town: Town) -> None:
    town = bare_town
    await town.load_templates()
    await town.hear(accepted(), CASE)
    assert town.server.mails == []
    await town.contact(LI_NA, "zh")
    await town.later(timedelta(minutes=5))
    assert [mail.recipient for mail in town.server.mails] == [ADDRESSES[LI_NA]]
    assert town.bus.said(MessageSent)[0]["attempts"] == 1


async def test_a_contact_that_never_comes_is_given_up_with_its_ground(bare_town: Town) -> None:
    town = bare_town
    await town.load_templates()
    await town.hear(accepted(), CASE)
    await town.later(timedelta(hours=25))
    assert [(f["ground"], f["attempts"]) for f in town.bus.said(MessageFailed)] == [("no-contact", 0)]
    assert town.server.mails == []


@pytest.mark.parametrize(
    ("mail", "ground"),
    [(None, "no-contact"), ("no address", "address-invalid"), ("李娜@example.org", "address-invalid")],
)
async def test_an_address_that_is_none_is_never_tried(town: Town, mail: str | None, ground: Ground) -> None:
    await town.contact(LI_NA, "zh", 2, mail=mail)
    await town.hear(accepted(), CASE)
    await town.later(timedelta(hours=25))
    assert [f["ground"] for f in town.bus.said(MessageFailed)] == [ground]
    assert town.server.connections == 0


async def test_an_older_contact_does_not_replace_a_newer_one(town: Town) -> None:
    await town.contact(LI_NA, "zh", 5, mail="new@example.org")
    await town.contact(LI_NA, "zh", 4, mail="old@example.org")
    await town.hear(accepted(), CASE)
    assert [mail.recipient for mail in town.server.mails] == ["new@example.org"]


async def test_a_template_that_is_not_there_yet_is_waited_for(bare_town: Town) -> None:
    town = bare_town
    await town.contact(LI_NA, "zh")
    await town.hear(accepted(), CASE)
    await town.load_templates()
    await town.later(timedelta(minutes=5))
    assert len(town.server.mails) == 1
