"""Applying: what is wrong is named at once, and nothing of it is kept."""

import hashlib
import resource
from typing import Any

import pytest

from shared.contracts import intake
from tests.service.intake.conftest import FORM, PDF, IntakeTown


async def faults(town: IntakeTown, body: dict[str, Any]) -> set[tuple[str, str]]:
    answer = await town.submit(body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert town.bus.said(intake.CaseSubmitted) == []
    assert await town.desk.cases.collection.count({}) == 0
    return {(fault["pointer"], fault["code"]) for fault in answer.json()["faults"]}


async def test_every_fault_of_an_application_is_named_at_once(town: IntakeTown) -> None:
    form = {k: v for k, v in FORM.items() if k != "ground"} | {"resident_since": "yesterday", "more": 1}
    given = [{"material": "unheard-of", "file": "file-" + "0" * 26, "sha256": "0" * 64}]
    found = await faults(town, await town.application(form=form, materials=given, division="999999"))
    assert found >= {
        ("/form/ground", "required"),
        ("/form/resident_since", "format"),
        ("/form/more", "unknown_field"),
        ("/division", "unknown_division"),
        ("/materials/0/material", "unknown_material"),
        ("/materials/0/file", "no_such_file"),
        ("/materials", "missing_material"),
    }


async def test_malformed_references_are_named_together_with_everything_else(town: IntakeTown) -> None:
    given = [{"material": "photo", "file": "file-123", "sha256": "F" * 64}]
    found = await faults(town, await town.application(form={}, materials=given, division="21020"))
    assert found >= {
        ("/form/ground", "required"),
        ("/division", "unknown_division"),
        ("/materials/0/file", "no_such_file"),
        ("/materials", "missing_material"),
    }


async def test_a_division_where_the_department_does_not_work_is_a_fault(town: IntakeTown) -> None:
    """Police sit in 2102: of a case in all of Liaoning (21) no officer of theirs could see anything."""
    assert await faults(town, await town.application(division="21")) == {("/division", "not_served")}
    assert (await town.submit(await town.application(division="2102"))).status_code == 201


async def test_an_unknown_item_is_a_fault(town: IntakeTown) -> None:
    assert ("/item", "unknown_item") in await faults(town, await town.application(item="flying-permit"))


async def test_a_tampered_file_is_a_fault(town: IntakeTown) -> None:
    body = await town.application()
    digest = hashlib.sha256(PDF).hexdigest()
    (town.files / "sha256" / digest[:2] / digest).write_bytes(b"%PDF-1.7 forged")
    assert await faults(town, body) == {("/materials/0/file", "tampered")}


async def test_a_file_that_is_gone_is_a_fault(town: IntakeTown) -> None:
    body = await town.application()
    digest = hashlib.sha256(PDF).hexdigest()
    (town.files / "sha256" / digest[:2] / digest).unlink()
    assert await faults(town, body) == {("/materials/0/file", "gone")}


async def test_another_digest_than_the_files_own_is_a_fault(town: IntakeTown) -> None:
    body = await town.application()
    body["materials"][0]["sha256"] = "f" * 64
    assert await faults(town, body) == {("/materials/0/sha256", "other_digest")}


async def test_somebody_elses_file_does_not_exist(town: IntakeTown) -> None:
    other = (await town.upload(b"%PDF-1.7 hers", **town.identity.bearer("person-wang-wei"))).json()
    body = await town.application()
    body["materials"][0] |= {"file": other["file"], "sha256": other["sha256"]}
    assert await faults(town, body) == {("/materials/0/file", "no_such_file")}


async def test_a_form_cannot_smuggle_operators_into_the_store(town: IntakeTown) -> None:
    found = await faults(town, await town.application(form=FORM | {"$where": "1", "a.b": 2}))
    assert ("/form", "bad_name") in found


async def test_the_same_key_and_body_give_the_same_case(town: IntakeTown) -> None:
    body = await town.application()
    first, second = await town.submit(body, key="k"), await town.submit(body, key="k")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["case"] == second.json()["case"]
    assert len(town.bus.said(intake.CaseSubmitted)) == 1


async def test_the_same_request_gives_the_case_though_a_file_is_gone_meanwhile(town: IntakeTown) -> None:
    body = await town.application()
    first = await town.submit(body, key="k")
    digest = hashlib.sha256(PDF).hexdigest()
    (town.files / "sha256" / digest[:2] / digest).unlink()
    again = await town.submit(body, key="k")
    assert (again.status_code, again.json()["case"]) == (200, first.json()["case"])


async def test_a_new_guide_is_in_force_for_the_next_application(town: IntakeTown) -> None:
    guide = (await town.http.get("/items/residence-permit")).json()
    await town.apply()
    guide["form"]["properties"]["name"]["maxLength"] = 1
    await town.http.put("/items/residence-permit", json=guide, headers=town.operator())
    answer = await town.submit(await town.application())
    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["faults"]] == [("/form/name", "max_length")]


async def test_the_same_key_with_another_body_is_refused(town: IntakeTown) -> None:
    body = await town.application()
    await town.submit(body, key="k")
    again = await town.submit(body | {"form": FORM | {"ground": "study"}}, key="k")
    assert (again.status_code, again.json()["code"]) == (422, "idempotency_key_reused")


async def test_numbers_are_unique_and_carry_a_check_digit(town: IntakeTown) -> None:
    numbers = [(await town.submit(await town.application())).json()["number"] for _ in range(25)]
    assert len(set(numbers)) == 25
    assert all(len(number) == 21 and number.startswith("21020420260302") for number in numbers)


