"""Who holds several posts or mandates picks on a page what to act as, where an application of the city asks for it."""

from typing import Any

import jwt
import pytest

from tests.service.identity.acts import guarded
from tests.service.identity.conftest import ASKED, LI_NA, WEB, Identity
from tests.service.identity.test_acting_as import POSTS
from tests.service.identity.walking import PORTAL, Walker, form

ASKS, PICK = {"prompt": "select_account"}, "/authorize/as"


@pytest.fixture
async def li(city: Identity) -> Walker:
    """Ms Li, an officer with two posts and a ward, signed in."""
    await guarded(city)
    assert (await city.put("/people/person-li-na", LI_NA | {"posts": POSTS})).status_code == 200
    assert (await city.put("/people/person-wang-wei/guardians/person-li-na", {})).status_code == 200
    await city.put("/people/person-wang-wei", LI_NA | {"login": "wang.wei", "name": "王伟", "mail": None})
    li = Walker(city, city.http)
    await li.sign_in()
    return li


def claims(found: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = jwt.decode(found["access_token"], options={"verify_signature": False})
    return read


async def test_who_holds_several_picks_one_and_the_token_says_it(li: Walker) -> None:
    page = await li.ask(**ASKS)
    assert page.text.count('type="radio"') == 4
    for word in ("本人：canary-name-李娜", "公安局（大连市）", "代理：王伟"):
        assert word in page.text
    for wanted, org in (("self", None), ("hrss.2102", "hrss"), ("police.2102", "police")):
        told = claims(await li.tokens(await li.send(form(page, PICK), acting_as=wanted)))
        assert (told["sub"], told["org"]) == ("person-li-na", org)
    (mandate,) = await li.city.desk.mandates.collection.find({})
    told = claims(await li.tokens(await li.send(form(page, PICK), acting_as=mandate["_id"])))
    assert (told["sub"], told["act"]["sub"]) == ("person-wang-wei", "person-li-na")


@pytest.mark.parametrize("wanted", ["", "court.2102", "mandate-" + "a" * 26, "person-wang-wei"])
async def test_nobody_picks_what_they_do_not_hold(li: Walker, wanted: str) -> None:
    answer = await li.send(form(await li.ask(**ASKS), PICK), acting_as=wanted)
    assert answer.status_code == 422
    assert '<a href="#acting_as">' in answer.text
    assert "code" in li.told(await li.send(form(answer, PICK), acting_as="self"))


async def test_nobody_picks_by_anybody_elses_form(li: Walker) -> None:
    page = form(await li.ask(**ASKS), PICK)
    async with li.city.browser() as http:
        other = Walker(li.city, http)
        await other.sign_in()
        assert (await other.send(page, acting_as="self")).status_code == 400
    assert (await li.http.post(PICK, data={"request": "x" * 100, "acting_as": "self"})).status_code == 400


async def test_who_does_not_ask_for_it_or_says_what_to_act_as_is_answered_as_before(li: Walker) -> None:
    assert "code" in li.told(await li.ask())
    assert "code" in li.told(await li.ask(acting_as="hrss.2102"))
    assert 'name="password"' in (await li.ask(**ASKS, acting_as="hrss.2102")).text


async def test_who_has_nothing_to_pick_is_asked_who_they_are_as_before(li: Walker) -> None:
    async with li.city.browser() as http:
        wang = Walker(li.city, http, "wang.wei")
        await wang.sign_in()
        page = await wang.ask(**ASKS)
        assert 'name="password"' in page.text
        assert "code" in wang.told(await wang.password(page))


async def test_from_an_address_of_any_program_s_one_signs_in_and_then_picks(li: Walker) -> None:
    page = await li.get("/authorize", **ASKED | ASKS)
    assert 'name="password"' in page.text
    assert "code" in li.told(await li.send(form(await li.password(page), PICK), acting_as="self"))


async def test_somebody_else_s_application_lets_nobody_pick(li: Walker) -> None:
    await li.city.put("/clients/bank", WEB | {"asks_consent": True, "redirect_uris": [PORTAL]})
    assert 'name="password"' in (await li.ask(**ASKS, client_id="bank")).text


async def test_an_application_that_becomes_somebody_else_s_meanwhile_is_told_nothing(li: Walker) -> None:
    page = form(await li.ask(**ASKS), PICK)
    await li.city.put("/clients/web", WEB | {"asks_consent": True, "redirect_uris": [PORTAL]})
    answer = await li.send(page, acting_as="self")
    assert (answer.status_code, answer.headers["content-type"][:9]) == (400, "text/html")
