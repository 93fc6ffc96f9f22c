"""The state machine of a case: every verb in every state."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, get_args

import pytest

from services.intake.cases.domain import AttachedFile, Case, Material, State
from services.intake.cases.store import check_digit
from services.intake.rules.domain import WorkingDays
from shared.contracts.intake import SharedSource
from shared.errors import Conflict, DomainError, Forbidden, Invalid

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAYS = WorkingDays(id="calendar-city")
FILE = AttachedFile(file="file-1", sha256="0" * 64, media_type="application/pdf", size=1)


def material(code: str, state: Any = "wished", *, required: bool = True) -> Material:
    wish = SharedSource(resource=f"hrss.{code}", fields=["a"], purpose="permit")
    return Material(code=code, required=required, media_types=["application/pdf"], wish=wish, state=state)


def case(*materials: Material) -> Case:
    found = Case(
        id="case-1",
        number="1",
        item="permit",
        department="police",
        applicant="person-1",
        division="2102",
        form={},
        materials=list(materials),
        legal_days=15,
        promised_days=5,
        body_sha256="0",
        submitted_at=NOW,
        sort_key="-",
    )
    found.submit(DAYS, 5, NOW)
    return found


def said(found: Case) -> list[str]:
    return [entry["type"].split(".")[2] for entry in found.recorded]


def in_supplement() -> Case:
    found = case(material("a"), material("b"))
    found.take_refusal("a", "exchange-1", "no-grant", DAYS, NOW)
    found.take_answer("b", "exchange-2", {"x": 1}, DAYS, NOW)
    return found


def accepted() -> Case:
    return case()


def completed() -> Case:
    found = accepted()
    found.decide("police", "approved", "-", None, NOW)
    found.complete(NOW)
    return found


STATES: dict[str, Callable[[], Case]] = {
    "submitted": lambda: case(material("a"), material("b")),
    "supplement": in_supplement,
    "accepted": accepted,
    "completed": completed,
}


def decide(found: Case) -> None:
    found.decide("police", "refused", "-", None, NOW)


def supply(found: Case) -> None:
    found.supply("a", FILE, DAYS, NOW)


@pytest.mark.parametrize(
    ("state", "verb", "outcome"),
    [
        ("submitted", decide, "not_accepted"),
        ("supplement", decide, "not_accepted"),
        ("accepted", decide, "decided"),
        ("completed", decide, "finished"),
        ("submitted", supply, "material_not_missing"),
        ("supplement", supply, "accepted"),
        ("accepted", supply, "invalid"),
        ("completed", supply, "invalid"),
        ("submitted", lambda c: c.complete(NOW), "not_decided"),
        ("accepted", lambda c: c.complete(NOW), "not_decided"),
        ("completed", lambda c: c.complete(NOW), "not_decided"),
    ],
)
def test_each_verb_in_each_state(state: str, verb: Callable[[Case], None], outcome: str) -> None:
    found = STATES[state]()
    before = found.model_dump()
    if outcome in get_args(State):
        verb(found)
        assert found.state == outcome
        return
    with pytest.raises(DomainError) as refused:
        verb(found)
    assert refused.value.code == outcome
    assert found.model_dump() == before, "a refusal changes nothing"


def test_another_department_may_not_decide_in_any_state() -> None:
    for make in STATES.values():
        with pytest.raises(Forbidden):
            make().decide("hrss", "approved", "-", None, NOW)


def test_an_optional_material_that_sharing_cannot_give_is_left_out() -> None:
    found = case(material("a", required=False))
    found.take_refusal("a", "exchange-1", "no-record", DAYS, NOW)
    assert (found.state, found.materials[0].state) == ("accepted", "left-out")


def test_an_answer_to_a_settled_material_changes_nothing() -> None:
    found = in_supplement()
    before = said(found)
    found.take_answer("a", "exchange-1", {"late": True}, DAYS, NOW)
    found.take_refusal("b", "exchange-2", "no-grant", DAYS, NOW)
    assert said(found) == before
    assert found.state == "supplement"


def test_a_material_of_another_kind_is_not_taken() -> None:
    with pytest.raises(Invalid):
        in_supplement().supply("a", FILE.model_copy(update={"media_type": "image/png"}), DAYS, NOW)
    with pytest.raises(Conflict):
        in_supplement().supply("b", FILE, DAYS, NOW)


def test_the_notice_term_ends_with_the_fifth_working_day_in_the_city() -> None:
    found = case(material("a"))
    assert found.wake_at == datetime(2026, 3, 9, 16, tzinfo=UTC), "midnight in Dalian after Monday the 9th"
    found.deem_accepted(DAYS, datetime(2026, 3, 9, 15, 59, tzinfo=UTC))
    assert found.state == "submitted"
    found.deem_accepted(DAYS, datetime(2026, 3, 9, 16, tzinfo=UTC))
    assert found.receipt is not None
    assert (found.receipt.accepted_on, found.receipt.deemed) == (date(2026, 3, 2), True)


def test_the_check_digit_catches_every_single_wrong_digit() -> None:
    body = "21020420260302000001"
    right = check_digit(body)
    for place in range(len(body)):
        for digit in "0123456789":
            if digit != body[place]:
                assert check_digit(body[:place] + digit + body[place + 1 :]) != right
