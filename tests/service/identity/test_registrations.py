"""Registering by proof: the account opens when all that was chosen is confirmed, and nobody learns anything before."""

import json
import logging
import re
from datetime import timedelta
from typing import Any

import pytest
import structlog

from services.identity.proofs.verifiers import CODE_TRIES, NOT_TAKEN
from services.identity.registrations.commands import LIMITS
from services.identity.registrations.domain import KEPT, LIFE
from shared import logging as our_logging
from shared.contracts.identity import AccountOpened, CodeIssued, ContactPublished, PersonProven
from tests.service.identity.conftest import Identity
from tests.service.identity.registering import (
    BY_CODE,
    ID_NUMBER,
    PASSWORD,
    ZHOU_TING,
    Registers,
    begin,
    look,
    registered,
    signs_in,
    states,
    step,
    went_on,
)


@pytest.fixture
def registers(city: Identity) -> Registers:
    return Registers(city)


# -- the good road ----------------------------------------------------------------------------------------


async def test_an_account_opens_when_all_proofs_are_confirmed(city: Identity, registers: Registers) -> None:
    begun = await begin(city)
    assert begun.status_code == 201
    assert states(begun.json()) == dict.fromkeys(("id-card", "social-security-card", "driving-licence"), "waiting")
    assert not await signs_in(city, "zhou.ting")
    await registers.answer()
    view = await look(city, begun)
    assert (view["state"], set(states(view).values())) == ("opened", {"confirmed"})
    assert await signs_in(city, "zhou.ting")
    me = (
        await city.me((await city.redeem(await city.code(login="zhou.ting", password=PASSWORD))).json()["access_token"])
    ).json()
    assert (me["id"], me["kind"], me["ial"], me["name"]) == (view["account"], "person", 2, ZHOU_TING["name"])
    assert city.bus.said(AccountOpened)[-1] == {"account": view["account"], "kind": "person", "organisation": None}
    assert city.bus.said(ContactPublished)[-1]["mail"] == ZHOU_TING["mail"]
    assert city.bus.said(PersonProven) == [
        {
            "account": view["account"],
            "ial": 2,
            "proofs": ["id-card", "social-security-card", "driving-licence"],
            "registration": view["registration"],
            "clerk": None,
            "organisation": None,
        }
    ]


async def test_each_owner_is_told_what_it_needs_and_no_more(city: Identity, registers: Registers) -> None:
    begun = await begin(city)
    await city.bus.settle()
    number = {"id_number": ID_NUMBER}
    assert [(one["resource"], one["given"]) for one in registers.wishes()] == [
        ("police.identity-card", number | {"name": ZHOU_TING["name"]}),
        ("hrss.social-security-card", number | {"number": "CANARY-D21029937"}),
        ("police.driving-licence", number | {"number": "210200123456"}),
    ]
    for wish in registers.wishes():
        assert (wish["fields"], wish["purpose"]) == (["matches"], "real-name-registration")
        assert wish["about"] == begun.json()["registration"]


async def test_a_code_is_sent_once_the_registers_have_confirmed(city: Identity, registers: Registers) -> None:
    begun = await begin(city, **BY_CODE)
    await city.bus.settle()
    assert city.bus.said(CodeIssued) == []
    await registers.answer()
    (sent,) = city.bus.said(CodeIssued)
    assert (sent["mail"], len(sent["code"])) == (ZHOU_TING["mail"], 6)
    assert ZHOU_TING["name"] not in str(sent), "nobody knows yet whose the address is"
    assert (await look(city, begun))["code_expected"] is True
    done = await step(city, begun, "code", registers.code())
    assert (done.json()["state"], done.json()["code_expected"]) == ("opened", False)
    assert await went_on(city) == ["code"]
    assert await signs_in(city, "zhou.ting")


async def test_the_same_request_again_is_the_same_registration(city: Identity, registers: Registers) -> None:
    first, second = await begin(city, "key-1"), await begin(city, "key-1")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    for other in ({"name": "Somebody"}, {"password": "another-password"}):
        reused = await begin(city, "key-1", **other)
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    await registers.answer()
    assert len(registers.wishes()) == 3
    again = await begin(city, "key-1")
    assert (again.status_code, again.json()["state"]) == (200, "opened")


async def test_an_answer_twice_counts_once(city: Identity, registers: Registers) -> None:
    begun = await begin(city)
    await city.bus.settle()
    for wish in registers.wishes():
        registers.answered += 1
        await registers.say(wish, True, times=3)
    assert (await look(city, begun))["state"] == "opened"
    assert len(city.bus.said(PersonProven)) == 1


