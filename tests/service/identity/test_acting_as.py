"""As what somebody signs in: in their own name, at a post, for somebody else; and not for who is suspended."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from tests.service.identity.conftest import LI_NA, Identity

POSTS = [
    {"organisation": "police", "division": "2102", "roles": ["clerk"]},
    {"organisation": "hrss", "division": "2102", "roles": ["head"]},
]
ZHANG = LI_NA | {"login": "zhang", "mail": None, "posts": POSTS}
SYSTEM = {"kind": "department", "name": "System", "organisation": "police", "secret": "a secret of the police"}


@pytest.fixture
async def station(city: Identity) -> Identity:
    """An officer with two posts, and a department's own system."""
    assert (await city.put("/people/person-zhang", ZHANG)).status_code == 200
    assert (await city.put("/clients/police-data", SYSTEM)).status_code == 200
    await city.bus.settle()
    return city


async def token(city: Identity, login: str = "zhang", **asked: str) -> str:
    city.http.cookies.clear()
    found: str = (await city.redeem(await city.code_of(login, **asked))).json()["access_token"]
    return found


def claims(token: str) -> dict[str, Any]:
    read: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return read


@pytest.mark.parametrize(
    ("wanted", "kind", "post", "roles"),
    [
        ({}, "officer", ("police", "2102"), ["clerk"]),
        ({"acting_as": "police.2102"}, "officer", ("police", "2102"), ["clerk"]),
        ({"acting_as": "hrss.2102"}, "officer", ("hrss", "2102"), ["head"]),
        ({"acting_as": "self"}, "person", (None, None), []),
    ],
    ids=str,
)
async def test_an_officer_comes_with_one_post_or_as_a_person(
    station: Identity, wanted: dict[str, str], kind: str, post: tuple[str | None, str | None], roles: list[str]
) -> None:
    told = claims(await token(station, **wanted))
    assert (told["sub"], told["kind"], (told["org"], told["division"])) == ("person-zhang", kind, post)
    assert told["roles"] == roles


@pytest.mark.parametrize("wanted", ["hrss.210203", "police.2102.x", "court.2102", "", "person-li-na", "$ne"])
async def test_nobody_comes_with_what_they_do_not_hold(station: Identity, wanted: str) -> None:
    answer = await station.submit(await station.form(None, acting_as=wanted), login="zhang")
    assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == ["access_denied"]


async def accepted(city: Identity, token: str) -> bool:
    await city.bus.settle()
    return (await city.me(token)).status_code == 200


async def suspend(city: Identity, method: str = "PUT") -> None:
    answer = await city.http.request(method, "/organisations/police/suspension", headers=city.operator())
    assert answer.status_code == 204
    await city.bus.settle()


async def program(city: Identity) -> dict[str, Any]:
    found: dict[str, Any] = (await city.client_token("police-data", SYSTEM["secret"])).json()
    return found


async def test_nobody_acts_for_an_organisation_that_is_suspended(station: Identity) -> None:
    system, officer = (await program(station))["access_token"], await token(station, acting_as="police.2102")
    await suspend(station)
    await suspend(station)
    assert not await accepted(station, officer)
    assert not await accepted(station, system)
    assert (await program(station))["error"] == "unauthorized_client"
    answer = await station.submit(await station.form(None, acting_as="police.2102"), login="zhang")
    assert "error=access_denied" in answer.headers["location"]
    assert await accepted(station, await token(station, acting_as="hrss.2102"))
    assert await accepted(station, await token(station, acting_as="self"))
    assert await accepted(station, await token(station, "li.na")), "citizens go on"


async def test_once_resumed_it_goes_on_with_new_tokens(station: Identity) -> None:
    before = await token(station)
    await suspend(station)
    await suspend(station, "DELETE")
    assert not await accepted(station, before)
    assert await accepted(station, await token(station))
    assert await accepted(station, (await program(station))["access_token"])


async def test_a_code_is_worth_nothing_once_the_organisation_is_suspended(station: Identity) -> None:
    code = await station.code_of("zhang")
    await suspend(station)
    assert (await station.redeem(code)).json()["error"] == "invalid_grant"
