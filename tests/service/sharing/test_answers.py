"""From the question to the delivery: the owner's answer, its silence, and what others say."""

import json
from typing import Any

import pytest

from shared.contracts.registry import EventModel
from shared.contracts.sharing import (
    AnswerDelivered,
    AnswerRefused,
    ExchangeAnswered,
    ExchangeRefused,
    GrantExpired,
    StatementRejected,
    digest,
)
from tests.service.sharing.conftest import LI_NA, RECORD, SharingTown, admit

DELIVERED = {"status": "参保", "months_paid": 20}


async def stands(town: SharingTown, exchange: str, state: str, ground: str | None = None) -> dict[str, Any]:
    record = await town.exchange(exchange)
    assert (record["state"], record["ground"]) == (state, ground)
    return record


async def test_the_answer_is_cut_and_handed_to_intake(town: SharingTown) -> None:
    exchange = await town.wish()
    await town.answer(exchange, **RECORD)
    [told] = town.bus.said(AnswerDelivered, topic="sharing.to.intake")
    assert told == {
        "exchange": exchange,
        "case": "case-a",
        "material": "social-insurance",
        "owner": "hrss",
        "data": DELIVERED,
        "sha256": digest(DELIVERED),
        "answered_at": "2026-03-02T09:00:00Z",
    }
    [public] = town.told(ExchangeAnswered)
    assert (public["answer_sha256"], public["delivered_sha256"]) == (digest(RECORD), digest(DELIVERED))
    record = await stands(town, exchange, "answered")
    assert (record["answer_sha256"], record["delivered_sha256"]) == (digest(RECORD), digest(DELIVERED))
    assert record["answered_at"] is not None


async def test_the_same_answer_ten_times_is_one_delivery_and_no_rejection(town: SharingTown) -> None:
    exchange = await town.wish()
    await town.answer(exchange, times=10, **RECORD)
    assert len(town.told(AnswerDelivered)) == len(town.told(ExchangeAnswered)) == 1
    assert town.told(StatementRejected) == []
    await stands(town, exchange, "answered")


async def test_no_payload_stays_in_the_record_or_goes_public(town: SharingTown) -> None:
    exchange = await town.wish()
    await town.answer(exchange, **RECORD)
    document = await town.desk.exchanges.collection.get(exchange, without=("journal",))
    public = [r.value for r in town.bus.records if r.topic == "sharing.events"]
    seen = json.dumps(document, default=str, ensure_ascii=False) + b"".join(v or b"" for v in public).decode()
    assert "参保" not in seen
    assert "九千" not in seen
    assert LI_NA.encode() not in b"".join(v or b"" for v in public)


async def test_what_was_not_granted_passes_nowhere(town: SharingTown) -> None:
    exchange = await town.wish()
    await town.answer(exchange, **RECORD)
    ours = [r.value or b"" for r in town.bus.records if r.topic.startswith("sharing.")]
    assert "九千".encode() not in b"".join(ours)
    journal = [entry.data or "" for entry in await town.desk.exchanges.journal(exchange)]
    assert "九千" not in "".join(journal)


async def test_the_payload_is_forgotten_and_its_digest_stays(town: SharingTown) -> None:
    exchange = await town.wish()
    await town.answer(exchange, **RECORD)
    await town.later(days=8)
    await town.runtime.forget()
    journal = await town.desk.exchanges.journal(exchange)
    assert "参保" not in "".join(entry.data or "" for entry in journal)
    assert [e.data is None for e in journal if e.topic.startswith("sharing.to.")] == [True, True]
    await stands(town, exchange, "answered")


@pytest.mark.parametrize(
    ("answer", "ground"),
    [
        ({"found": False}, "no-record"),
        ({"status": "参保"}, "incomplete-answer"),
        ({"status": "参保", "months_paid": "x" * 950_000}, "answer-too-large"),
    ],
)
async def test_an_answer_that_does_not_serve_is_refused_once(
    town: SharingTown, answer: dict[str, Any], ground: str
) -> None:
    exchange = await town.wish()
    await town.answer(exchange, times=10, **answer)
    assert [e["ground"] for e in town.told(AnswerRefused)] == [ground]
    assert [e["ground"] for e in town.told(ExchangeRefused)] == [ground]
    assert town.told(AnswerDelivered) == town.told(StatementRejected) == []
    await stands(town, exchange, "refused", ground)


async def test_a_silent_owner_is_refused_once(town: SharingTown) -> None:
    exchange = await town.wish()
    await town.later(seconds=59)
    assert town.told(AnswerRefused) == []
    for _ in range(3):
        await town.later(seconds=30)
    assert [e["ground"] for e in town.told(AnswerRefused)] == ["owner-silent"]
    assert [e["ground"] for e in town.told(ExchangeRefused)] == ["owner-silent"]
    await stands(town, exchange, "refused", "owner-silent")


def rejections(town: SharingTown) -> list[tuple[str, str, str | None, str]]:
    return [(e["member"], e["statement"], e["about"], e["ground"]) for e in town.told(StatementRejected)]


