"""Companies: registered by who represents them, where their register says that it is so; or put by an operator."""

import secrets
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.identity.companies.domain import KEPT, LIFE
from services.identity.tokens.issuing import Versions, access_token
from shared.caller import Caller
from shared.contracts.identity import ActNoted, CompanyRegistered
from tests.service.identity.conftest import Identity
from tests.service.identity.registering import ID_NUMBER, Registers, registered

CODE, NAME = "91210200MA0EXAMPH3", "大连示例海产品有限公司"
CLAIM = {"code": CODE, "name": NAME, "id_number": ID_NUMBER}


@pytest.fixture
def registers(city: Identity) -> Registers:
    return Registers(city)


@pytest.fixture
async def zhou_ting(city: Identity, registers: Registers) -> str:
    """Somebody who has proven who she is."""
    return await registered(city, registers)


def bearer(city: Identity, person: str) -> dict[str, str]:
    token = access_token(city.desk, Caller(person, "person", None, None, "web"), Versions(1))
    return {"Authorization": f"Bearer {token}"}


async def claim(city: Identity, person: str, key: str | None = None, **changes: Any) -> httpx.Response:
    headers = bearer(city, person) | {"Idempotency-Key": key or secrets.token_urlsafe(16)}
    return await city.http.post("/companies", json=CLAIM | changes, headers=headers)


async def mine(city: Identity, person: str) -> dict[str, Any]:
    found: dict[str, Any] = (await city.http.get("/me/companies", headers=bearer(city, person))).json()
    return found


async def test_a_company_is_registered_once_its_register_confirms_who_represents_it(
    city: Identity, registers: Registers, zhou_ting: str
) -> None:
    answer = await claim(city, zhou_ting)
    assert (answer.status_code, answer.json()["state"]) == (201, "asked")
    await city.bus.settle()
    (noted,) = [one for one in city.bus.said(ActNoted) if one["act"] == "company-claimed"]
    assert (noted["by"]["account"], noted["by"]["kind"]) == (zhou_ting, "person")
    wish = registers.wishes()[-1]
    assert (wish["resource"], wish["purpose"], wish["subject"]) == (
        "market.legal-representative",
        "company-registration",
        zhou_ting,
    )
    assert wish["given"] == {"credit_code": CODE, "enterprise": NAME, "id_number": ID_NUMBER}
    assert (await city.http.get(f"/companies/{CODE}")).status_code == 404
    await registers.answer()
    assert (await city.http.get(f"/companies/{CODE}")).json() == {"code": CODE, "name": NAME}
    assert city.bus.said(CompanyRegistered) == [{"code": CODE, "name": NAME, "representative": zhou_ting}]
    shown = await mine(city, zhou_ting)
    assert shown["companies"] == [{"code": CODE, "name": NAME}]
    assert [one["state"] for one in shown["claims"]] == ["registered"]


@pytest.mark.parametrize(("answer", "ground"), [(False, "no-match"), ("owner-silent", "owner-silent")])
async def test_who_is_not_confirmed_represents_nobody(
    city: Identity, registers: Registers, zhou_ting: str, answer: bool | str, ground: str
) -> None:
    await claim(city, zhou_ting)
    await registers.answer(legal_representative=answer)
    shown = await mine(city, zhou_ting)
    assert (shown["companies"], [one["ground"] for one in shown["claims"]]) == ([], [ground])
    assert city.bus.said(CompanyRegistered) == []
    await claim(city, zhou_ting)
    await registers.answer()
    assert len((await mine(city, zhou_ting))["companies"]) == 1, "a mistake stands in nobody's way"


async def test_only_who_is_proven_claims_a_company(city: Identity) -> None:
    answer = await claim(city, "person-li-na")
    assert (answer.status_code, answer.json()["code"]) == (403, "ial_too_low")


async def test_everything_wrong_is_named_and_nobody_claims_with_another_s_number(
    city: Identity, registers: Registers, zhou_ting: str
) -> None:
    asked = len(registers.wishes())
    answer = await claim(city, zhou_ting, code="91210200MA0EXAMPH1", id_number="21029919850612101X")
    assert {one["pointer"]: one["code"] for one in answer.json()["faults"]} == {
        "/code": "check_character",
        "/id_number": "not_yours",
    }
    await city.bus.settle()
    assert len(registers.wishes()) == asked


async def test_the_same_request_again_is_the_same_claim(city: Identity, registers: Registers, zhou_ting: str) -> None:
    first, second = await claim(city, zhou_ting, "one"), await claim(city, zhou_ting, "one")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert (await claim(city, zhou_ting, "one", name="另一家")).json()["code"] == "idempotency_key_reused"


async def test_nobody_claims_companies_by_the_hundred(city: Identity, zhou_ting: str) -> None:
    statuses = [(await claim(city, zhou_ting, id_number="1")).status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]
    city.clock.forward(timedelta(days=1))
    assert (await claim(city, zhou_ting)).status_code == 201


async def test_a_new_representative_takes_the_place_of_the_one_before(
    city: Identity, registers: Registers, zhou_ting: str
) -> None:
    await city.put(f"/companies/{CODE}", {"name": "旧名称", "representative": "person-li-na"})
    await claim(city, zhou_ting)
    await registers.answer()
    assert [(one["name"], one["representative"]) for one in city.bus.said(CompanyRegistered)] == [
        ("旧名称", "person-li-na"),
        (NAME, zhou_ting),
    ]
    assert (await mine(city, "person-li-na"))["companies"] == []


async def test_an_operator_puts_a_company(city: Identity) -> None:
    wish = {"name": NAME, "representative": "person-li-na"}
    kept = await city.put(f"/companies/{CODE}", wish)
    assert (kept.status_code, kept.json()) == (200, wish | {"code": CODE})
    again = await city.put(f"/companies/{CODE}", wish, **{"If-Match": kept.headers["etag"]})
    assert again.headers["tongban-changed"] == "false"
    wrong = await city.put("/companies/91210200MA0EXAMPH1", wish | {"representative": "person-nobody"})
    assert [(one["pointer"], one["code"]) for one in wrong.json()["faults"]] == [
        ("", "check_character"),
        ("/representative", "unknown_person"),
    ]
    assert (await city.put(f"/companies/{CODE}", wish, **{"If-Match": '"9"'})).status_code == 412


async def test_a_claim_that_nobody_answers_ends_and_goes(city: Identity, zhou_ting: str) -> None:
    await claim(city, zhou_ting)
    city.clock.forward(LIFE)
    await city.bus.settle()
    assert [one["ground"] for one in (await mine(city, zhou_ting))["claims"]] == ["owner-silent"]
    city.clock.forward(KEPT)
    await city.bus.settle()
    assert (await mine(city, zhou_ting))["claims"] == []


async def test_the_number_is_kept_nowhere(city: Identity, registers: Registers, zhou_ting: str) -> None:
    await claim(city, zhou_ting)
    await registers.answer()
    for name in ("claims", "companies"):
        for document in await city.database.collection(name).find({}):
            entries = document.pop("journal").values()
            assert ID_NUMBER not in str(document)
            assert all(ID_NUMBER not in str(one) or one["personal"] for one in entries)
