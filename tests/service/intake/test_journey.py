"""A case travels through intake: with shared data, without it, and against everybody who has no say in it."""

from datetime import timedelta
from unittest.mock import AsyncMock

import pytest

from shared.contracts import department, intake
from tests.service.intake.conftest import IntakeTown

WISHED = ("social-insurance", "rental-registration")


async def accepted(town: IntakeTown) -> dict[str, object]:
    case = await town.apply()
    for material in WISHED:
        await town.answer(str(case["case"]), material)
    return await town.show(str(case["case"]))


async def decide(town: IntakeTown, case: str, by: str = "police", times: int = 1, id_: str = "d-1") -> None:
    said = department.CaseDecided(case=case, outcome="approved", reason="条件具备", officer=None)
    for _ in range(times):
        await town.bus.say(f"{by}.out", said, key=case, id_=id_)
        await town.bus.settle()


async def test_shared_data_is_wished_for_and_not_asked_of_the_applicant(town: IntakeTown) -> None:
    case = await town.apply()
    wishes = town.bus.said(intake.MaterialWished)
    assert {wish["material"] for wish in wishes} == set(WISHED)
    assert {wish["consumer"] for wish in wishes} == {"police"}
    assert case["state"] == "submitted"


async def test_a_complete_case_is_accepted_with_due_dates_in_working_days(town: IntakeTown) -> None:
    case = await accepted(town)
    # Monday 2026-03-02; 5 and 15 working days on, no holiday between.
    assert case["receipt"] == {
        "accepted_on": "2026-03-02",
        "promised_due": "2026-03-09",
        "legal_due": "2026-03-23",
        "deemed": False,
    }


async def test_the_work_goes_to_the_one_department_with_form_files_and_shared_data(town: IntakeTown) -> None:
    await accepted(town)
    (work,) = town.bus.said(intake.CaseAssigned, topic="intake.to.police")
    assert {m["code"]: m["source"] for m in work["materials"]} == {
        "identity-card": "applicant",
        "photo": "applicant",
        "social-insurance": "shared",
        "rental-registration": "shared",
    }
    assert work["form"]["ground"] == "employment"


async def test_no_personal_data_is_on_the_public_topic(town: IntakeTown) -> None:
    await accepted(town)
    public = b"".join(r.value or b"" for r in town.bus.records if r.topic == "intake.events")
    for canary in ("李娜", "210299199003150024", '"months_paid":'):
        assert canary.encode() not in public


async def test_the_department_decides_and_the_case_is_completed(town: IntakeTown) -> None:
    case = await accepted(town)
    await decide(town, str(case["case"]))
    shown = await town.show(str(case["case"]))
    assert (shown["state"], shown["outcome"]) == ("completed", "approved")
    assert len(town.bus.said(intake.CaseCompleted)) == 1


async def test_the_same_messages_ten_times_have_one_effect(town: IntakeTown) -> None:
    case = str((await town.apply())["case"])
    for material in WISHED:
        await town.answer(case, material, times=10)
    await decide(town, case, times=10)
    for model in (intake.CaseAccepted, intake.CaseAssigned, intake.CaseDecided, intake.CaseCompleted):
        assert len(town.bus.said(model)) == 1, model.__name__
    assert town.bus.said(intake.StatementRejected) == []
    assert await town.runtime.parked.count() == 0


async def test_one_complete_notice_asks_for_all_that_sharing_could_not_give(town: IntakeTown) -> None:
    case = str((await town.apply())["case"])
    await town.refuse(case, "social-insurance", "no-grant", times=3)
    assert town.bus.said(intake.SupplementRequested) == [], "a wish is still open"
    await town.refuse(case, "rental-registration", "owner-silent")
    (notice,) = town.bus.said(intake.SupplementRequested)
    assert notice["missing"] == [
        {"material": "social-insurance", "ground": "no-grant"},
        {"material": "rental-registration", "ground": "owner-silent"},
    ]


async def test_the_applicants_later_upload_completes_the_case(town: IntakeTown) -> None:
    case = str((await town.apply())["case"])
    await town.refuse(case, "social-insurance")
    await town.answer(case, "rental-registration")
    file = (await town.upload(b"%PDF-1.7 insurance")).json()
    given = {"material": "social-insurance", "file": file["file"], "sha256": file["sha256"]}
    for _ in range(2):  # sent twice: the second changes nothing
        answer = await town.http.post(f"/cases/{case}/materials", json=given, headers=town.li_na())
        assert answer.status_code == 200, answer.text
    await town.bus.settle()
    assert (await town.show(case))["state"] == "accepted"
    assert len(town.bus.said(intake.CaseAccepted)) == 1


