"""The catalogue: the owner offers, everybody signed in reads."""

import pytest

from shared.contracts.sharing import ResourcePublished
from tests.service.sharing.conftest import INSURANCE, RENTAL, SharingTown, offer


@pytest.mark.parametrize("who", ["officer", "department"])
async def test_the_owner_offers_a_resource(bare: SharingTown, who: str) -> None:
    headers = bare.officer("hrss") if who == "officer" else bare.department("hrss")
    answer = await bare.call("PUT", f"/resources/{INSURANCE}", headers, offer())
    assert (answer.status_code, answer.headers["etag"], answer.headers["tongban-changed"]) == (200, '"1"', "true")
    [record] = [r for r in bare.bus.records if r.topic == ResourcePublished.topic]
    assert record.key == f"resource-{INSURANCE}".encode()
    shown = await bare.call("GET", f"/resources/{INSURANCE}", bare.person())
    assert shown.json() == ResourcePublished.model_validate_json(record.value or b"").model_dump(mode="json")


async def test_the_same_offer_ten_times_is_one_row(bare: SharingTown) -> None:
    answers = [await bare.offer() for _ in range(10)]
    assert [a.headers["tongban-changed"] for a in answers] == ["true"] + ["false"] * 9
    assert len(bare.told(ResourcePublished)) == 1
    await bare.offer(answer_within=5)
    assert [row["answer_within"] for row in bare.told(ResourcePublished)] == [60.0, 5.0]


async def test_every_fault_of_an_offer_is_named_at_once(bare: SharingTown) -> None:
    body = offer("nobody.data", condition=None, update_cycle="sometimes")
    answer = await bare.call("PUT", "/resources/nobody.data", bare.operator(), body)
    assert answer.status_code == 422
    assert {f["pointer"] for f in answer.json()["faults"]} == {"/owner", "/condition", "/update_cycle"}
    assert bare.told(ResourcePublished) == []


async def test_an_offer_outside_the_duties_is_a_fault(bare: SharingTown) -> None:
    answer = await bare.call("PUT", "/resources/hrss.wages", bare.officer("hrss"), offer("hrss.wages"))
    assert [(f["pointer"], f["code"]) for f in answer.json()["faults"]] == [("/code", "not_its_duty")]


async def test_a_body_of_another_code_or_with_unknown_fields_is_refused(bare: SharingTown) -> None:
    path = f"/resources/{INSURANCE}"
    assert (await bare.call("PUT", path, bare.operator(), offer(RENTAL))).status_code == 422
    assert (await bare.call("PUT", path, bare.operator(), offer() | {"conditions": []})).status_code == 422


async def test_the_catalogue_is_read_page_by_page(bare: SharingTown) -> None:
    await bare.offer()
    await bare.offer(RENTAL)
    first = (await bare.call("GET", "/resources?limit=1", bare.person())).json()
    second = (await bare.call("GET", f"/resources?limit=1&after={first['next']}", bare.person())).json()
    assert [row["code"] for row in first["items"] + second["items"]] == [RENTAL, INSURANCE]
    assert second["next"] is None


async def test_an_unknown_resource_is_not_found(bare: SharingTown) -> None:
    assert (await bare.call("GET", f"/resources/{INSURANCE}", bare.person())).status_code == 404
