"""Posts with days, substitutes, who may say so, and what people are told they may do."""

from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.identity import RevocationPublished, SubstitutionArranged, SubstitutionEnded
from shared.web.authentication import policies
from tests.service.identity.conftest import LI_NA, PASSWORD, Identity

STANDING_IN = {
    "organisation": "police",
    "division": "2102",
    "roles": ["head"],
    "since": "2026-03-02",
    "until": "2026-03-04",
    "instead_of": "person-zhao",
}
AT = "/people/person-liu/substitutions/substitution-1"


@pytest.fixture
async def station(city: Identity) -> Identity:
    """A head of all the police, the head of one district and a clerk there; the head of another office."""
    await city.officer("person-zhao", "police.2102", "head", "clerk")
    await city.officer("person-wu", "police.210203", "head")
    await city.officer("person-liu", "police.210203", "clerk")
    await city.officer("person-chen", "hrss.2102", "head")
    return city


async def status(station: Identity, header: dict[str, str], path: str = "/me") -> int:
    return (await station.http.get(path, headers=header)).status_code


# -- posts with days -------------------------------------------------------------------------------------


async def test_a_post_that_ends_by_its_date_ends_the_tokens_and_the_sessions(city: Identity) -> None:
    post = {"organisation": "police", "division": "2102", "roles": ["clerk"], "until": "2026-03-02"}
    await city.put("/people/person-li-na", LI_NA | {"posts": [post]})
    code = await city.code()
    city.clock.forward(timedelta(hours=6, minutes=58))  # the city's midnight is at 16:00
    hers = (await city.redeem(await city.code())).json()["access_token"]
    assert (await city.me(hers)).json()["kind"] == "officer"
    city.clock.forward(timedelta(minutes=2))
    await city.bus.settle()
    assert (await city.me(hers)).json()["code"] == "token_revoked"
    assert (await city.redeem(code)).status_code == 400
    again = (await city.redeem(await city.code(password=PASSWORD))).json()["access_token"]
    assert (await city.me(again)).json()["kind"] == "person"


async def test_all_posts_that_one_could_come_with_are_seen(city: Identity) -> None:
    place = {"organisation": "police", "division": "2102", "roles": ["clerk"]}
    until, later = {"division": "210203", "until": "2026-12-31"}, {"division": "21", "since": "2027-01-01"}
    posts = [place, place | until, place | later]
    await city.put("/people/person-li-na", LI_NA | {"posts": posts})
    me = (await city.me((await city.redeem(await city.code())).json()["access_token"])).json()
    assert (me["organisation"], me["division"], me["roles"]) == ("police", "2102", ["clerk"])
    assert [(p["id"], p["until"], p["instead_of"]) for p in me["posts"]] == [
        ("police.2102", None, []),
        ("police.210203", "2026-12-31", []),
    ]


# -- substitutes -----------------------------------------------------------------------------------------


async def test_a_substitute_has_the_post_while_it_lasts_and_loses_it_with_the_tokens(station: Identity) -> None:
    head = await station.bearer("person-zhao")
    answer = await station.http.put(AT, json=STANDING_IN, headers=head)
    assert (answer.status_code, answer.json(), answer.headers["tongban-changed"]) == (200, STANDING_IN, "true")
    assert (await station.http.put(AT, json=STANDING_IN, headers=head)).headers["tongban-changed"] == "false"
    await station.bus.settle()
    assert station.bus.said(SubstitutionArranged, topic="identity.events") == [
        STANDING_IN | {"substitution": "substitution-1", "account": "person-liu"}
    ]
    assert "user:person-liu" not in revoked(station), "nothing was taken away"
    station.clock.forward(timedelta(days=2, hours=6, minutes=59))  # it ends at midnight in the city, 16:00
    standing_in = await station.bearer("person-liu", "police.2102")
    assert (await station.http.get("/me", headers=standing_in)).json()["roles"] == ["head"]
    assert await status(station, standing_in, "/officers") == 200
    station.clock.forward(timedelta(minutes=1))
    await station.bus.settle()
    assert (await station.http.get("/me", headers=standing_in)).json()["code"] == "token_revoked"
    ended = {"substitution": "substitution-1", "account": "person-liu", "reason": "over"}
    assert station.bus.said(SubstitutionEnded, topic="identity.events") == [ended]
    me = (await station.http.get("/me", headers=await station.bearer("person-liu"))).json()
    assert [post["id"] for post in me["posts"]] == ["police.210203"]


def revoked(station: Identity) -> set[str]:
    return {row["scope"] for row in station.bus.said(RevocationPublished)}


async def test_a_substitution_that_is_withdrawn_is_over_at_once(station: Identity) -> None:
    head = await station.bearer("person-zhao")
    await station.http.put(AT, json=STANDING_IN, headers=head)
    standing_in = await station.bearer("person-liu", "police.2102")
    assert (await station.http.delete(AT, headers=head)).status_code == 204
    await station.bus.settle()
    assert (await station.http.get("/me", headers=standing_in)).json()["code"] == "token_revoked"
    assert station.bus.said(SubstitutionEnded)[-1]["reason"] == "withdrawn"
    assert (await station.http.delete(AT, headers=head)).status_code == 404


@pytest.mark.parametrize(
    ("who", "account", "changes", "code"),
    [
        ("person-wu", "person-liu", {}, "forbidden"),  # the head of one district, for the whole city
        ("person-chen", "person-liu", {}, "forbidden"),  # the head of another office
        ("person-zhao", "person-zhao", {"division": "210203", "instead_of": "person-wu"}, "oneself"),
        ("person-zhao", "person-nobody", {}, "not_found"),
    ],
)
async def test_only_the_head_of_a_place_says_who_stands_in_there(
    station: Identity, who: str, account: str, changes: dict[str, Any], code: str
) -> None:
    path, headers = f"/people/{account}/substitutions/substitution-1", await station.bearer(who)
    answer = await station.http.put(path, json=STANDING_IN | changes, headers=headers)
    assert answer.json()["code"] == code


