"""Passwords: which are refused wherever one is chosen, and how long they may be."""

from pathlib import Path
from typing import Any

import pytest

from deploy.city.files import read
from services.identity.passwords.commands import faults as faults_of_choice
from shared.store.collection import Index
from shared.store.memory import MemoryCollection
from tests.service.identity.conftest import LI_NA, Identity
from tests.service.identity.registering import ZHOU_TING, Registers, begin
from tests.service.identity.test_registration_pages import send
from tests.service.identity.test_window import SHE, at_window

SAMPLE = Path(__file__).parents[3] / "deploy" / "city"
COMMON, GUESSABLE = "iloveyou1", "Zhou-Ting!2026"
LONG = "the moon over the harbour, " * 3 + "\t ﬁn "
"""A tab, a space at the end and a ligature are in it."""


def faults(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    assert COMMON not in answer.text
    assert GUESSABLE not in answer.text
    return {one["pointer"]: one["code"] for one in answer.json()["faults"]}


@pytest.mark.parametrize(("password", "code"), [(COMMON, "common"), (GUESSABLE, "guessable")])
async def test_a_password_that_is_easily_guessed_is_chosen_nowhere(city: Identity, password: str, code: str) -> None:
    wrong = {"login": "zhou.ting", "password": password}
    assert faults(await begin(city, **wrong, proofs=[])) == {"/password": code, "/proofs": "too_few"}
    clerk = {"posts": [{"organisation": "police", "division": "2102", "roles": ["clerk"]}]}
    await city.put("/people/person-zhang", LI_NA | clerk | {"login": "zhang", "mail": None})
    assert faults(await at_window(city, **wrong, id_number="1")) == {"/password": code, "/id_number": "format"}
    nowhere = {"posts": [{"organisation": "moon", "division": "2102", "roles": ["clerk"]}]}
    kept = await city.put("/people/person-zhou-ting", LI_NA | wrong | nowhere)
    assert faults(kept) == {"/password": code, "/posts/0/organisation": "unknown_organisation"}
    assert faults(await city.put("/people/person-li-na", LI_NA | wrong)) == {"/password": code}


@pytest.mark.parametrize(("ui", "text"), [("zh", "很容易被猜到"), ("en", "Many people use this password")])
async def test_the_page_says_so_at_the_field(city: Identity, ui: str, text: str) -> None:
    page = await send(city.http, ui_locales=ui, password=COMMON)
    assert page.status_code == 422
    wrong = page.text.partition('id="password-wrong">')[2].partition("<")[0]
    assert text in wrong
    assert f'<a href="#password">{wrong}</a>' in page.text
    assert COMMON not in page.text


@pytest.mark.parametrize(
    "password",
    ["tongban-2026", "Dalian@123", "大连123456", "canary-zhou.ting", "03074025", "1990/03/07", "1390000-1111"],
)
async def test_the_service_the_city_and_the_person_s_own_numbers_are_no_password(city: Identity, password: str) -> None:
    assert faults(await begin(city, password=password)) == {"/password": "guessable"}


async def test_what_the_city_is_called_is_found_by_an_index(city: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, list[tuple[str, int]]]] = []

    async def ensure(self: MemoryCollection, *indexes: Index) -> None:
        made.extend((self.name, list(one.keys)) for one in indexes)

    monkeypatch.setattr(MemoryCollection, "ensure", ensure)
    async with (await city.replica()).http:
        assert ("divisions", [("row.level", 1)]) in made


async def test_the_sample_city_s_people_have_chosen_well(city: Identity) -> None:
    sample = read(SAMPLE)
    for person in (*sample.people, *sample.officers):
        assert await faults_of_choice(city.desk, person.password or "", person) == [], person.login


async def test_who_has_such_a_password_signs_in_and_is_who_they_are(city: Identity) -> None:
    """Only choosing it is refused: at sign-in, at a window and by the row that is put again it is what it is."""
    hashed = await city.desk.passwords.hash(COMMON)
    await city.desk.people.change("person-li-na", lambda li: setattr(li, "password_hash", hashed))
    assert (await city.submit(await city.form(), password=COMMON)).status_code == 303
    assert (await city.put("/people/person-li-na", LI_NA | {"password": COMMON})).status_code == 200
    clerk = {"posts": [{"organisation": "police", "division": "2102", "roles": ["clerk"]}]}
    await city.put("/people/person-zhang", LI_NA | clerk | {"login": "zhang", "mail": None})
    hers = SHE | {"login": "li.na", "id_number": "210299199003150024", "password": COMMON}
    assert (await at_window(city, **hers)).json()["account"] == "person-li-na"


async def test_a_long_password_counts_to_its_last_character(city: Identity) -> None:
    assert (await city.put("/people/person-li-na", LI_NA | {"password": LONG})).status_code == 200
    for wrong in (LONG[:-1], LONG.strip(), LONG.upper(), LONG[:72]):
        assert (await city.submit(await city.form(), password=wrong)).status_code == 422
    assert (await city.submit(await city.form(), password=LONG)).status_code == 303


async def test_a_registration_by_a_good_password_goes_on(city: Identity) -> None:
    assert (await begin(city, password=LONG)).status_code == 201
    await Registers(city).answer()
    assert (await city.submit(await city.form(), login=ZHOU_TING["login"], password=LONG)).status_code == 303