async def test_an_answer_that_comes_too_late_is_rejected(town: SharingTown) -> None:
    exchange = await town.wish()
    await town.later(seconds=61)
    await town.answer(exchange, times=10, id_="late", **RECORD)
    assert rejections(town) == [("hrss", "late", exchange, "finished")]
    assert town.told(AnswerDelivered) == []
    await stands(town, exchange, "refused", "owner-silent")


async def test_a_second_answer_is_rejected(town: SharingTown) -> None:
    exchange = await town.wish()
    await town.answer(exchange, **RECORD)
    await town.answer(exchange, id_="second", times=10, **(RECORD | {"status": "停保"}))
    assert rejections(town) == [("hrss", "second", exchange, "finished")]
    assert [e["data"] for e in town.told(AnswerDelivered)] == [DELIVERED]


async def test_another_departments_answer_is_rejected_and_does_not_stand_in_the_way(town: SharingTown) -> None:
    exchange = await town.wish()
    before = await town.desk.exchanges.collection.get(exchange)
    await town.answer(exchange, org="housing", id_="answer-1", times=10, **(RECORD | {"status": "forged"}))
    assert await town.desk.exchanges.collection.get(exchange) == before
    assert rejections(town) == [("housing", "answer-1", exchange, "not-the-owner")]
    await town.answer(exchange, org="hrss", id_="answer-1", **RECORD)
    assert [e["data"] for e in town.told(AnswerDelivered)] == [DELIVERED]
    await stands(town, exchange, "answered")


async def test_an_answer_to_an_unknown_exchange_is_rejected(town: SharingTown) -> None:
    await town.answer("exchange-" + "0" * 26, id_="one", times=10, **RECORD)
    assert rejections(town) == [("hrss", "one", "exchange-" + "0" * 26, "unknown")]


async def test_what_is_no_id_of_ours_is_not_repeated(town: SharingTown) -> None:
    await town.answer("Li Na, 210299199003150024", id_="one", **RECORD)
    assert rejections(town) == [("hrss", "one", None, "unknown")]


async def test_two_departments_may_use_the_same_id(town: SharingTown) -> None:
    exchange = await town.wish()
    await town.answer(exchange, org="housing", id_="1", **RECORD)
    await town.answer(exchange, org="police", id_="1", **RECORD)
    assert {(member, statement) for member, statement, *_ in rejections(town)} == {("housing", "1"), ("police", "1")}


async def test_nobody_answers_what_was_refused_at_once(bare: SharingTown) -> None:
    exchange = await bare.wish()
    await bare.answer(exchange, id_="one", **RECORD)
    assert rejections(bare) == [("hrss", "one", exchange, "not-the-owner")]


async def test_a_grant_revoked_before_the_answer_gives_nothing_more(town: SharingTown) -> None:
    exchange = await town.wish()
    await town.call("POST", "/grants/grant-police/revocation", town.officer("hrss"), {"ground": "misuse"})
    await town.answer(exchange, **RECORD)
    assert town.told(AnswerDelivered) == []
    await stands(town, exchange, "refused", "grant-not-valid")


async def test_a_grant_that_ends_before_the_answer_still_serves_the_question_asked_in_time(bare: SharingTown) -> None:
    await bare.offer(answer_within=12 * 3600)
    await bare.grant(valid_until="2026-03-02")
    exchange = await bare.wish()
    await bare.later(hours=8)
    assert len(bare.told(GrantExpired)) == 1
    await bare.answer(exchange, **RECORD)
    await stands(bare, exchange, "answered")


async def test_a_department_is_heard_as_soon_as_it_is_admitted(town: SharingTown) -> None:
    lane = town.runtime.lane
    assert lane is not None
    before = {"intake.events", "identity.to.sharing", "police.out", "hrss.out", "housing.out", "market.out"}
    assert set(lane.topics) == before
    await admit(town.bus, "court", [])
    await town.bus.settle()
    assert set(lane.topics) == before | {"court.out"}
    await town.answer("exchange-" + "0" * 26, org="court", id_="one", **RECORD)
    assert rejections(town) == [("court", "one", "exchange-" + "0" * 26, "unknown")]


@pytest.mark.parametrize("model", [AnswerDelivered, AnswerRefused])
async def test_answers_to_intakes_wishes_go_to_intake_only(town: SharingTown, model: type[EventModel]) -> None:
    await town.answer(await town.wish(), **RECORD)
    await town.answer(await town.wish(), found=False)
    assert len(town.bus.said(model)) == len(town.bus.said(model, topic="sharing.to.intake")) == 1


async def test_an_answer_no_store_can_keep_is_refused_and_the_applicant_is_asked(town: SharingTown) -> None:
    exchange = await town.wish()
    await town.answer(exchange, **RECORD | {"months_paid": 6222021234567890123456})
    await stands(town, exchange, "refused", "unusable-answer")
    assert town.told(AnswerDelivered) == []
    [told] = town.told(AnswerRefused)
    assert told["ground"] == "unusable-answer"
