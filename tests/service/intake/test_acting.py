"""Applying and looking for somebody else: as far as the mandate goes, and said in each event."""

import asyncio
from typing import Any

import pytest

from shared.contracts import intake
from tests.service.intake.conftest import PDF, WANG_WEI, IntakeTown

COMPANY = "company-91210200ma0qc5xx0a"


def said(town: IntakeTown, event: Any) -> list[tuple[str | None, str | None]]:
    """For whom and by whom, as the events of a kind say."""
    return [(one.get("applicant"), one["agent"]) for one in town.bus.said(event)]


async def test_a_case_is_the_principal_s_and_says_who_acted(town: IntakeTown) -> None:
    acting = town.identity.acting(WANG_WEI, COMPANY)
    answer = await town.submit(await town.application(headers=acting), headers=acting)
    assert answer.status_code == 201, answer.text
    case = answer.json()["case"]
    assert answer.json()["agent"] == WANG_WEI
    for material in ("social-insurance", "rental-registration"):
        await town.answer(case, material, times=1)
    (submitted,) = town.bus.said(intake.CaseSubmitted)
    assert (submitted["applicant"], submitted["agent"]) == (COMPANY, WANG_WEI)
    assert submitted["mandate"] == f"mandate-{WANG_WEI}-{COMPANY}"
    assert said(town, intake.CaseAccepted) == [(COMPANY, WANG_WEI)]
    assert {one["subject"] for one in town.bus.said(intake.MaterialWished)} == {COMPANY}
    own = await town.http.get("/cases", headers=town.identity.bearer(WANG_WEI))
    assert own.json()["items"] == [], "it is not the agent's"
    assert (await town.http.get(f"/cases/{case}", headers=town.identity.bearer(WANG_WEI))).status_code == 404
    assert [one["case"] for one in (await town.http.get("/cases", headers=acting)).json()["items"]] == [case]


async def test_who_supplies_for_somebody_is_said(town: IntakeTown) -> None:
    acting = town.identity.acting(WANG_WEI, "person-li-na")
    case = (await town.apply())["case"]
    await town.refuse(case, "social-insurance")
    await town.answer(case, "rental-registration")
    file = (await town.upload(PDF + b" of the agent", **acting)).json()
    body = {"material": "social-insurance", "file": file["file"], "sha256": file["sha256"]}
    answer = await town.http.post(f"/cases/{case}/materials", json=body, headers=acting)
    assert answer.status_code == 200, answer.text
    await town.bus.settle()
    received = {(one["material"], one["agent"]) for one in town.bus.said(intake.MaterialReceived)}
    assert ("social-insurance", WANG_WEI) in received
    assert said(town, intake.SupplementRequested) == [("person-li-na", None)], "she applied herself"


@pytest.mark.parametrize(
    ("acts", "method", "path"),
    [
        (["see", "supply"], "POST", "/cases"),
        (["apply", "supply"], "GET", "/cases"),
        (["apply", "supply"], "GET", "/cases/{case}"),
        (["apply", "supply"], "GET", "/cases/{case}/timeline"),
        (["apply", "supply"], "GET", "/cases/{case}/materials/photo/file"),
        (["apply", "see"], "POST", "/cases/{case}/materials"),
        (["see"], "POST", "/files"),
        (["apply", "supply"], "GET", "/files/file-1"),
        (["apply", "see", "supply"], "POST", "/cases/{case}/decision"),
    ],
)
async def test_an_act_that_was_not_given_is_refused(town: IntakeTown, acts: list[Any], method: str, path: str) -> None:
    case = (await town.apply())["case"]
    headers = town.identity.acting(WANG_WEI, "person-li-na", acts) | {"Idempotency-Key": "k", "Content-Type": "text/x"}
    answer = await town.http.request(method, path.format(case=case), headers=headers, content=b"{}")
    assert (answer.status_code, answer.json()["code"]) == (403, "mandate_does_not_cover")


async def test_a_mandate_for_other_items_opens_none_of_these(town: IntakeTown) -> None:
    case = (await town.apply())["case"]
    acting = town.identity.acting(WANG_WEI, "person-li-na", items=["seal-engraving"])
    answer = await town.submit(await town.application(headers=acting), headers=acting)
    assert ("/item", "mandate_does_not_cover") in {(f["pointer"], f["code"]) for f in answer.json()["faults"]}
    assert (await town.http.get(f"/cases/{case}", headers=acting)).status_code == 404
    assert (await town.http.get("/cases", headers=acting)).json()["items"] == []
    fitting = town.identity.acting(WANG_WEI, "person-li-na", items=["seal-engraving", "residence-permit"])
    assert len((await town.http.get("/cases", headers=fitting)).json()["items"]) == 1


async def test_a_mandate_is_for_so_many_cases_however_many_are_begun_at_once(town: IntakeTown) -> None:
    acting = town.identity.acting(WANG_WEI, COMPANY, most_cases=2)
    body = await town.application(headers=acting)
    answers = await asyncio.gather(*(town.submit(body, key=f"k-{n}", headers=acting) for n in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 403, 403, 403]
    assert {a.json()["code"] for a in answers if a.status_code == 403} == {"mandate_used_up"}
    taken = next(n for n, answer in enumerate(answers) if answer.status_code == 201)
    assert (await town.submit(body, key=f"k-{taken}", headers=acting)).status_code == 200, "the same again"
    own = town.identity.bearer(WANG_WEI)
    assert (await town.submit(await town.application(headers=own), headers=own)).status_code == 201


async def test_two_who_act_for_one_are_two_callers(town: IntakeTown) -> None:
    cases = set()
    for agent in (WANG_WEI, "person-chen"):
        acting = town.identity.acting(agent, COMPANY)
        answer = await town.submit(await town.application(headers=acting), key="the-same", headers=acting)
        assert answer.status_code == 201, answer.text
        cases.add(answer.json()["case"])
    assert len(cases) == 2
