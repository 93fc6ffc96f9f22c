"""Passkeys: making, signing in with them, and each way to be refused. The device is software, the flows are HTTP."""

import asyncio
import json
import time
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from services.identity.factors.domain import MOST_PASSKEYS, factors_id
from tests.service.identity.authenticator import UP, UV, Device, Passkey
from tests.service.identity.conftest import LI_NA, NAMED, Identity
from tests.service.identity.walking import FACTORS, Walker, form, forms, is_second, leads


@pytest.fixture
async def li(named_city: Identity) -> Walker:
    """Ms Li is signed in and has a passkey."""
    walker = Walker(named_city, named_city.http)
    leads(await walker.sign_in(), "/account")
    assert (await walker.add_passkey()).status_code == 200
    assert len(walker.codes) == 10, "with the first factor come recovery codes"
    return walker


def elsewhere(li: Walker, http: httpx.AsyncClient) -> Walker:
    """She, at another browser, with the same device."""
    return Walker(li.city, http, codes=li.codes, device=li.device)


def refused(answer: httpx.Response, status: int = 422) -> None:
    assert answer.status_code == status, answer.text[:2000]
    assert "location" not in answer.headers
    assert not [cookie for cookie in answer.headers.get_list("set-cookie") if "tongban_session" in cookie]


async def kept(li: Walker) -> list[dict[str, Any]]:
    factors = await li.city.desk.factors.get(factors_id("person-li-na"))
    return [one.model_dump() for one in factors.passkeys]


# -- making -----------------------------------------------------------------------------------------------


async def test_what_a_browser_is_asked_for_when_a_passkey_is_made(li: Walker) -> None:
    options = form(await li.get(f"{FACTORS}/passkeys/new"), f"{FACTORS}/passkeys", of_passkeys=True).options
    assert options["rp"]["id"] == "localhost"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert [one["id"] for one in options["excludeCredentials"]] == [li.device.passkeys[0].name]
    assert options["attestation"] == "none"
    assert len(options["challenge"]) >= 43


async def test_several_have_names_and_each_is_removed_by_itself(li: Walker) -> None:
    leads(await li.add_passkey("工作 <电脑>"), FACTORS)
    page = await li.get(FACTORS)
    assert "My phone" in page.text
    assert "工作 &lt;电脑&gt;" in page.text
    first = li.device.passkeys[0]
    asked = await li.get(f"{FACTORS}/remove", passkey=first.name)
    leads(await li.send(form(asked, f"{FACTORS}/remove")), FACTORS)
    assert [one["name"] for one in await kept(li)] == ["工作 <电脑>"]
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        door = form(await other.get("/sign-in"), "/authorize/passkey", of_passkeys=True)
        refused(await other.send(door, credential=li.device.use(door.options, first)))
        leads(await other.enter(await other.get("/sign-in")), "/account")


@pytest.mark.parametrize("name", ["", " ", "x" * 51])
async def test_a_passkey_needs_a_name(li: Walker, name: str) -> None:
    answer = await li.add_passkey(name)
    assert answer.status_code == 422
    assert 'id="name-wrong"' in answer.text
    assert len(await kept(li)) == 1


async def test_ten_are_enough(li: Walker) -> None:
    for _ in range(MOST_PASSKEYS - 1):
        leads(await li.add_passkey(), FACTORS)
    assert "passkeys/new" not in (await li.get(FACTORS)).text
    assert (await li.add_passkey()).status_code == 422
    assert len(await kept(li)) == MOST_PASSKEYS


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://localhost:8101"},
        {"origin": "http://localhost:8102"},
        {"origin": "http://evil.example.org"},
        {"challenge": "x" * 43},
        {"type": "webauthn.get"},
    ],
    ids=str,
)
async def test_a_passkey_that_was_made_elsewhere_is_not_taken(li: Walker, changes: dict[str, str]) -> None:
    answer = await li.add_passkey("Mine", **changes)
    assert answer.status_code == 422
    assert len(await kept(li)) == 1


async def test_a_passkey_that_anybody_can_use_who_holds_the_device_is_not_taken(li: Walker) -> None:
    li.device.flags = UP
    assert (await li.add_passkey()).status_code == 422
    assert len(await kept(li)) == 1