async def test_a_decision_by_another_department_is_rejected_and_recorded(town: IntakeTown) -> None:
    case = str((await accepted(town))["case"])
    await decide(town, case, by="hrss", times=10)
    assert (await town.show(case))["state"] == "accepted"
    (rejection,) = town.bus.said(intake.StatementRejected)
    assert rejection == {"member": "hrss", "statement": "d-1", "about": case, "ground": "not-the-owner"}
    await decide(town, case)
    assert (await town.show(case))["state"] == "completed"


async def test_a_decision_for_an_unknown_or_finished_case_is_rejected_and_recorded(town: IntakeTown) -> None:
    case = str((await accepted(town))["case"])
    await decide(town, "case-00000000000000000000000000", id_="d-0")
    await decide(town, case, id_="d-1")
    await decide(town, case, id_="d-2")
    grounds = [(r["statement"], r["ground"]) for r in town.bus.said(intake.StatementRejected)]
    assert grounds == [("d-0", "unknown"), ("d-2", "finished")]
    assert len(town.bus.said(intake.CaseDecided)) == 1


async def test_a_decision_that_came_too_early_stays_rejected_when_it_is_delivered_again_after_the_acceptance(
    town: IntakeTown,
) -> None:
    """A kill before the commit brings it again; meanwhile the last material may have come."""
    case = str((await town.apply())["case"])
    await decide(town, case, id_="d-1")
    for material in WISHED:
        await town.answer(case, material)
    await decide(town, case, id_="d-1")
    assert (await town.show(case))["state"] == "accepted"
    (rejection,) = town.bus.said(intake.StatementRejected)
    assert rejection == {"member": "police", "statement": "d-1", "about": case, "ground": "not-accepted"}
    await decide(town, case, id_="d-2")
    assert (await town.show(case))["state"] == "completed"


async def test_a_rejection_that_was_not_written_before_a_crash_is_written_after(
    town: IntakeTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = str((await town.apply())["case"])
    with monkeypatch.context() as crash:
        crash.setattr("services.intake.cases.commands.reject", AsyncMock(return_value=None))
        await decide(town, case, id_="d-1")
    assert town.bus.said(intake.StatementRejected) == []
    for material in WISHED:
        await town.answer(case, material)
    await decide(town, case, id_="d-1")
    assert [r["ground"] for r in town.bus.said(intake.StatementRejected)] == ["not-accepted"]
    assert (await town.show(case))["state"] == "accepted"


async def test_without_notice_in_five_working_days_the_case_is_deemed_accepted(town: IntakeTown) -> None:
    case = str((await town.apply())["case"])
    town.clock.forward(timedelta(days=6))
    await town.bus.settle()
    assert (await town.show(case))["state"] == "submitted", "until the end of the fifth working day"
    town.clock.forward(timedelta(days=2))
    await town.bus.settle()
    shown = await town.show(case)
    assert shown["receipt"]["deemed"]
    assert shown["receipt"]["accepted_on"] == "2026-03-02", "from the day of receipt"


async def test_the_timeline_shows_each_step_in_order(town: IntakeTown) -> None:
    case = str((await accepted(town))["case"])
    answer = await town.http.get(f"/cases/{case}/timeline", headers=town.operator())
    steps = [entry["type"].split(".")[2] for entry in answer.json()]
    assert steps == [
        "case-submitted",
        "material-wished",
        "material-wished",
        "material-received",
        "material-received",
        "case-accepted",
        "case-assigned",
    ]
    assert answer.json()[-1]["data"] is None, "what went to the department is not shown"


async def test_an_officer_sees_the_shared_data_to_decide_on(town: IntakeTown) -> None:
    case = str((await accepted(town))["case"])
    shown = {one["code"]: one for one in (await town.show(case, town.officer()))["contents"]}
    assert shown["social-insurance"]["data"] == {"months_paid": 20}
    assert shown["identity-card"]["file"]["media_type"] == "application/pdf"


async def test_a_departments_own_words_are_not_repeated_in_public(town: IntakeTown) -> None:
    await decide(town, "case-" + "0" * 26, id_="decision-李娜-210299199003150024")
    await decide(town, "case-" + "0" * 26, id_="decision-210299199003150024")
    said = [rejection["statement"] for rejection in town.bus.said(intake.StatementRejected)]
    assert len(said) == 2
    assert all(one.startswith("sha256:") for one in said)
