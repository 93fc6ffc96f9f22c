"""Exchanges: what may follow on what, and that nothing passes which was not granted."""

import json
from datetime import timedelta
from typing import Any

import pytest

from services.sharing.exchanges.domain import Exchange, NotTaken, belongs_to_item, of_wish
from services.sharing.grants.domain import Grant, State
from shared.contracts.department import QuestionAnswered
from shared.contracts.intake import MaterialWished
from shared.contracts.sharing import digest
from tests.unit.sharing.samples import FIELDS, NOW, asked, grant, item, offer, terms, wish

RECORD: dict[str, Any] = {"status": "参保", "employer": "大连示例公司", "months_paid": 20}


def answer(found: bool = True, **data: Any) -> QuestionAnswered:
    return QuestionAnswered(exchange="exchange-a", found=found, data=data)


def said(exchange: Exchange) -> list[tuple[str, str]]:
    short = [one["type"].removeprefix("tongban.sharing.").removesuffix(".v1") for one in exchange.recorded]
    return [(name, one["topic"]) for name, one in zip(short, exchange.recorded, strict=True)]


REFUSED = [("exchange-refused", "sharing.events"), ("answer-refused", "sharing.to.intake")]


def test_the_question_goes_to_the_owner_under_the_grant() -> None:
    exchange = of_wish("case-a:2", wish(fields=[*FIELDS, "status"]), offer(), NOW)
    exchange.ask(grant(), offer(), NOW)
    assert said(exchange) == [("exchange-asked", "sharing.events"), ("question-asked", "sharing.to.hrss")]
    assert exchange.recorded[1]["data"] == {
        "exchange": exchange.id,
        "resource": "hrss.social-insurance",
        "fields": FIELDS,
        "subject": "person-li-na",
        "purpose": "residence-permit",
        "consumer": "police",
        "basis": "居住证暂行条例 Art. 9",
        "answer_by": "2026-03-02T09:01:00Z",
        "given": {},
    }
    assert "person-li-na" not in json.dumps(exchange.recorded[0])
    assert exchange.wake_at == exchange.answer_by == NOW + timedelta(seconds=60)
    assert (exchange.grant, exchange.grant_version) == ("grant-a", grant().v)


def test_the_same_wish_is_the_same_exchange() -> None:
    assert of_wish("case-a:2", wish(), None, NOW).id == of_wish("case-a:2", wish(), offer(), NOW).id
    assert of_wish("case-a:2", wish(), None, NOW).id != of_wish("case-a:3", wish(), None, NOW).id


def test_a_wish_can_be_refused_at_once() -> None:
    exchange = of_wish("case-a:2", wish(), None, NOW)
    exchange.refuse("unknown-resource", NOW)
    assert said(exchange) == REFUSED
    assert exchange.recorded[1]["data"] == {
        "exchange": exchange.id,
        "case": "case-a",
        "material": "social-insurance",
        "ground": "unknown-resource",
    }
    assert (exchange.state, exchange.ground, exchange.parties) == ("refused", "unknown-resource", ["police"])


def test_the_answer_is_cut_to_what_was_asked_and_handed_over() -> None:
    exchange = asked(fields=FIELDS[:2])
    given = RECORD | {"wage": 9000, "illness": "none"}
    exchange.take_answer("hrss", answer(**given), grant(), NOW)
    assert said(exchange) == [("answer-delivered", "sharing.to.intake"), ("exchange-answered", "sharing.events")]
    delivered = {"status": "参保", "employer": "大连示例公司"}
    assert exchange.recorded[0]["data"]["data"] == delivered
    assert exchange.recorded[0]["data"]["sha256"] == exchange.delivered_sha256 == digest(delivered)
    assert exchange.answer_sha256 == digest(given)
    assert (exchange.state, exchange.wake_at) == ("answered", None)


def test_the_record_keeps_no_payload() -> None:
    exchange = asked()
    exchange.take_answer("hrss", answer(**RECORD, wage="九千"), grant(), NOW)
    kept = exchange.model_dump_json() + json.dumps(exchange.recorded[1], ensure_ascii=False)
    assert not any(value in kept for value in ("参保", "大连示例公司", "九千"))


@pytest.mark.parametrize(
    ("said_by_owner", "ground"),
    [
        (answer(found=False), "no-record"),
        (answer(found=False, **RECORD), "no-record"),
        (answer(status="参保", employer="大连示例公司"), "incomplete-answer"),
        (answer(), "incomplete-answer"),
        (answer(**(RECORD | {"status": "x" * 950_000})), "answer-too-large"),
    ],
)
def test_an_answer_that_does_not_serve_is_refused(said_by_owner: QuestionAnswered, ground: str) -> None:
    exchange = asked()
    exchange.take_answer("hrss", said_by_owner, grant(), NOW)
    assert said(exchange) == REFUSED
    assert (exchange.state, exchange.ground, exchange.delivered_sha256) == ("refused", ground, None)
    assert exchange.answer_sha256 == digest(said_by_owner.data)