async def test_a_head_does_not_take_over_a_substitution_of_another_place(station: Identity) -> None:
    await station.http.put(AT, json=STANDING_IN, headers=station.operator())
    own = STANDING_IN | {"division": "210203", "instead_of": "person-wu"}
    headers = await station.bearer("person-wu")
    assert (await station.http.put(AT, json=own, headers=headers)).status_code == 403
    assert (await station.http.delete(AT, headers=headers)).status_code == 403
    other = AT.replace("substitution-1", "substitution-2")
    assert (await station.http.put(other, json=own, headers=headers)).status_code == 200


async def test_who_stands_in_for_a_head_lets_nobody_else_stand_in(station: Identity) -> None:
    await station.http.put(AT, json=STANDING_IN, headers=await station.bearer("person-zhao"))
    standing_in = await station.bearer("person-liu", "police.2102")
    further = "/people/person-wu/substitutions/substitution-2"
    answer = await station.http.put(further, json=STANDING_IN, headers=standing_in)
    assert (answer.status_code, answer.json()["code"]) == (403, "head_by_substitution")
    assert (await station.http.delete(AT, headers=standing_in)).json()["code"] == "oneself"


async def test_what_cannot_be_is_refused_with_every_fault(station: Identity) -> None:
    wrong = STANDING_IN | {"organisation": "moon", "division": "99", "since": "2026-02-01", "until": "2026-02-02"}
    answer = await station.put(AT, wrong)
    assert {(f["pointer"], f["code"]) for f in answer.json()["faults"]} == {
        ("/organisation", "unknown_organisation"),
        ("/division", "unknown_division"),
        ("/until", "over"),
        ("", "not_a_colleague"),
        ("/instead_of", "not_held"),
    }
    assert (await station.put(AT, STANDING_IN, **{"If-Match": '"99"'})).status_code == 412
    untold = STANDING_IN | {"until": "1.4.2026", "since": None, "id": "x"}
    assert {f["pointer"] for f in (await station.put(AT, untold)).json()["faults"]} == {"/until", "/since", "/id"}


# -- officers --------------------------------------------------------------------------------------------


async def listed(station: Identity, headers: dict[str, str], **asked: Any) -> dict[str, Any]:
    answer = await station.http.get("/officers", params=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_operator_sees_all_officers_and_a_head_those_of_the_place(station: Identity) -> None:
    everybody = ["person-chen", "person-liu", "person-wu", "person-zhao"]
    assert [one["id"] for one in (await listed(station, station.operator()))["items"]] == everybody
    for head, seen in (("person-zhao", everybody[1:]), ("person-wu", everybody[1:3]), ("person-chen", everybody[:1])):
        items = (await listed(station, await station.bearer(head)))["items"]
        assert [one["id"] for one in items] == seen
        assert {one["login"] for one in items} == {None}
    first = await listed(station, station.operator(), limit=3)
    second = await listed(station, station.operator(), limit=3, after=first["next"])
    assert [one["id"] for one in first["items"] + second["items"]] == everybody


async def test_whoever_loses_the_last_post_is_on_no_list(station: Identity) -> None:
    await station.put("/people/person-liu", LI_NA | {"login": "person-liu"})
    assert "person-liu" not in {one["id"] for one in (await listed(station, station.operator()))["items"]}


# -- rights ----------------------------------------------------------------------------------------------


async def rights(station: Identity, headers: dict[str, str]) -> dict[str, tuple[bool, str, str]]:
    told = (await station.http.get("/me/rights", headers=headers)).json()
    assert told["service"] == "identity"
    return {right["act"]: (right["allowed"], right["why"]["en"], right["why"]["zh"]) for right in told["rights"]}


async def test_one_is_told_what_one_may_do_and_why(station: Identity) -> None:
    await station.http.put(AT, json=STANDING_IN, headers=await station.bearer("person-zhao"))
    clerk = await rights(station, await station.bearer("person-liu"))
    assert clerk["substitutions.keep"] == (
        False,
        "No: this is for an operator of the network or an officer with the role head; "
        "you hold the post police.210203 with the role clerk.",
        "不可以：此操作面向网络运营人员或角色为负责人的工作人员；您担任 police.210203 岗位，角色：经办人。",
    )
    standing_in = await rights(station, await station.bearer("person-liu", "police.2102"))
    assert standing_in["substitutions.keep"] == (
        True,
        "Yes: this is for an operator of the network or an officer with the role head; "
        "you hold the post police.2102 with the role head until 2026-03-04, standing in for person-zhao.",
        "可以：此操作面向网络运营人员或角色为负责人的工作人员；"
        "您担任 police.2102 岗位，角色：负责人，至 2026-03-04，代 person-zhao。",
    )
    operator = await rights(station, station.operator())
    assert {act for act, (allowed, *_) in operator.items() if not allowed} == {
        "sessions.own", "userinfo.read", "mandates.keep", "consents.own", "factors.own", "password.own",
        "people.register", "companies.represent",
    }  # fmt: skip
    assert "you are an operator of the network" in operator["accounts.keep"][1]


async def test_everybody_is_told_of_the_same_acts_as_the_routes_ask_for(station: Identity) -> None:
    asked = {marker.act.code for route in policies(station.app) for marker in route.markers if hasattr(marker, "act")}
    for headers in (station.operator(), await station.bearer("person-liu")):
        assert set(await rights(station, headers)) == asked