# -- not confirmed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", ["no-record", "owner-silent", "no-grant"])
async def test_a_proof_that_nobody_can_confirm_opens_nothing(city: Identity, registers: Registers, ground: str) -> None:
    begun = await begin(city, **BY_CODE)
    await registers.answer(social_security_card=ground)
    view = await look(city, begun)
    assert view["state"] == "refused"
    assert {proof["kind"]: proof["ground"] for proof in view["proofs"]}["social-security-card"] == ground
    assert city.bus.said(CodeIssued) == [], "nobody gets a mail for it"
    assert city.bus.said(PersonProven) == []
    assert not await signs_in(city, "zhou.ting")


async def test_a_no_is_a_no_and_waits_for_the_others(city: Identity, registers: Registers) -> None:
    begun = await begin(city)
    await city.bus.settle()
    wrong, *others = registers.wishes()
    await registers.say(wrong, False)
    assert (await look(city, begun))["state"] == "asked", "which one it was is told when all are answered"
    for wish in others:
        registers.answered += 1
        await registers.say(wish, True)
    view = await look(city, begun)
    assert (view["state"], states(view)["id-card"]) == ("refused", "not-confirmed")
    assert {p["kind"]: p["ground"] for p in view["proofs"]}["id-card"] == "no-match"


async def test_after_five_wrong_codes_there_is_no_sixth(city: Identity, registers: Registers) -> None:
    begun = await begin(city, **BY_CODE)
    await registers.answer()
    wrong = f"{(int(registers.code()) + 1) % 10**6:06}"
    answers = [(await step(city, begun, "code", wrong)).status_code for _ in range(CODE_TRIES)]
    assert answers == [422] * (CODE_TRIES - 1) + [200]
    assert (await look(city, begun))["state"] == "refused"
    late = await step(city, begun, "code", registers.code())
    assert (late.status_code, late.json()["code"]) == (409, "no_code_expected")


async def test_a_code_works_for_ten_minutes(city: Identity, registers: Registers) -> None:
    begun = await begin(city, **BY_CODE)
    await registers.answer()
    city.clock.forward(timedelta(minutes=10))
    view = (await step(city, begun, "code", registers.code())).json()
    assert (view["state"], view["proofs"][-1]["ground"]) == ("refused", "code-expired")


async def test_a_registration_that_takes_too_long_ends_and_forgets(city: Identity, registers: Registers) -> None:
    begun = await begin(city, **BY_CODE)
    await registers.answer()
    city.clock.forward(LIFE)
    await city.bus.settle()
    assert (await look(city, begun))["state"] == "expired"
    (document,) = await city.desk.registrations.collection.find({})
    assert document["account"] is None
    city.clock.forward(KEPT)
    await city.bus.settle()
    assert await city.desk.registrations.collection.count({}) == 0


# -- what does not fit ------------------------------------------------------------------------------------


WRONG: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"id_number": "210299199003074024"}, {"/id_number": "check_character"}),
    ({"id_number": "1"}, {"/id_number": "format"}),
    ({"proofs": []}, {"/proofs": "too_few"}),
    ({"proofs": [{"kind": "phone"}, {"kind": "phone"}]}, {"/proofs": "too_few", "/proofs/1/kind": "duplicate"}),
    ({"proofs": [*ZHOU_TING["proofs"], {"kind": "id-card"}]}, {"/proofs/2/kind": "duplicate"}),
    ({"proofs": [*ZHOU_TING["proofs"], {"kind": "tea-leaves"}]}, {"/proofs/2/kind": "unknown_proof"}),
    (
        {"proofs": [ZHOU_TING["proofs"][0], {"kind": "bank-card", "number": "6222021234567890123"}]},
        {"/proofs/1/kind": "proof_not_taken"},
    ),
    ({"proofs": [ZHOU_TING["proofs"][0], {"kind": "housing-fund"}]}, {"/proofs/1/number": "missing"}),
    (
        {"proofs": [ZHOU_TING["proofs"][0], {"kind": "housing-fund", "number": "??"}]},
        {"/proofs/1/number": "format"},
    ),
    (
        {"proofs": [ZHOU_TING["proofs"][0], {"kind": "phone"}], "mail": None, "phone": None},
        {"/mail": "missing", "/phone": "missing"},
    ),
    (
        {"id_number": "2", "login": "x y", "password": "canary", "mail": "canary", "name": " ", "proofs": []},
        {
            "/id_number": "format",
            "/login": "string_pattern_mismatch",
            "/password": "too_short",
            "/mail": "string_pattern_mismatch",
            "/name": "string_too_short",
            "/proofs": "too_few",
        },
    ),
]