@pytest.mark.parametrize("empty", [None, "", [], 0, False])
def test_an_empty_value_is_an_answer(empty: object) -> None:
    exchange = asked()
    exchange.take_answer("hrss", answer(**(RECORD | {"employer": empty})), grant(), NOW)
    assert exchange.state == "answered"


@pytest.mark.parametrize("state", ["requested", "refused", "revoked"])
def test_a_grant_that_is_gone_gives_nothing_more(state: State) -> None:
    exchange = asked()
    exchange.take_answer("hrss", answer(**RECORD), grant(state), NOW)
    assert (said(exchange), exchange.ground) == (REFUSED, "grant-not-valid")


def test_without_a_grant_nothing_passes() -> None:
    exchange = asked()
    exchange.take_answer("hrss", answer(**RECORD), None, NOW)
    assert (said(exchange), exchange.ground) == (REFUSED, "grant-not-valid")


def test_a_grant_whose_last_day_passed_meanwhile_still_serves_the_question_asked_in_time() -> None:
    exchange = asked()
    exchange.take_answer("hrss", answer(**RECORD), grant("expired"), NOW)
    assert exchange.state == "answered"


@pytest.mark.parametrize("fields", [["status"], ["wage"], ["status", "employer", "wage"]])
def test_a_grant_that_does_not_cover_the_question_lets_nothing_through(fields: list[str]) -> None:
    exchange = asked()
    exchange.take_answer("hrss", answer(**RECORD, wage=9000), grant(fields=fields), NOW)
    assert (said(exchange), exchange.ground) == (REFUSED, "fields-not-granted")


def test_only_the_owner_answers() -> None:
    exchange = asked()
    with pytest.raises(NotTaken, match="not-the-owner"):
        exchange.take_answer("housing", answer(**RECORD), grant(), NOW)
    assert (exchange.state, exchange.answer_sha256, exchange.recorded) == ("asked", None, [])


def closed(how: str) -> Exchange:
    exchange = asked()
    if how == "answered":
        exchange.take_answer("hrss", answer(**RECORD), grant(), NOW)
    elif how == "silent":
        exchange.wake(NOW)
    else:
        exchange = of_wish("case-a:2", wish(), offer(), NOW)
        exchange.refuse("no-grant", NOW)
    exchange.take_recorded()
    return exchange


@pytest.mark.parametrize("how", ["answered", "silent", "refused-at-once"])
def test_a_closed_exchange_takes_no_answer_and_does_not_wake(how: str) -> None:
    exchange = closed(how)
    before = exchange.model_copy(deep=True)
    with pytest.raises(NotTaken, match="finished"):
        exchange.take_answer("hrss", answer(**RECORD), grant(), NOW)
    exchange.wake(NOW)
    assert (exchange, exchange.recorded) == (before, [])


def test_nobody_owns_what_is_unknown() -> None:
    exchange = of_wish("case-a:2", wish(), None, NOW)
    exchange.refuse("unknown-resource", NOW)
    with pytest.raises(NotTaken, match="not-the-owner"):
        exchange.take_answer("hrss", answer(**RECORD), grant(), NOW)


def test_a_silent_owner_is_not_waited_for_for_ever() -> None:
    exchange = asked()
    exchange.wake(NOW)
    assert (said(exchange), exchange.ground, exchange.wake_at) == (REFUSED, "owner-silent", None)


def test_the_digest_is_of_the_json_that_travels() -> None:
    assert digest({"b": 1, "a": "中"}) == digest({"a": "中", "b": 1})
    assert digest({"a": float("inf")}) == digest({"a": None})
    assert digest({"a": 1}) != digest({"a": "1"})


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (wish(), True),
        (wish(fields=["status"]), True),
        (wish(consumer="housing"), False),
        (wish(resource="housing.rental-registration"), False),
        (wish(purpose="something-else"), False),
        (wish(material="rental-registration"), False),
        (wish(fields=[*FIELDS, "wage"]), False),
    ],
)
def test_a_wish_is_what_the_items_guide_says(changed: MaterialWished, expected: bool) -> None:
    assert belongs_to_item(changed, item()) is expected


def test_a_wish_for_an_unknown_item_or_an_uploaded_material_belongs_to_none() -> None:
    assert not belongs_to_item(wish(), None)
    uploaded = [material.model_copy(update={"shared": None}) for material in item().materials]
    assert not belongs_to_item(wish(), item(materials=uploaded))


def test_the_grant_of_the_record_is_the_one_of_the_question() -> None:
    made: Grant = grant(id_="grant-b").model_copy(update={"v": 7, "terms": terms(basis="another law")})
    exchange = of_wish("case-a:2", wish(), offer(), NOW)
    exchange.ask(made, offer(), NOW)
    assert (exchange.grant, exchange.grant_version, exchange.basis) == ("grant-b", 7, "another law")
