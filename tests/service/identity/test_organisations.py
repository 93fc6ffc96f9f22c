"""Divisions and organisations."""

from typing import Any

import pytest

from shared.contracts.identity import DivisionPublished, OrganisationAdmitted, OrganisationPublished
from tests.service.identity.conftest import DIVISIONS, HRSS, POLICE, Identity


async def test_the_tree_and_the_departments_are_published_as_rows(city: Identity) -> None:
    assert [row["code"] for row in city.bus.said(DivisionPublished)] == ["21", "2102", "210203"]
    assert city.bus.said(OrganisationPublished) == [POLICE, HRSS]
    assert [row["code"] for row in city.bus.said(OrganisationAdmitted)] == ["police", "hrss"]
    topics = {record.topic for record in city.bus.records if b"organisation" in (record.key or b"")}
    assert topics == {"identity.audit", "identity.events", "identity.organisations"}


async def test_the_same_row_again_is_no_event_and_another_is_one(city: Identity) -> None:
    before = len(city.bus.records)
    first = await city.put("/organisations/police", POLICE)
    again = await city.put("/organisations/police", POLICE)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.headers["etag"] == again.headers["etag"] == '"1"'
    await city.put("/divisions/21", DIVISIONS[0])
    await city.bus.settle()
    assert len(city.bus.records) == before
    changed = await city.put("/organisations/police", POLICE | {"division": "210203"})
    assert changed.headers["etag"] == '"2"'
    await city.bus.settle()
    assert [r.topic for r in city.bus.records[before:]] == ["identity.organisations", "identity.audit"]


async def test_a_row_read_meanwhile_changed_is_not_overwritten(city: Identity) -> None:
    await city.put("/organisations/police", POLICE | {"division": "210203"})
    assert (await city.put("/organisations/police", POLICE, **{"If-Match": '"1"'})).status_code == 412
    assert (await city.put("/organisations/police", POLICE, **{"If-Match": '"2"'})).status_code == 200


async def test_a_duty_has_one_owner(city: Identity) -> None:
    grasping = HRSS | {"matters": ["new-matter", "residence-permit"], "division": "99"}
    answer = await city.put("/organisations/hrss", grasping)
    assert answer.status_code == 422
    assert {(f["pointer"], f["code"]) for f in answer.json()["faults"]} == {
        ("/division", "unknown_division"),
        ("/matters/1", "duty_taken"),
    }
    assert (await city.put("/organisations/police", POLICE | {"matters": ["new-matter"]})).status_code == 200
    assert (await city.put("/organisations/hrss", HRSS | {"matters": ["residence-permit"]})).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/divisions/22", DIVISIONS[0]),
        ("/divisions/21", DIVISIONS[0] | {"extra": 1}),
        ("/divisions/21", DIVISIONS[0] | {"level": "1"}),
        ("/divisions/2104", DIVISIONS[1] | {"code": "2104", "parent": "22"}),
        ("/organisations/police", POLICE | {"name": {"zh": "公安局"}}),
    ],
)
async def test_what_does_not_fit_is_refused(city: Identity, path: str, body: dict[str, Any]) -> None:
    before = len(city.bus.records)
    answer = await city.put(path, body)
    assert answer.status_code == 422
    assert answer.json()["faults"]
    await city.bus.settle()
    assert len(city.bus.records) == before


async def test_anybody_reads_page_by_page(city: Identity) -> None:
    first = (await city.http.get("/divisions", params={"limit": 2})).json()
    second = (await city.http.get("/divisions", params={"limit": 2, "after": first["next"]})).json()
    assert [row["code"] for row in first["items"] + second["items"]] == ["21", "2102", "210203"]
    assert second["next"] is None
    assert [row["code"] for row in (await city.http.get("/organisations")).json()["items"]] == ["hrss", "police"]


async def test_only_an_operator_writes(city: Identity) -> None:
    token = (await city.redeem(await city.code())).json()["access_token"]
    for path, body in (("/divisions/21", DIVISIONS[0]), ("/organisations/police", POLICE)):
        assert (await city.http.put(path, json=body)).status_code == 401
        refused = await city.http.put(path, json=body, headers={"Authorization": f"Bearer {token}"})
        assert refused.status_code == 403
