"""Registering at a window: an officer sees person and document together, and answers for it by name."""

import secrets
from typing import Any

import httpx
import pytest

from services.identity.tokens.issuing import Versions, access_token
from shared.caller import Caller
from shared.contracts.identity import AccountOpened, PersonProven
from tests.service.identity.conftest import LI_NA, PASSWORD, Identity
from tests.service.identity.registering import ID_NUMBER, ZHOU_TING, Registers, registered

SHE: dict[str, Any] = {name: value for name, value in ZHOU_TING.items() if name != "proofs"}
HERS = {"login": "li.na", "password": PASSWORD, "id_number": "210299199003150024", "name": "李娜"}


async def at_window(
    city: Identity, who: str = "person-zhang", key: str | None = None, **changes: Any
) -> httpx.Response:
    clerk = Caller(who, "officer", "police", "2102", "web", roles=frozenset({"clerk"}))
    token = access_token(city.desk, clerk, Versions(1))
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key or secrets.token_urlsafe(16)}
    return await city.http.post("/registrations/window", json=SHE | changes, headers=headers)


async def test_a_new_account_is_proven_in_person_and_it_is_known_by_whom(city: Identity) -> None:
    answer = await at_window(city)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["state"], answer.json()["ial"]) == ("opened", 3)
    account = answer.json()["account"]
    await city.bus.settle()
    assert city.bus.said(AccountOpened)[-1]["account"] == account
    assert city.bus.said(PersonProven) == [
        {
            "account": account,
            "ial": 3,
            "proofs": ["document"],
            "registration": answer.json()["registration"],
            "clerk": "person-zhang",
            "organisation": "police",
        }
    ]
    signed_in = await city.submit(await city.form(), login=SHE["login"], password=SHE["password"])
    assert signed_in.status_code == 303


async def test_the_same_request_again_is_the_same_registration(city: Identity) -> None:
    first, second = await at_window(city, key="one"), await at_window(city, key="one")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    other = await at_window(city, key="one", name="Somebody")
    assert other.json()["code"] == "idempotency_key_reused"


async def test_who_registered_online_is_raised_by_their_own_password(city: Identity) -> None:
    account = await registered(city, Registers(city))
    answer = await at_window(city)
    assert (answer.json()["account"], answer.json()["ial"]) == (account, 3)
    await city.bus.settle()
    assert [one["ial"] for one in city.bus.said(PersonProven)] == [2, 3]


async def test_an_account_that_an_operator_opened_is_bound_to_its_person(city: Identity) -> None:
    answer = await at_window(city, **HERS)
    assert (answer.json()["account"], answer.json()["ial"]) == ("person-li-na", 3)
    assert (await city.desk.people.get("person-li-na")).mail == LI_NA["mail"], "nothing else of it changes"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({**HERS, "password": "a-wrong-password"}, "login_taken"),
        ({"login": "another.name"}, "number_has_account"),
        ({**HERS, "id_number": ID_NUMBER}, "number_has_account"),
    ],
)
async def test_nobody_s_account_is_given_to_somebody_else(city: Identity, changes: dict[str, Any], code: str) -> None:
    await registered(city, Registers(city))
    answer = await at_window(city, **changes)
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert (await city.desk.people.get("person-li-na")).ial == 1


async def test_an_account_has_one_number_for_good(city: Identity) -> None:
    await at_window(city, **HERS)
    answer = await at_window(city, **HERS | {"id_number": "21029919850612101X"})
    assert (answer.status_code, answer.json()["code"]) == (409, "account_is_anothers")


async def test_nobody_registers_themselves(city: Identity) -> None:
    answer = await at_window(city, who="person-li-na", **HERS)
    assert (answer.status_code, answer.json()["code"]) == (403, "own_account")


async def test_an_officer_who_guesses_passwords_is_slowed_down(city: Identity) -> None:
    statuses = [(await at_window(city, **HERS | {"password": f"guess-number-{n}"})).status_code for n in range(6)]
    assert statuses == [409] * 5 + [429]


async def test_everything_wrong_is_named_at_once(city: Identity) -> None:
    answer = await at_window(city, id_number="1", login="x y", password="canary")
    assert {one["pointer"] for one in answer.json()["faults"]} == {"/id_number", "/login", "/password"}
    assert "canary" not in answer.text
