"""Divisions, organisations and their duties."""

from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.identity import (
    DivisionPublished,
    DutyAssigned,
    DutyReleased,
    OrganisationAdmitted,
    OrganisationPublished,
)
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


# -- the duty list ---------------------------------------------------------------------------------------


async def duties(city: Identity, **asked: Any) -> list[tuple[str, str, str]]:
    answer = await city.http.get("/duties", params=asked)
    assert answer.status_code == 200, answer.text
    return [(one["kind"], one["code"], one["owner"]) for one in answer.json()["items"]]


async def test_anybody_reads_who_owns_which_matter_resource_or_system(city: Identity) -> None:
    await city.put("/organisations/police", POLICE | {"systems": ["hrss.social-insurance"]})
    permit, registration = ("matter", "residence-permit", "police"), ("matter", "unemployment-registration", "hrss")
    resource, system = ("resource", "hrss.social-insurance", "hrss"), ("system", "hrss.social-insurance", "police")
    assert await duties(city) == [permit, registration, resource, system]
    assert await duties(city, kind="matter") == [permit, registration]
    assert await duties(city, owner="hrss") == [registration, resource]
    assert await duties(city, kind="matter", owner="hrss") == [registration]
    assert await duties(city, code="hrss.social-insurance") == [resource, system]
    assert await duties(city, code="hrss.social-insurance", kind="system") == [system]
    assert await duties(city, kind="matter", code="nothing") == []
    assert (await city.http.get("/duties", params={"kind": "wish"})).status_code == 422


async def test_the_duty_list_comes_page_by_page(city: Identity) -> None:
    whole = await duties(city)
    asked: dict[str, str]
    for asked in ({}, {"kind": "matter"}):
        found: list[tuple[str, str, str]] = []
        after: dict[str, str] = {}
        while True:
            answer = (await city.http.get("/duties", params={**asked, "limit": "1", **after})).json()
            found += [(one["kind"], one["code"], one["owner"]) for one in answer["items"]]
            if answer["next"] is None:
                break
            after = {"after": answer["next"]}
        assert found == [one for one in whole if one[0] == asked.get("kind", one[0])]


async def test_a_change_of_owner_is_told_by_both_in_the_write_that_makes_it(city: Identity) -> None:
    before = len(city.bus.records)
    await city.put("/organisations/police", POLICE | {"matters": []})
    await city.put("/organisations/hrss", HRSS | {"matters": [*HRSS["matters"], "residence-permit"]})
    await city.bus.settle()
    records = [record for record in city.bus.records[before:] if record.topic != "identity.audit"]
    told = [((r.key or b"").decode(), (dict(r.headers)["ce_type"] or b"").decode()) for r in records]
    assert told == [
        ("organisation-police", OrganisationPublished.type),
        ("organisation-police", DutyReleased.type),
        ("organisation-hrss", OrganisationPublished.type),
        ("organisation-hrss", DutyAssigned.type),
    ]
    assert city.bus.said(DutyReleased) == [{"kind": "matter", "code": "residence-permit", "organisation": "police"}]
    assert city.bus.said(DutyAssigned)[-1] == {"kind": "matter", "code": "residence-permit", "organisation": "hrss"}
    assert await duties(city, code="residence-permit") == [("matter", "residence-permit", "hrss")]


async def test_a_duty_that_a_dead_process_had_claimed_is_free_again(city: Identity) -> None:
    seals = ("matter", "seal-engraving")
    assert await city.desk.duties.claim(("matter", "seal-engraving"), "police", city.clock.now())
    wanted = HRSS | {"matters": [*HRSS["matters"], seals[1]]}
    assert (await city.put("/organisations/police", POLICE)).status_code == 200
    assert (await city.put("/organisations/hrss", wanted)).status_code == 422, "somebody may be just about to publish"
    city.clock.forward(timedelta(minutes=1))
    assert (await city.put("/organisations/police", POLICE)).status_code == 200
    assert (await city.put("/organisations/hrss", wanted)).status_code == 200
    assert await duties(city, code=seals[1]) == [(*seals, "hrss")]