async def test_the_same_passkey_again_is_told(li: Walker) -> None:
    page = await li.get(f"{FACTORS}/passkeys/new")
    found = form(page, f"{FACTORS}/passkeys", of_passkeys=True)
    made = li.device.make(found.options)
    leads(await li.send(found, name="One", credential=made), FACTORS)
    again = await li.send(found, name="Two", credential=made)
    assert again.status_code == 400, "the form is of a session's secret that is over"
    assert len(await kept(li)) == 2


async def test_one_challenge_makes_one_passkey(li: Walker) -> None:
    found = form(await li.get(f"{FACTORS}/passkeys/new"), f"{FACTORS}/passkeys", of_passkeys=True)
    made = [li.device.make(found.options) for _ in range(3)]
    await asyncio.gather(*(li.send(found, name="Mine", credential=one) for one in made))
    assert len(await kept(li)) == 2


async def test_at_an_ip_address_there_are_no_passkeys_and_the_pages_say_so(city: Identity) -> None:
    li = Walker(city, city.http)
    page = await li.get("/sign-in", ui_locales="en")
    assert [one.action for one in forms(page)] == ["/authorize"]
    assert "passkeys.js" not in page.text
    await li.sign_in()
    assert "browsers make no passkeys" in (await li.get(FACTORS, ui_locales="en")).text
    assert (await li.get(f"{FACTORS}/passkeys/new")).status_code == 400


# -- signing in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("is_synced", "where"), [(False, "hwk"), (True, "swk")])
async def test_a_passkey_alone_is_two_factors(named_city: Identity, is_synced: bool, where: str) -> None:
    li = Walker(named_city, named_city.http, device=Device(is_synced=is_synced))
    await li.sign_in()
    await li.add_passkey()
    async with named_city.browser() as http:
        other = elsewhere(li, http)
        for _ in range(2):
            page = await other.ask(prompt="login", scope="openid services")
            options = form(page, "/authorize/passkey", of_passkeys=True).options
            assert options["allowCredentials"] == [], "nobody is told whose passkeys there are"
            assert options["userVerification"] == "required"
            claims = jwt.decode(
                (await other.tokens(await other.enter(page)))["id_token"], options={"verify_signature": False}
            )
            assert (claims["acr"], claims["amr"]) == ("aal2", [where, "user", "pop"])
    (one,) = await kept(li)
    assert one["counter"] == (0 if is_synced else 2)
    assert one["used_at"] == named_city.clock.now()


async def test_a_passkey_is_a_second_factor_after_the_password(li: Walker) -> None:
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        page = await other.password(await other.ask(scope="openid services"))
        is_second(page)
        assert 'id="code"' not in page.text, "there is no app"
        options = form(page, "/authorize/second", of_passkeys=True).options
        assert [one["id"] for one in options["allowCredentials"]] == [li.device.passkeys[0].name]
        given = await other.tokens(await other.passkey_second(page))
        claims = jwt.decode(given["id_token"], options={"verify_signature": False})
        assert (claims["acr"], claims["amr"]) == ("aal2", ["pwd", "hwk", "user", "pop", "mfa"])


async def test_a_recovery_code_stands_in_for_a_lost_passkey(li: Walker) -> None:
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        page = await other.sign_in()
        assert (await other.second(page, code="123456")).status_code == 422
        missing = await other.send(forms(page)[-1], recovery="")
        assert (missing.status_code, 'id="recovery-wrong"' in missing.text) == (422, True)
        leads(await other.second(page, recovery=li.codes[3]), "/account")


# -- each way to be refused -------------------------------------------------------------------------------

Tampering = Callable[[Device, dict[str, Any]], str]


def changed(**changes: Any) -> Tampering:
    return lambda device, options: device.use(options, **changes)


def with_flags(flags: int) -> Tampering:
    def use(device: Device, options: dict[str, Any]) -> str:
        device.flags = flags
        return device.use(options)

    return use


def counter_going_back(device: Device, options: dict[str, Any]) -> str:
    """A copy of the key, which has not counted with the original."""
    device.passkeys[-1].counter -= 2
    return device.use(options)


