"""Registering where somebody is there already: the person, or the login name; or the account, after a crash."""

from typing import Any

import pytest

from services.identity.registrations.domain import LOGINS
from shared.contracts.identity import PersonProven
from tests.service.identity.conftest import PASSWORD as LI_NAS
from tests.service.identity.conftest import Identity
from tests.service.identity.registering import (
    Registers,
    begin,
    look,
    registered,
    signs_in,
    step,
    went_on,
)


@pytest.fixture
def registers(city: Identity) -> Registers:
    return Registers(city)


async def test_who_is_registered_is_told_so_only_once_it_is_proven_to_be_them(
    city: Identity, registers: Registers
) -> None:
    account = await registered(city, registers)
    unknown = await begin(city, id_number="21029919850612101X", login="somebody")
    known = await begin(city, login="zhou.again")
    assert known.status_code == unknown.status_code == 201

    def bare(answer: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in answer.items() if name not in ("registration", "secret")}

    assert bare(known.json()) == bare(unknown.json())
    await registers.answer()
    view = await look(city, known)
    assert (view["state"], view["account"]) == ("known", account)
    assert not await signs_in(city, "zhou.again")
    assert len(city.bus.said(PersonProven)) == 2, "hers, and the other person's"


async def test_a_stranger_with_somebody_s_number_learns_nothing_of_the_account(
    city: Identity, registers: Registers
) -> None:
    await registered(city, registers)
    begun = await begin(city, login="stranger", name="Stranger")
    await registers.answer(id_card=False)
    view = await look(city, begun)
    assert (view["state"], view["account"]) == ("refused", None)


async def test_two_registrations_of_one_person_at_once_open_one_account(city: Identity, registers: Registers) -> None:
    first, second = await begin(city), await begin(city, login="zhou.other")
    await registers.answer()
    views = [await look(city, one) for one in (first, second)]
    assert sorted(view["state"] for view in views) == ["known", "opened"]
    assert len({view["account"] for view in views}) == 1


async def test_a_login_name_that_is_taken_is_told_only_to_who_is_proven_and_another_one_is_chosen(
    city: Identity, registers: Registers
) -> None:
    begun = await begin(city, login="li.na")
    assert begun.status_code == 201
    assert (await step(city, begun, "login", "zhou.ting")).json()["code"] == "no_login_expected"
    await registers.answer()
    view = await look(city, begun)
    assert (view["state"], view["login_taken"]) == ("proven", True)
    wrong = await step(city, begun, "login", "x y")
    assert [fault["pointer"] for fault in wrong.json()["faults"]] == ["/login"]
    assert (await step(city, begun, "login", "li.na")).json()["login_taken"] is True
    assert (await step(city, begun, "login", "Zhou.Ting ")).json()["state"] == "opened"
    assert await went_on(city) == ["login"] * 2
    assert await signs_in(city, "zhou.ting")
    assert await signs_in(city, "li.na", LI_NAS), "Ms Li's account is as it was"


async def test_nobody_finds_out_login_names_by_the_hundred(city: Identity, registers: Registers) -> None:
    begun = await begin(city, login="li.na")
    await registers.answer()
    for _ in range(LOGINS - 1):
        last = await step(city, begun, "login", "li.na")
    assert last.json()["state"] == "refused"


async def test_an_account_that_opened_before_a_crash_is_found(city: Identity, registers: Registers) -> None:
    """The process died after the person was written and before the registration was."""
    begun = await begin(city)
    account = await city.desk.registrations.get(begun.json()["registration"])
    await registers.answer()
    await city.desk.registrations.collection.update(
        {"_id": account.id},
        {"$set": {"state": "proven", "account": account.account.model_dump() if account.account else None,
                  "holder": None, "wake_at": city.clock.now()}, "$inc": {"v": 1}},
    )  # fmt: skip
    await city.bus.settle()
    assert (await look(city, begun))["state"] == "opened"
    assert len(city.bus.said(PersonProven)) == 1


async def test_an_account_that_two_open_at_once_is_one(
    city: Identity, registers: Registers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person's request and the timer: both see that nobody is there, and this one comes second."""
    begun = await begin(city)
    id_ = begun.json()["registration"]
    proven = (await city.desk.registrations.get(id_)).model_copy(update={"state": "proven"})
    await registers.answer()
    await city.desk.registrations.collection.update(
        {"_id": id_},
        {"$set": proven.model_dump(include={"state", "account"}) | {"holder": None, "wake_at": city.clock.now()}},
    )

    async def nobody(_: str) -> None:
        return None

    monkeypatch.setattr(city.desk.people, "find", nobody)
    await city.bus.settle()
    view = await look(city, begun)
    assert (view["state"], view["account"]) == ("opened", proven.person)
    assert len(city.bus.said(PersonProven)) == 1
