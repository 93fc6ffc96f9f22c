"""From a wish of intake to the question, or to the refusal with its ground."""

from typing import Any

import pytest

from shared.contracts.sharing import AnswerRefused, ExchangeAsked, ExchangeRefused, QuestionAsked
from tests.service.sharing.conftest import FIELDS, INSURANCE, LI_NA, RENTAL, SharingTown, publish_item


async def refused(town: SharingTown, **changes: Any) -> str:
    """The ground on which a wish is refused, the same for the record, the public and intake."""
    exchange = await town.wish(**changes)
    assert town.questions() == []
    [public], [told] = town.told(ExchangeRefused), town.told(AnswerRefused)
    assert public["exchange"] == told["exchange"] == exchange
    assert public["ground"] == told["ground"] == (await town.exchange(exchange))["ground"]
    assert told["case"] == "case-a"
    return str(told["ground"])


async def test_a_covered_wish_becomes_a_question_to_the_owner(town: SharingTown) -> None:
    exchange = await town.wish()
    [record] = [r for r in town.bus.records if r.topic == "sharing.to.hrss"]
    assert record.key == exchange.encode()
    assert town.questions() == [
        {
            "exchange": exchange,
            "resource": INSURANCE,
            "fields": FIELDS,
            "subject": LI_NA,
            "purpose": "residence-permit",
            "consumer": "police",
            "basis": "居住证暂行条例 Art. 9",
            "answer_by": "2026-03-02T09:01:00Z",
            "given": {},
        }
    ]
    [asked] = town.told(ExchangeAsked)
    assert (asked["exchange"], asked["case"], asked["grant"], asked["owner"]) == (
        exchange,
        "case-a",
        "grant-police",
        "hrss",
    )
    assert LI_NA not in str(asked)


async def test_the_same_wish_ten_times_is_one_question(town: SharingTown) -> None:
    await town.wish(times=10)
    assert len(town.questions()) == len(town.told(ExchangeAsked)) == 1
    assert await town.desk.exchanges.collection.count({}) == 1


async def test_the_same_wish_ten_times_is_one_refusal(bare: SharingTown) -> None:
    await bare.wish(times=10)
    assert len(bare.told(AnswerRefused)) == len(bare.told(ExchangeRefused)) == 1


async def test_a_repeated_wish_stays_as_it_was_answered_first(bare: SharingTown) -> None:
    await bare.offer()
    await bare.wish()
    await bare.grant()
    bare.wishes = 0
    await bare.wish()
    assert [e["ground"] for e in bare.told(AnswerRefused)] == ["no-grant"]
    assert bare.questions() == []


async def test_two_wishes_of_a_case_are_two_exchanges(town: SharingTown) -> None:
    assert await town.wish() != await town.wish()
    assert len(town.questions()) == 2


async def test_an_unknown_resource_is_refused(bare: SharingTown) -> None:
    assert await refused(bare) == "unknown-resource"


async def test_without_a_grant_a_wish_is_refused(bare: SharingTown) -> None:
    await bare.offer()
    assert await refused(bare) == "no-grant"


async def test_a_grant_that_is_only_requested_is_none(bare: SharingTown) -> None:
    await bare.offer()
    await bare.request()
    assert await refused(bare) == "no-grant"


@pytest.mark.parametrize(
    "validity",
    [
        {"valid_from": "2026-03-03"},
        {"valid_from": "2026-03-04", "valid_until": "2026-03-05"},
    ],
)
async def test_a_grant_of_other_days_does_not_hold(bare: SharingTown, validity: dict[str, str]) -> None:
    await bare.offer()
    await bare.grant(**validity)
    assert await refused(bare) == "grant-not-valid"


async def test_today_is_the_citys_today(bare: SharingTown) -> None:
    """At 17:00 UTC it is the next day already in the city."""
    await bare.offer()
    await bare.grant(valid_from="2026-03-03")
    await bare.later(hours=8)
    await bare.wish()
    assert len(bare.questions()) == 1


async def test_a_revoked_grant_does_not_hold(town: SharingTown) -> None:
    await town.call("POST", "/grants/grant-police/revocation", town.officer("hrss"), {"ground": "misuse"})
    assert await refused(town) == "grant-not-valid"


async def test_a_field_that_is_not_granted_refuses_the_whole_wish(town: SharingTown) -> None:
    assert await refused(town, fields=[*FIELDS, "wage"]) == "fields-not-granted"


async def test_a_resource_that_may_no_longer_be_shared_is_refused(town: SharingTown) -> None:
    await town.offer(sharing="none", condition=None, refusal_basis="保守国家秘密法")
    assert await refused(town) == "grant-not-valid"


@pytest.mark.parametrize(
    "changes",
    [
        {"item": "unheard-of"},
        {"consumer": "market"},
        {"item": "licence-change"},
        {"purpose": "curiosity"},
        {"material": "rental-registration"},
        {"fields": ["status", "illness"]},
    ],
)
async def test_a_wish_beside_the_items_guide_is_refused(town: SharingTown, changes: dict[str, Any]) -> None:
    assert await refused(town, **changes) == "not-the-items-resource"


async def test_a_grant_serves_its_consumer_only(town: SharingTown) -> None:
    await publish_item(town.bus, "licence-change", "market", purpose="residence-permit")
    assert await refused(town, item="licence-change", consumer="market") == "no-grant"


async def test_a_grant_serves_its_purpose_only(town: SharingTown) -> None:
    await publish_item(town.bus, "passport", "police")
    assert await refused(town, item="passport", purpose="passport") == "no-grant"


async def test_a_grant_serves_its_resource_only(town: SharingTown) -> None:
    await town.offer(RENTAL)
    assert await refused(town, resource=RENTAL, material="rental-registration") == "no-grant"


async def test_each_owner_is_asked_on_its_own_topic(town: SharingTown) -> None:
    await town.offer(RENTAL)
    await town.grant("grant-rental", resource=RENTAL)
    await town.wish(resource=RENTAL, material="rental-registration")
    assert len(town.bus.said(QuestionAsked, topic="sharing.to.housing")) == 1
    assert town.bus.said(QuestionAsked, topic="sharing.to.hrss") == []
