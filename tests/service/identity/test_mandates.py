"""Acting for somebody else: by consent of both or by register, as far as it goes, ended everywhere at once."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from services.identity.audit.acts import IDENTITY
from services.identity.mandates import commands
from services.identity.mandates.commands import MOST_OFFERS
from services.identity.mandates.domain import KEPT, OFFER_LIFE
from shared.contracts.identity import MandateEnded, MandateGranted, MandateOffered
from tests.service.identity.conftest import LI_NA, PASSWORD, WEB, Identity

WANG = LI_NA | {"login": "wang.wei", "mail": None}
CHEN = LI_NA | {"login": "chen", "mail": None}
TERMS = {"acts": ["apply", "see"], "since": "2026-03-02", "until": "2026-12-31"}
SCOPE = "openid offline_access services"
COMPANY = "company-91210200ma0qc5xx0a"


@pytest.fixture
async def town(city: Identity) -> Identity:
    """Ms Li, Mr Wang, Ms Chen, and an application."""
    assert (await city.put("/people/person-wang-wei", WANG)).status_code == 200
    assert (await city.put("/people/person-chen", CHEN)).status_code == 200
    assert (
        await city.put("/clients/web", WEB | {"scopes": ["openid", "offline_access", "services"]})
    ).status_code == 200
    await city.bus.settle()
    return city


async def tokens(city: Identity, login: str, **asked: str) -> dict[str, Any]:
    """Each signs in with a browser of their own."""
    city.http.cookies.clear()
    answer = await city.submit(
        await city.form(None, **{"scope": "openid offline_access services", **asked}), login=login
    )
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    assert "code" in told, told
    found: dict[str, Any] = (await city.redeem(told["code"][0])).json()
    return found


async def bearer(city: Identity, login: str, **asked: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {(await tokens(city, login, **asked))['access_token']}"}


async def offer(city: Identity, giver: dict[str, str], key: str = "k-1", **wish: Any) -> httpx.Response:
    body = {"agent": "person-li-na", "terms": TERMS} | wish
    return await city.http.post("/mandates", json=body, headers=giver | {"Idempotency-Key": key})


async def given(city: Identity, giver: dict[str, str], agent: str = "li.na", key: str = "k-1", **wish: Any) -> str:
    """A mandate that both sides want."""
    answer = await offer(city, giver, key, **wish)
    assert answer.status_code == 201, answer.text
    id_: str = answer.json()["id"]
    answer = await city.http.post(f"/mandates/{id_}/accept", headers=await bearer(city, agent))
    assert (answer.status_code, answer.json()["state"]) == (200, "live")
    await city.bus.settle()
    return id_


def claims(found: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = jwt.decode(found["access_token"], options={"verify_signature": False})
    return read


async def may_act(city: Identity, login: str, mandate: str) -> bool:
    answer = await city.submit(await city.form(None, acting_as=mandate), login=login)
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    assert ("code" in told) != (told.get("error") == ["access_denied"])
    return "code" in told


async def is_revoked(city: Identity, found: dict[str, Any]) -> bool:
    await city.bus.settle()
    answer = await city.http.get("/userinfo", headers={"Authorization": f"Bearer {found['access_token']}"})
    return answer.status_code == 401 and answer.json()["code"] == "token_revoked"


# -- giving and taking on ---------------------------------------------------------------------------------


async def test_who_has_a_mandate_acts_for_the_other(town: Identity) -> None:
    mandate = await given(town, await bearer(town, "wang.wei"))
    found = await tokens(town, "li.na", acting_as=mandate)
    told = claims(found)
    assert (told["sub"], told["kind"], told["act"]) == ("person-wang-wei", "person", {"sub": "person-li-na"})
    assert told["mandate"] == {"id": mandate, "acts": ["apply", "see"], "items": [], "versions": {mandate: 1}}
    identity = jwt.decode(found["id_token"], options={"verify_signature": False})
    assert identity["sub"] == "person-li-na", "the application knows who sits there"
    answer = await town.http.get("/userinfo", headers={"Authorization": f"Bearer {found['access_token']}"})
    assert answer.json()["sub"] == "person-li-na"


async def test_both_sides_and_all_services_hear_of_it(town: Identity) -> None:
    mandate = await given(town, wang := await bearer(town, "wang.wei"))
    assert (await town.http.delete(f"/mandates/{mandate}", headers=wang)).json()["ground"] == "withdrawn"
    await town.bus.settle()
    about = {"mandate": mandate, "principal": "person-wang-wei", "agent": "person-li-na", "by": "person-wang-wei"}
    assert town.bus.said(MandateOffered) == [about]
    assert town.bus.said(MandateGranted) == [
        about | {"source": "grant", "acts": ["apply", "see"], "items": [], "since": "2026-03-02", "until": "2026-12-31"}
    ]
    assert town.bus.said(MandateEnded) == [about | {"ground": "withdrawn"}]


async def test_nobody_acts_by_what_is_only_offered_or_somebody_else_s(town: Identity) -> None:
    wang = await bearer(town, "wang.wei")
    offered = (await offer(town, wang)).json()["id"]
    assert not await may_act(town, "li.na", offered)
    assert (await town.http.post(f"/mandates/{offered}/accept", headers=wang)).status_code == 403
    chen = await bearer(town, "chen")
    for method, path in (("POST", f"/mandates/{offered}/accept"), ("DELETE", f"/mandates/{offered}")):
        assert (await town.http.request(method, path, headers=chen)).status_code == 404
    await town.http.post(f"/mandates/{offered}/accept", headers=await bearer(town, "li.na"))
    assert await may_act(town, "li.na", offered)
    assert not await may_act(town, "chen", offered)
    assert not await may_act(town, "li.na", "mandate-" + "a" * 26)


async def test_the_same_offer_again_is_the_same_mandate(town: Identity) -> None:
    wang = await bearer(town, "wang.wei")
    first, again = await offer(town, wang), await offer(town, wang)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = await offer(town, wang, terms=TERMS | {"until": "2026-12-30"})
    assert other.json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("wish", "faults"),
    [
        ({"agent": "person-wang-wei"}, ["/agent"]),
        ({"agent": "Ms Li"}, ["/agent"]),
        ({"agent": COMPANY}, ["/agent"]),
        ({"agent": "person-wang-wei", "under": "mandate-x", "terms": TERMS | {"until": "2030-01-01"}},
         ["/under", "/terms/until", "/agent"]),
        ({"terms": TERMS | {"since": "2026-01-01", "until": "2026-03-01"}}, ["/terms/until"]),
        ({"agent": {"$ne": ""}}, ["/agent"]),
        ({"terms": TERMS | {"acts": ["everything"]}}, ["/terms/acts/0"]),
    ],
    ids=str,
)  # fmt: skip
async def test_what_cannot_be_offered_is_named_at_once(town: Identity, wish: dict[str, Any], faults: list[str]) -> None:
    answer = await offer(town, await bearer(town, "wang.wei"), **wish)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["faults"]] == faults


async def test_an_offer_to_nobody_is_answered_as_any_other_and_lapses(town: Identity) -> None:
    wang = await bearer(town, "wang.wei")
    there, nowhere = await offer(town, wang), await offer(town, wang, "k-2", agent="person-nobody")
    own = {"id", "agent"}
    assert (there.status_code, nowhere.status_code) == (201, 201)
    assert {name: value for name, value in there.json().items() if name not in own} == {
        name: value for name, value in nowhere.json().items() if name not in own
    }
    assert there.headers.keys() == nowhere.headers.keys()
    await town.bus.settle()
    assert [one["agent"] for one in town.bus.said(MandateOffered)] == ["person-li-na", "person-nobody"]
    town.clock.forward(OFFER_LIFE)
    await town.bus.settle()
    assert [one["ground"] for one in town.bus.said(MandateEnded)] == ["lapsed", "lapsed"]


async def test_nobody_offers_mandates_without_end(town: Identity) -> None:
    wang, replica = await bearer(town, "wang.wei"), await town.replica()
    for n in range(MOST_OFFERS):
        city = (town, replica)[n % 2]
        assert (await offer(city, wang, f"k-{n}")).status_code == 201, "all replicas count together"
    answer = await offer(town, wang, "k-more")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_attempts")
    assert (await offer(town, wang, "k-0")).status_code == 200, "the same again is no other"
    assert (await offer(town, await bearer(town, "chen"), "k-1")).status_code == 201, "nobody else is concerned"
    wait = int(answer.headers["retry-after"])
    assert 0 < wait <= timedelta(days=1).total_seconds()
    town.clock.forward(timedelta(seconds=wait))
    assert (await offer(town, await bearer(town, "wang.wei"), "k-more")).status_code == 201


async def test_an_offer_lapses_and_a_mandate_expires_and_both_go_in_the_end(town: Identity) -> None:
    wang = await bearer(town, "wang.wei")
    lapses = (await offer(town, wang)).json()["id"]
    expires = await given(town, wang, key="k-2", terms=TERMS | {"until": "2026-03-20"})
    found = await tokens(town, "li.na", acting_as=expires)
    town.clock.forward(timedelta(days=18, hours=7))
    assert not await may_act(town, "li.na", expires), "the clock alone ends it"
    await town.bus.settle()
    town.clock.forward(OFFER_LIFE - timedelta(days=18))
    await town.bus.settle()
    grounds = {one["mandate"]: one["ground"] for one in town.bus.said(MandateEnded)}
    assert grounds == {lapses: "lapsed", expires: "expired"}
    assert "error" in (await town.http.post("/token", data=refreshing(found))).json()
    town.clock.forward(KEPT)
    await town.bus.settle()
    assert await town.database.collection("mandates").find({}) == []


def refreshing(found: dict[str, Any]) -> dict[str, str]:
    return {"grant_type": "refresh_token", "client_id": "web", "refresh_token": found["refresh_token"]}


# -- ending -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["wang.wei", "li.na"])
async def test_what_either_side_ends_is_refused_at_once_and_not_refreshed(town: Identity, who: str) -> None:
    mandate = await given(town, await bearer(town, "wang.wei"))
    acting, own = await tokens(town, "li.na", acting_as=mandate), None
    headers = await bearer(town, who)
    town.http.cookies.clear()
    acting, own = await tokens(town, "li.na", acting_as=mandate), await bearer(town, "chen")
    assert (await town.http.delete(f"/mandates/{mandate}", headers=headers)).status_code == 200
    assert await is_revoked(town, acting)
    assert (await town.http.post("/token", data=refreshing(acting))).json()["error"] == "invalid_grant"
    assert (await town.http.get("/me", headers=own)).status_code == 200, "nobody else is concerned"
    assert not await may_act(town, "li.na", mandate)


async def test_a_token_of_one_s_own_goes_on(town: Identity) -> None:
    mandate = await given(town, wang := await bearer(town, "wang.wei"))
    own = await bearer(town, "li.na")
    await town.http.delete(f"/mandates/{mandate}", headers=wang)
    await town.bus.settle()
    assert (await town.http.get("/me", headers=own)).status_code == 200


async def test_acting_opens_nothing_that_is_the_principal_s_own(town: Identity) -> None:
    mandate = await given(town, await bearer(town, "wang.wei"), terms=TERMS | {"acts": ["apply", "see", "supply"]})
    acting = await bearer(town, "li.na", acting_as=mandate)
    for method, path in (
        ("GET", "/me"), ("GET", "/me/sessions"), ("DELETE", "/me/sessions"), ("GET", "/me/mandates"),
        ("POST", f"/mandates/{mandate}/accept"), ("DELETE", f"/mandates/{mandate}"),
    ):  # fmt: skip
        answer = await town.http.request(method, path, headers=acting)
        assert (answer.status_code, answer.json()["code"]) == (403, "mandate_does_not_cover"), path
    answer = await offer(town, acting, agent="person-chen")
    assert answer.json()["code"] == "mandate_does_not_cover"


# -- chains and registers ---------------------------------------------------------------------------------


async def guardian(town: Identity, until: str = "2030-01-01") -> httpx.Response:
    return await town.put("/people/person-chen/guardians/person-wang-wei", {"until": until})


async def test_a_register_makes_a_mandate_that_can_be_handed_on_once(town: Identity) -> None:
    first = await guardian(town)
    above, wang = first.json()["id"], await bearer(town, "wang.wei")
    assert (first.headers["tongban-changed"], first.json()["kind"]) == ("true", "guardian")
    assert (await guardian(town)).headers["tongban-changed"] == "false"
    under = await given(town, wang, under=above)
    acting = await tokens(town, "li.na", acting_as=under)
    told = claims(acting)
    assert (told["sub"], told["act"]) == ("person-chen", {"sub": "person-li-na", "act": {"sub": "person-wang-wei"}})
    assert told["mandate"]["versions"] == {under: 1, above: 1}
    assert (
        await offer(town, await bearer(town, "li.na"), "k-3", agent="person-wang-wei", under=under)
    ).status_code == 422
    roles = {one["id"]: one["role"] for one in (await town.http.get("/me/mandates", headers=wang)).json()}
    assert roles == {under: "giver", above: "agent"}
    answer = await town.http.delete("/people/person-chen/guardians/person-wang-wei", headers=town.operator())
    assert answer.status_code == 204
    assert await is_revoked(town, acting), "what it rested on is gone"
    assert {one["ground"] for one in town.bus.said(MandateEnded)} == {"register", "above"}


async def test_the_ward_ends_what_was_handed_on_but_not_what_the_register_says(town: Identity) -> None:
    above = (await guardian(town)).json()["id"]
    under = await given(town, await bearer(town, "wang.wei"), under=above)
    chen = await bearer(town, "chen")
    assert (await town.http.delete(f"/mandates/{above}", headers=chen)).json()["code"] == "mandate_of_register"
    assert (await town.http.delete(f"/mandates/{under}", headers=chen)).json()["ground"] == "withdrawn"


async def test_a_register_that_names_an_earlier_end_narrows(town: Identity) -> None:
    mandate = (await guardian(town)).json()["id"]
    acting = await tokens(town, "wang.wei", acting_as=mandate)
    assert (await guardian(town, "2029-01-01")).json()["id"] == mandate
    assert await is_revoked(town, acting)
    assert await may_act(town, "wang.wei", mandate)


async def test_a_guardian_who_was_one_before_gets_another_mandate(town: Identity) -> None:
    first = (await guardian(town)).json()["id"]
    await commands.unregister(town.desk, IDENTITY, "person-chen", "person-wang-wei")
    second = (await guardian(town)).json()
    assert (second["id"] != first, second["state"]) == (True, "live")


async def test_a_company_is_represented_by_register(town: Identity) -> None:
    """The company's own account is no person's: whoever represents it signs in as themselves."""
    mandate, _ = await commands.register(town.desk, IDENTITY, COMPANY, "person-wang-wei", "representative")
    wang = await bearer(town, "wang.wei")
    employee = await given(town, wang, under=mandate.id)
    assert claims(await tokens(town, "li.na", acting_as=employee))["sub"] == COMPANY
    await commands.register(town.desk, IDENTITY, COMPANY, "person-chen", "representative")
    answer = await town.http.delete(f"/mandates/{employee}", headers=await bearer(town, "chen"))
    assert answer.json()["ground"] == "withdrawn", "another representative may end it too"


@pytest.mark.parametrize(
    ("ward", "guardian", "faults"),
    [
        ("person-chen", "person-chen", ["/guardian"]),
        ("person-nobody", "person-no", ["/ward", "/guardian"]),
    ],
)
async def test_a_guardian_is_somebody_else_and_known(
    town: Identity, ward: str, guardian: str, faults: list[str]
) -> None:
    answer = await town.put(f"/people/{ward}/guardians/{guardian}", {})
    assert [fault["pointer"] for fault in answer.json()["faults"]] == faults


async def test_a_form_keeps_for_whom_it_was_asked(town: Identity) -> None:
    page = await town.http.get("/authorize", params=town.asked(acting_as="mandate-1", prompt="login"))
    assert "acting_as=mandate-1" in page.text
    assert PASSWORD not in page.text