def of_another_site(device: Device, options: dict[str, Any]) -> str:
    device.passkeys[-1].site = "evil.example.org"
    return device.use(options)


def signed_by_another(device: Device, options: dict[str, Any]) -> str:
    device.passkeys[-1].key = Passkey("", "").key
    return device.use(options)


def answer_changed(path: str, value: Any) -> Tampering:
    def use(device: Device, options: dict[str, Any]) -> str:
        said = json.loads(device.use(options))
        target = said if path in said else said["response"]
        target[path] = value
        return json.dumps(said)

    return use


TAMPERED: dict[str, Tampering] = {
    "a foreign origin": changed(origin="http://evil.example.org"),
    "another port": changed(origin="http://localhost:9999"),
    "another challenge": changed(challenge="A" * 43),
    "made, not used": changed(type="webauthn.create"),
    "nobody there": with_flags(0),
    "nobody verified": with_flags(UP),
    "verified and absent": with_flags(UV),
    "a counter that goes back": counter_going_back,
    "another site": of_another_site,
    "another key": signed_by_another,
    "a signature that is none": answer_changed("signature", "AAAA"),
    "nobody's handle": answer_changed("userHandle", "ZmFjdG9ycy1ub2JvZHk"),
    "no text for a handle": answer_changed("userHandle", "////"),
    "no text at all for a handle": answer_changed("userHandle", 7),
    "no handle": answer_changed("userHandle", None),
    "data too short": answer_changed("authenticatorData", "AAAA"),
    "data that is none": answer_changed("clientDataJSON", "e30"),
    "an id of nobody": answer_changed("id", "AAAA"),
    "not json": lambda *_: "{",
    "no object": lambda *_: "[]",
    "nothing": lambda *_: "",
    "endless": lambda *_: "x" * 20_000,
    "deep": lambda *_: "[" * 15_000,
}


async def test_what_a_passkey_did_not_answer_signs_nobody_in(li: Walker) -> None:
    """Neither as the first nor as the second factor; and what it did answer does."""
    await count_to_five(li)
    device = li.device
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        for how, tampered in TAMPERED.items():
            door = form(await other.get("/sign-in", ui_locales="en"), "/authorize/passkey", of_passkeys=True)
            answer = await other.send(door, credential=tampered(deepcopy(device), door.options))
            refused(answer)
            assert "This passkey is not valid here" in answer.text, how
        leads(await other.enter(await other.get("/sign-in")), "/account")


async def test_nor_does_it_as_a_second_factor(li: Walker) -> None:
    await count_to_five(li)
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        for how in sorted(TAMPERED.keys() - {"no handle", "nothing"}):
            li.city.clock.forward(timedelta(days=2))  # attempts wait longer and longer
            await li.city.bus.settle()
            half = form(await other.sign_in(), "/authorize/second", of_passkeys=True)
            refused(await other.send(half, credential=TAMPERED[how](deepcopy(li.device), half.options)))
        leads(await other.passkey_second(await other.sign_in()), "/account")


async def count_to_five(li: Walker) -> None:
    """The passkey has been used, so that its counter can go back."""
    li.device.passkeys[-1].counter, id_ = 5, (await li.city.desk.factors.collection.find({}))[0]["_id"]
    used = li.device.passkeys[-1].name
    await li.city.desk.factors.change(id_, lambda factors: factors.use_passkey(used, 5, li.city.clock.now()))


async def test_an_answer_is_good_once(li: Walker) -> None:
    """Also of a device that does not count."""
    li.device.is_synced = True
    async with li.city.browser() as http:
        other = elsewhere(li, http)
        door = form(await other.get("/sign-in"), "/authorize/passkey", of_passkeys=True)
        answer = li.device.use(door.options)
        leads(await other.send(door, credential=answer), "/account")
        await other.send(form(await other.get("/logout"), "/logout/confirmed"))
        refused(await other.send(door, credential=answer))
        refused(await other.send(door, credential=li.device.use(door.options)))