async def test_everything_wrong_is_named_at_once_and_nobody_is_asked(city: Identity, registers: Registers) -> None:
    for changes, faults in WRONG:
        answer = await begin(city, **changes)
        assert (answer.status_code, changes) == (422, changes)
        assert {one["pointer"]: one["code"] for one in answer.json()["faults"]} == faults, changes
        assert "canary" not in answer.text
    await city.bus.settle()
    assert registers.wishes() == []


async def test_a_number_is_understood_as_people_type_it(city: Identity, registers: Registers) -> None:
    await registered(city, registers, id_number=" 210299 19900307 4025")
    known = await begin(city, id_number="２１０２９９１９９００３０７４０２５", login="again")
    await registers.answer()
    assert (await look(city, known))["state"] == "known"


async def test_the_registry_says_which_proofs_cannot_be_taken_and_why(city: Identity) -> None:
    listed = {one["kind"]: one for one in (await city.http.get("/proofs")).json()}
    assert {kind for kind, one in listed.items() if not one["taken"]} == {"bank-card"}
    assert {kind: one["why_not"] for kind, one in listed.items() if one["why_not"]} == NOT_TAKEN
    assert [kind for kind, one in listed.items() if one["always"]] == ["id-card"]


# -- mass tries, secrets and personal data ----------------------------------------------------------------


@pytest.mark.parametrize("by", ["number", "mail", "address"])
async def test_mass_tries_are_refused_and_it_is_not_told_why(
    city: Identity, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setitem(LIMITS, by, (2, LIMITS[by][1]))
    numbers = ["210299199003074025", "21029919850612101X", "210299197811203033", "11010519491231002X"]

    async def one(n: int) -> tuple[int, str]:
        same = {"number": "id_number", "mail": "mail"}.get(by)
        changes = {"id_number": numbers[n], "mail": f"m{n}@example.org", "login": f"login{n}"}
        answer = await begin(city, **{name: value for name, value in changes.items() if name != same})
        return answer.status_code, answer.json().get("detail", "")

    told = "Too many registrations: try again later, or register at a window"
    assert [await one(n) for n in range(3)] == [(201, ""), (201, ""), (429, told)]
    city.clock.forward(timedelta(days=1))
    assert (await one(3))[0] == 201
    assert await city.database.collection("tries").count({}) <= 3, "what was counted goes"


async def test_who_has_not_the_secret_sees_nothing(city: Identity) -> None:
    begun = (await begin(city, "guessable")).json()
    path = f"/registrations/{begun['registration']}"
    for secret in ("guessable", begun["registration"], "x" * 43):
        headers = {"Registration-Secret": secret}
        assert (await city.http.get(path, headers=headers)).status_code == 404
        assert (await city.http.post(f"{path}/code", json={"code": "1"}, headers=headers)).status_code == 404
        assert (await city.http.post(f"{path}/login", json={"login": "x1"}, headers=headers)).status_code == 404


async def test_the_id_number_is_kept_nowhere(city: Identity, registers: Registers) -> None:
    await registered(city, registers)
    kept = []
    for name in ("people", "registrations", "tries"):
        for document in await city.database.collection(name).find({}):
            journal = document.pop("journal", {})
            kept.append(document)
            for entry in journal.values():
                assert ID_NUMBER not in str(entry) or entry["personal"], "forgotten with its topic"
    told = json.dumps(kept, default=str, ensure_ascii=False)
    assert ID_NUMBER not in told
    assert "D21029937" not in told
    public = [record.value for record in city.bus.records if record.topic == "identity.events"]
    assert b"canary" not in b"".join(value or b"" for value in public)
    (registration,) = await city.desk.registrations.collection.find({})
    assert "canary" not in str({name: value for name, value in registration.items() if name != "journal"})


async def test_what_one_types_is_on_the_topics_of_those_who_need_it_and_in_no_log(
    city: Identity, registers: Registers, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers = root.handlers[:]
    our_logging.configure("identity", "DEBUG")
    try:
        begun = await begin(city, **BY_CODE)
        await begin(city, login="canary x")
        await registers.answer()
        await step(city, begun, "code", "canary")
        await step(city, begun, "code", registers.code())
        await city.bus.settle()
    finally:
        root.handlers[:] = handlers
        structlog.reset_defaults()
    logged = capsys.readouterr().err
    assert "registration.opened" in logged
    personal = re.compile(rf"canary-|CANARY-|{ID_NUMBER}|13900001111|\b{registers.code()}\b")
    assert personal.search(logged) is None
    assert begun.json()["secret"] not in logged
    told = {record.topic for record in city.bus.records if personal.search((record.value or b"").decode())}
    assert told == {"identity.to.sharing", "identity.to.notifications", "identity.contacts"}
    contacts = [record.value or b"" for record in city.bus.records if record.topic == "identity.contacts"]
    assert all(ID_NUMBER.encode() not in value for value in contacts)
