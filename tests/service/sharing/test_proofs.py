"""What identity wishes to know: whether what somebody says is so. A yes or a no, under a grant, and nothing else."""

from typing import Any

import pytest

from shared.contracts.identity import ProofWished
from shared.contracts.sharing import (
    AnswerDelivered,
    AnswerRefused,
    ExchangeAnswered,
    ExchangeAsked,
    QuestionAsked,
)
from tests.service.sharing.conftest import CARD, LI_NA, SharingTown, offer, publish_item

ABOUT = "registration-" + "a" * 26
GIVEN = {"id_number": "canary-210299199003150024", "number": "canary-D21029902"}
PURPOSE = "real-name-registration"


@pytest.fixture
async def checked(bare: SharingTown) -> SharingTown:
    """A city where hrss compares cards, and identity may ask for the result."""
    names = [{"name": name, "title": {"zh": name, "en": name}} for name in ("matches", "holder", "id_number", "number")]
    await bare.put(f"/resources/{CARD}", offer(CARD, fields=names[:2], compares=names[2:]))
    await grant(bare)
    return bare


async def grant(town: SharingTown, **changes: Any) -> None:
    told = {"resource": CARD, "fields": ["matches"], "purpose": PURPOSE, "basis": "国办函〔2016〕108号"}
    days = {"valid_from": "2026-01-01", "valid_until": "2026-12-31"}
    await town.put("/grants/grant-card", told | days | {"consumer": "identity", "consent": "agreed"} | changes)


async def wish(town: SharingTown, *, times: int = 1, **changes: Any) -> str:
    """Identity wishes; the id of the exchange."""
    told = {
        "about": ABOUT,
        "proof": "social-security-card",
        "resource": CARD,
        "fields": ["matches"],
        "purpose": PURPOSE,
        "subject": LI_NA,
        "given": GIVEN,
    }
    town.wishes += 1
    sequence = str(town.wishes)
    event = ProofWished.model_validate(told | changes)
    for _ in range(times):
        await town.bus.say(event.topic, event, key=ABOUT, id_=f"{ABOUT}:{sequence}", ce_sequence=sequence)
        await town.bus.settle()
    found = await town.desk.exchanges.collection.find({"wish": f"{ABOUT}:{sequence}"})
    return str(found[0]["_id"])


async def refused(town: SharingTown) -> list[tuple[str, str]]:
    assert town.bus.said(AnswerRefused) == town.bus.said(AnswerRefused, topic="sharing.to.identity")
    assert town.questions() == []
    return [(one["case"], one["ground"]) for one in town.told(AnswerRefused)]


async def test_the_owner_is_asked_what_is_to_be_compared(checked: SharingTown) -> None:
    exchange = await wish(checked, times=3)
    (question,) = checked.bus.said(QuestionAsked, topic="sharing.to.hrss")
    assert (question["exchange"], question["given"], question["fields"]) == (exchange, GIVEN, ["matches"])
    assert (question["consumer"], question["purpose"]) == ("identity", PURPOSE)
    (asked,) = checked.told(ExchangeAsked)
    assert (asked["case"], asked["consumer"], asked["owner"]) == (ABOUT, "identity", "hrss")


@pytest.mark.parametrize("matches", [True, False])
async def test_identity_alone_hears_yes_or_no(checked: SharingTown, matches: bool) -> None:
    exchange = await wish(checked)
    await checked.answer(exchange, matches=matches, holder="canary-李娜", birthday="canary")
    (told,) = checked.told(AnswerDelivered)
    assert checked.bus.said(AnswerDelivered, topic="sharing.to.identity") == [told]
    assert (told["case"], told["material"], told["data"]) == (ABOUT, "social-security-card", {"matches": matches})
    (public,) = checked.told(ExchangeAnswered)
    assert set(public) == {"exchange", "case", "answer_sha256", "delivered_sha256", "answered_at"}


async def test_what_was_given_and_answered_is_kept_nowhere(checked: SharingTown) -> None:
    exchange = await wish(checked)
    await checked.answer(exchange, matches=True, holder="canary-李娜")
    (kept,) = await checked.desk.exchanges.collection.find({"_id": exchange})
    journal = kept.pop("journal")
    assert "canary" not in str(kept)
    personal = [entry for entry in journal.values() if "canary" in str(entry)]
    assert [entry["topic"] for entry in personal] == ["sharing.to.hrss"]
    assert all(entry["personal"] for entry in personal), "it is forgotten with the topic"
    shown = await checked.exchange(exchange)
    assert (shown["asker"], shown["compared"]) == ("identity", ["id_number", "number"])
    assert (shown["case"], shown["item"]["code"], shown["material"]) == (ABOUT, PURPOSE, "social-security-card")


@pytest.mark.parametrize("said", ["yes, born 1990-03-15", 1, None, ["canary"]])
async def test_an_owner_who_says_more_than_yes_or_no_is_not_passed_on(checked: SharingTown, said: Any) -> None:
    exchange = await wish(checked)
    await checked.answer(exchange, matches=said)
    assert (await checked.exchange(exchange))["ground"] == "unusable-answer"
    assert checked.told(AnswerDelivered) == []


@pytest.mark.parametrize(
    "given", [{"id_number": "2"}, GIVEN | {"name": "canary"}, {"id_number": "2", "name": "canary"}]
)
async def test_the_owner_is_told_exactly_what_it_compares(checked: SharingTown, given: dict[str, str]) -> None:
    await wish(checked, given=given)
    assert await refused(checked) == [(ABOUT, "given-differs")]


async def test_a_case_cannot_ask_where_something_is_to_be_compared(checked: SharingTown) -> None:
    await publish_item(checked.bus, "residence-permit", "police")
    await checked.offer(compares=[{"name": "id_number", "title": {"zh": "x", "en": "x"}}])
    await checked.wish()
    assert [one["ground"] for one in checked.told(AnswerRefused)] == ["given-differs"]


@pytest.mark.parametrize(
    ("changes", "ground"),
    [
        ({"fields": ["matches", "holder"]}, "fields-not-granted"),
        ({"purpose": "company-registration"}, "no-grant"),
        ({"resource": "hrss.unheard-of"}, "unknown-resource"),
    ],
)
async def test_without_a_grant_identity_learns_nothing(
    checked: SharingTown, changes: dict[str, Any], ground: str
) -> None:
    await wish(checked, **changes)
    assert await refused(checked) == [(ABOUT, ground)]


async def test_an_owner_who_keeps_silent_is_not_waited_for(checked: SharingTown) -> None:
    await wish(checked)
    await checked.later(seconds=60)
    assert [one["ground"] for one in checked.bus.said(AnswerRefused, topic="sharing.to.identity")] == ["owner-silent"]


async def test_a_department_has_no_grant_for_what_identity_does(checked: SharingTown) -> None:
    asked = await checked.request("police", resource=CARD, fields=["matches"], purpose=PURPOSE)
    assert [(one["pointer"], one["code"]) for one in asked.json()["faults"]] == [("/purpose", "unknown")]