async def test_a_file_that_is_not_what_it_says_is_refused(town: IntakeTown) -> None:
    answer = await town.upload(b"<html>", "application/pdf")
    assert (answer.status_code, answer.json()["code"]) == (422, "media_type_differs")
    answer = await town.upload(b"MZ", "application/x-msdownload")
    assert (answer.status_code, answer.json()["code"]) == (422, "media_type_unknown")


@pytest.mark.parametrize("name", ["id.exe", "id.pdf.html", "id.jpg", "../id.pdf", "a\\b.pdf", "id\r\nX: y.pdf", "."])
async def test_a_name_that_does_not_go_with_the_file_is_refused(town: IntakeTown, name: str) -> None:
    answer = await town.upload_called(name)
    assert (answer.status_code, answer.json()["code"]) == (422, "name_unfit")
    assert not any(path.is_file() for path in town.files.rglob("*"))


@pytest.mark.parametrize("name", ["身份证.pdf", "ID.PDF", "permit", "v1.2 of it.pdf"])
async def test_a_file_is_called_by_us_when_it_is_handed_out(town: IntakeTown, name: str) -> None:
    kept = (await town.upload_called(name)).json()
    assert kept["name"] == name
    back = await town.http.get(f"/files/{kept['file']}", headers=town.li_na())
    assert back.headers["content-disposition"] == f'attachment; filename="{kept["file"]}.pdf"'
    assert back.headers["content-type"] == "application/pdf"
    assert back.headers["x-content-type-options"] == "nosniff"
    assert back.headers["cache-control"] == "no-store"


async def test_the_same_bytes_are_the_same_file(town: IntakeTown) -> None:
    first, second = (await town.upload()).json(), (await town.upload()).json()
    assert first == second
    back = await town.http.get(f"/files/{first['file']}", headers=town.li_na())
    assert back.content == PDF


async def test_a_schema_that_reaches_out_is_refused(town: IntakeTown) -> None:
    guide = (await town.http.get("/items/residence-permit")).json()
    guide["form"] = {"type": "object", "$ref": "http://127.0.0.1:1/elsewhere"}
    guide["promised_days"] = 99
    answer = await town.http.put("/items/residence-permit", json=guide, headers=town.operator())
    assert {e["code"] for e in answer.json()["faults"]} == {"unresolvable_reference", "longer_than_legal"}


async def test_a_format_that_nobody_checks_is_refused(town: IntakeTown) -> None:
    guide = (await town.http.get("/items/residence-permit")).json()
    guide["form"]["properties"]["format"] = {"type": "string", "format": "iri", "examples": [{"format": "x"}]}
    answer = await town.http.put("/items/residence-permit", json=guide, headers=town.operator())
    assert [(e["pointer"], e["code"]) for e in answer.json()["faults"]] == [
        ("/form/properties/format/format", "unchecked_format")
    ]


async def test_a_misspelt_field_of_a_guide_is_refused_at_any_depth(town: IntakeTown) -> None:
    guide = (await town.http.get("/items/residence-permit")).json()
    guide["materials"][0]["requried"] = True
    answer = await town.http.put("/items/residence-permit", json=guide, headers=town.operator())
    assert answer.status_code == 422
    assert answer.json()["faults"][0]["pointer"] == "/materials/0/requried"


async def test_publishing_the_same_guide_again_changes_nothing(town: IntakeTown) -> None:
    guide = (await town.http.get("/items/residence-permit")).json()
    again = await town.http.put("/items/residence-permit", json=guide, headers=town.operator())
    await town.bus.settle()
    assert again.headers["tongban-changed"] == "false"
    assert len(town.bus.said(intake.ItemPublished)) == 1


async def test_a_file_over_the_limit_is_refused_and_leaves_nothing(town: IntakeTown) -> None:
    answer = await town.upload(b"%PDF-1.7" + b"0" * town.desk.file_limit)
    assert (answer.status_code, answer.json()["code"]) == (413, "content_too_large")
    assert not [path for path in town.files.rglob("*") if path.is_file()]


async def test_a_refused_upload_leaves_nothing(town: IntakeTown) -> None:
    await town.upload(b"<html>", "application/pdf")
    assert not [path for path in town.files.rglob("*") if path.is_file()]


async def test_a_disk_that_takes_no_more_is_told_as_503_and_leaves_nothing(town: IntakeTown) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        answer = await town.upload(b"%PDF-1.7" + b"0" * 400_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "retry-after" in answer.headers
    assert not [path for path in town.files.rglob("*") if path.is_file()]
    assert (await town.upload(b"%PDF-1.7" + b"0" * 400_000)).status_code == 201


async def test_a_file_that_was_lost_is_told_as_gone(town: IntakeTown) -> None:
    file = (await town.upload()).json()
    (town.files / "sha256" / file["sha256"][:2] / file["sha256"]).unlink()
    answer = await town.http.get(f"/files/{file['file']}", headers=town.li_na())
    assert (answer.status_code, answer.json()["code"]) == (404, "file_gone")


async def test_what_no_store_can_keep_is_a_fault(town: IntakeTown) -> None:
    guide = (await town.http.get("/items/residence-permit")).json()
    guide["form"] = {"type": "object"}
    await town.http.put("/items/residence-permit", json=guide, headers=town.operator())
    found = await faults(town, await town.application(form={"a": 2**63, "b": ["\ud800"], "c": {"d.e": 1}}))
    assert found == {("/form/a", "too_big"), ("/form/b/0", "not_unicode"), ("/form/c", "bad_name")}