async def test_an_answer_is_good_for_the_page_that_asked_only(li: Walker) -> None:
    async with li.city.browser() as victim, li.city.browser() as thief:
        hers, his = elsewhere(li, victim), elsewhere(li, thief)
        door = form(await hers.get("/sign-in"), "/authorize/passkey", of_passkeys=True)
        stolen = li.device.use(door.options)
        refused(
            await his.send(form(await his.get("/sign-in"), "/authorize/passkey", of_passkeys=True), credential=stolen)
        )
        refused(await his.send(door, credential=stolen), 400)


async def test_a_passkey_of_somebody_else_is_no_second_factor(li: Walker) -> None:
    city = li.city
    await city.put("/people/person-wang-wei", LI_NA | {"login": "wang.wei", "mail": None})
    async with city.browser() as http, city.browser() as again:
        wang = Walker(city, http, "wang.wei")
        await wang.sign_in()
        await wang.add_passkey()
        thief = Walker(city, again, device=wang.device)
        half = form(await thief.sign_in(), "/authorize/second", of_passkeys=True)
        refused(await thief.send(half, credential=wang.device.use(half.options)))
        wang.device.passkeys[-1].handle = li.device.passkeys[-1].handle
        refused(await thief.send(half, credential=wang.device.use(half.options)))
        door = form(await thief.get("/sign-in"), "/authorize/passkey", of_passkeys=True)
        refused(await thief.send(door, credential=wang.device.use(door.options)))


async def test_unknown_passkeys_look_and_take_as_long_as_wrong_ones(li: Walker) -> None:
    async with li.city.browser() as http:
        other = elsewhere(li, http)

        async def tried(how: Tampering) -> tuple[str, float]:
            door = form(await other.get("/sign-in"), "/authorize/passkey", of_passkeys=True)
            answer = how(li.device, door.options)
            begun = time.perf_counter()
            page = await other.send(door, credential=answer)
            return page.text.partition('<input type="hidden" name="request"')[0], time.perf_counter() - begun

        wrong = [await tried(changed(challenge="A" * 43)) for _ in range(4)]
        unknown = [await tried(TAMPERED["nobody's handle"]) for _ in range(4)]
    assert {page for page, _ in wrong} == {page for page, _ in unknown}
    known_s, unknown_s = (min(seconds for _, seconds in group) for group in (wrong, unknown))
    assert 0.2 < unknown_s / known_s < 5


async def test_passkeys_are_not_tried_for_ever_from_one_address(li: Walker) -> None:
    async with li.city.browser("10.1.1.1") as http, li.city.browser("10.1.1.2") as neighbour:
        other = elsewhere(li, http)
        statuses = []
        for _ in range(102):
            door = form(await other.get("/sign-in"), "/authorize/passkey", of_passkeys=True)
            statuses.append((await other.send(door, credential="{}")).status_code)
        assert statuses == [422] * 100 + [429] * 2
        leads(await elsewhere(li, neighbour).enter(await elsewhere(li, neighbour).get("/sign-in")), "/account")
        li.city.clock.forward(timedelta(minutes=15))
        leads(await other.enter(await other.get("/sign-in")), "/account")


async def test_the_script_is_ours_and_the_page_allows_no_other(li: Walker) -> None:
    page = await li.get(f"{FACTORS}/passkeys/new")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.text.count("<script") == page.text.count('<script type="module" src="/assets/passkeys.js">') == 1
    script = await li.get("/assets/passkeys.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "http" not in script.text


async def test_the_page_says_what_to_do_without_scripts(li: Walker) -> None:
    async with li.city.browser() as http:
        page = await Walker(li.city, http).get("/sign-in", ui_locales="en")
    assert "scripts are off. Sign in with your login name and password" in page.text
    assert '<button type="submit" hidden>Sign in with a passkey' in page.text


def test_the_sites_of_these_tests_are_one() -> None:
    assert Device().origin == NAMED


async def test_what_somebody_calls_a_passkey_is_sealed(li: Walker) -> None:
    await li.add_passkey("My old phone")
    assert "My old phone" in [one["name"] for one in await kept(li)]
    assert "My old phone" not in str(await li.city.database.collection("factors").find({}))
