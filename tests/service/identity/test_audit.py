"""Audit: each act has its record, which is found again; and nothing in it is personal. The chain is in
test_audit_chain."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.identity.audit import acts
from shared.contracts.identity import ActNoted
from shared.web.authentication import policies
from tests.service.identity.acts import NOTED, Doing, hers, refresh, refreshing
from tests.service.identity.conftest import ISSUER, LI_NA, OPERATOR_SECRET, PASSWORD, WEB, Identity
from tests.service.identity.records import kept, noted, verified

# -- each act has its record -----------------------------------------------------------------------------------


async def test_every_route_that_changes_something_notes_an_act_or_says_why_not(identity: Identity) -> None:
    routes = {(method, policy.path) for policy in policies(identity.app) for method in policy.methods - {"GET", "HEAD"}}
    assert routes == set(NOTED)
    assert all(len(found) > 10 for found in NOTED.values() if isinstance(found, str))


@pytest.mark.parametrize(
    ("act", "doing"), [found for found in NOTED.values() if not isinstance(found, str)], ids=[
        " ".join(route) for route, found in NOTED.items() if not isinstance(found, str)
    ]
)  # fmt: skip
async def test_each_of_them_does(city: Identity, act: str, doing: Doing) -> None:
    before = len(noted(city, act))
    await doing(city)
    await city.bus.settle()
    (one, *_) = noted(city, act)[before:]
    assert one["by"]["account"] in ("operator", "person-li-na", "web") or one["by"]["kind"] == "visitor"
    assert one["by"]["place"], "from where"
    assert act in {link["record"]["act"] for link in await kept(city)}
    assert (await verified(city)).holds


async def test_a_sign_in_tells_who_through_what_and_where_from(city: Identity) -> None:
    await hers(city)
    await city.bus.settle()
    (one,), (token,) = noted(city, "signed-in"), noted(city, "token-given")
    assert one["by"] | {"place": None} == {
        "kind": "person",
        "account": "person-li-na",
        "client": "web",
        "session": one["on"],
        "behalf": None,
        "place": None,
    }
    assert token["by"] == one["by"]
    assert token["on"] == "client-web"
    assert "127.0.0.1" not in json.dumps(await kept(city))


async def test_what_changes_nothing_is_no_act(city: Identity) -> None:
    before = len(noted(city))
    await city.put("/people/person-li-na", LI_NA)
    await city.put("/clients/web", WEB)
    await city.put("/people/person-li-na", LI_NA | {"login": "x y"})
    await city.put("/people/person-li-na", LI_NA, **{"If-Match": '"9"'})
    await city.http.delete("/people/person-nobody/sessions", headers=city.operator())
    await city.bus.settle()
    assert len(noted(city)) == before


@pytest.mark.parametrize(
    ("changes", "act", "fields"),
    [
        ({"password": "another-password"}, "password-changed", []),
        ({"mail": None, "phone": None}, "account-changed", ["mail", "phone"]),
        ({"password": "another-password", "language": "en"}, "account-changed", ["language", "password"]),
    ],
    ids=str,
)
async def test_a_record_names_the_fields_that_changed(
    city: Identity, changes: dict[str, Any], act: str, fields: list[str]
) -> None:
    await city.put("/people/person-li-na", LI_NA | changes)
    await city.bus.settle()
    assert [(one["on"], one["fields"]) for one in noted(city, act)] == [("person-li-na", fields)]


async def test_every_end_of_a_session_tells_why(city: Identity) -> None:
    async def grounds() -> list[str]:
        await city.bus.settle()
        return [one["ground"] for one in noted(city, "session-ended")]

    await hers(city)
    await city.submit(await city.form())
    assert await grounds() == ["signed-in-again"]
    await city.put("/people/person-li-na", LI_NA | {"password": "another-password"})
    assert (await grounds())[1:] == ["account-changed"]
    await city.put("/people/person-li-na", LI_NA)
    await city.http.delete("/me/sessions", headers=await hers(city))
    assert (await grounds())[2:] == ["everywhere"]
    await city.submit(await city.form())
    city.clock.forward(timedelta(hours=12))
    assert (await grounds())[3:] == ["over"]
    assert noted(city, "session-ended")[-1]["by"]["kind"] == "service"


async def test_a_token_that_two_have_is_noted_with_what_it_ended(city: Identity) -> None:
    token = await refreshing(city)
    assert (await refresh(city, token)).status_code == 200
    assert (await refresh(city, token)).json()["error"] == "invalid_grant"
    await city.bus.settle()
    (one,) = noted(city, "token-reused")
    assert (one["ground"], one["result"], one["by"]["client"]) == ("refresh-token", "refused", "web")
    assert noted(city, "token-refused")[-1]["on"] == "client-web"
    assert not [record for record in city.bus.records if b"family-" in (record.key or b"")], "half of a token"


async def test_refreshing_is_noted_once_an_hour_and_from_elsewhere(city: Identity) -> None:
    token = await refreshing(city)
    for n in range(8):
        answer = await refresh(city, token)
        token = answer.json()["refresh_token"]
        city.clock.forward(timedelta(minutes=5 if n < 5 else 60 if n < 7 else 0))
    elsewhere = httpx.ASGITransport(city.app, client=("203.0.113.7", 1))
    async with httpx.AsyncClient(transport=elsewhere, base_url=ISSUER) as http:
        form = {"grant_type": "refresh_token", "client_id": "web", "refresh_token": token}
        assert (await http.post("/token", data=form)).status_code == 200
    await city.bus.settle()
    found = noted(city, "token-refreshed")
    assert [one["count"] for one in found] == [1, 6, 1, 1]
    assert sum(one["count"] for one in found) == 9
    assert len({one["by"]["place"] for one in found}) == 2


async def test_what_somebody_may_not_is_noted(city: Identity) -> None:
    headers = await hers(city)
    assert (await city.http.put("/people/person-li-na", json=LI_NA, headers=headers)).status_code == 403
    await city.bus.settle()
    (one,) = noted(city, "act-forbidden")
    assert (one["by"]["account"], one["on"], one["result"]) == ("person-li-na", "PUT:/people/{id}", "refused")


# -- many at once ----------------------------------------------------------------------------------------------


async def test_a_refused_sign_in_lasts_before_it_is_answered(city: Identity) -> None:
    sheets = city.database.collection("sheets")
    for login, whom in (("li.na", "person-li-na"), ("canary-nobody", "login-")):
        before = await sheets.count({})
        assert (await city.submit(await city.form(), login=login, password="wrong-password")).status_code == 422
        assert await sheets.count({}) == before + 1
        await city.bus.settle()
        one = noted(city, "sign-in-refused")[-1]
        assert one["on"].startswith(whom)
        assert (one["ground"], one["by"]["kind"], one["by"]["account"]) == ("wrong_credentials", "visitor", None)
        assert one["by"]["client"] == "web"


async def test_of_very_many_the_first_are_noted_and_the_others_counted(city: Identity) -> None:
    async def tried() -> None:
        answer = await city.http.post("/token", data={"grant_type": "client_credentials"})
        assert answer.status_code == 401

    for _ in range(acts.REFUSALS.free + 25):
        await tried()
    await city.bus.settle()
    found = noted(city, "token-refused")
    assert [one["count"] for one in found] == [1] * acts.REFUSALS.free
    city.clock.forward(timedelta(seconds=acts.REFUSALS.seconds))
    await city.desk.audit.sheets.close()
    await tried()
    await city.bus.settle()
    rest = noted(city, "token-refused")[acts.REFUSALS.free :]
    assert [(one["count"], one["on"]) for one in rest] == [(25, acts.SEVERAL), (1, "nobody")]


async def test_who_comes_from_very_many_places_makes_no_more_records(city: Identity) -> None:
    async def tried(n: int) -> None:
        place = httpx.ASGITransport(city.app, client=(f"10.0.{n // 250}.{n % 250}", 1))
        async with httpx.AsyncClient(transport=place, base_url=ISSUER) as http:
            for _ in range(2):
                assert (await http.post("/token", data={"grant_type": "client_credentials"})).status_code == 401

    for n in range(2 * acts.REFUSALS.places):
        await tried(n)
    await city.desk.audit.sheets.close_all()
    await city.bus.settle()
    found = noted(city, "token-refused")
    assert sum(one["count"] for one in found) == 4 * acts.REFUSALS.places, "none is lost"
    assert len(found) <= 2 * acts.REFUSALS.places + acts.REFUSALS.free + 1


async def test_a_program_that_asks_all_the_time_is_noted_once_an_hour(city: Identity) -> None:
    for _ in range(30):
        assert (await city.client_token("operator", OPERATOR_SECRET)).status_code == 200
    await city.bus.settle()
    assert [one["count"] for one in noted(city, "program-token-given")] == [1]
    city.clock.forward(timedelta(hours=1))
    await city.client_token("operator", OPERATOR_SECRET)
    await city.bus.settle()
    assert [one["count"] for one in noted(city, "program-token-given")] == [1, 29, 1]
    assert {one["on"] for one in noted(city, "program-token-given")} == {"client-operator"}


async def test_while_the_store_is_away_no_count_is_lost(city: Identity) -> None:
    for _ in range(5):
        await city.client_token("operator", OPERATOR_SECRET)
    city.clock.forward(timedelta(hours=1))
    city.database.down = True
    with pytest.raises(Exception, match="down"):
        await city.desk.audit.sheets.close()
    city.database.down = False
    await city.desk.audit.sheets.close()
    await city.bus.settle()
    assert [one["count"] for one in noted(city, "program-token-given")] == [1, 4]


async def test_a_sheet_goes_when_it_is_long_read(city: Identity) -> None:
    await city.client_token("nobody", "x")
    sheets = city.database.collection("sheets")
    city.clock.forward(timedelta(days=3))
    await city.runtime.timers.sweep()
    assert await sheets.count({"pending": 1}) == 1, "not before its act is on the topic"
    await city.bus.settle()
    assert await sheets.count({}) == 0


# -- looking ---------------------------------------------------------------------------------------------------


async def listed(city: Identity, **asked: str) -> list[dict[str, Any]]:
    answer = await city.http.get("/audit/acts", params=asked, headers=city.operator())
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_acts_are_found_by_who_on_what_and_which(city: Identity) -> None:
    await hers(city)
    await city.bus.settle()
    assert {link["record"]["act"] for link in await listed(city, by="person-li-na")} == {"signed-in", "token-given"}
    assert [link["record"]["act"] for link in await listed(city, on="person-li-na")] == ["account-opened"]
    assert {link["record"]["act"] for link in await listed(city, act="division-published")} == {"division-published"}
    newest = await listed(city)
    assert [link["_id"] for link in newest] == sorted([link["_id"] for link in newest], reverse=True)
    assert await listed(city, since="2027-01-01") == []
    page = (await city.http.get("/audit/acts", params={"limit": 2}, headers=city.operator())).json()
    rest = (
        await city.http.get("/audit/acts", params={"limit": 2, "after": page["next"]}, headers=city.operator())
    ).json()
    assert [link["n"] for link in page["items"] + rest["items"]] == list(range(page["items"][0]["n"], 0, -1))[:4]


async def test_looking_is_an_act_itself(city: Identity) -> None:
    await hers(city)
    await city.bus.settle()
    await listed(city, by="person-li-na")
    await listed(city, on="13900007777")
    await city.bus.settle()
    assert [one["on"] for one in noted(city, "audit-read")] == ["person-li-na", "nothing-found"], "not what was typed"


@pytest.mark.parametrize("asked", [{"after": "x"}, {"after": "2026-13-99/000000001x"}, {"by": "李娜"}, {"limit": "0"}])
async def test_what_no_page_says_is_refused(city: Identity, asked: dict[str, str]) -> None:
    answer = await city.http.get("/audit/acts", params=asked, headers=city.operator())
    assert answer.status_code == 422


# -- nothing personal ------------------------------------------------------------------------------------------

CANARIES = ("canary", "13900007777", "13911118888", "203.0.113.7", PASSWORD, "李娜")


async def test_nothing_in_a_record_is_personal(city: Identity) -> None:
    elsewhere = httpx.ASGITransport(city.app, client=("203.0.113.7", 1))
    async with httpx.AsyncClient(
        transport=elsewhere, base_url=ISSUER, headers={"User-Agent": "canary-browser"}
    ) as http:
        city.http = http
        await hers(city)
        await city.put("/people/person-li-na", LI_NA | {"phone": "13911118888", "mail": "canary-other@example.org"})
        await city.submit(await city.form(), login="canary-login", password="canary-typo")
        await city.submit(await city.form(), password="canary-typo")
        await city.client_token("canary-client", "canary-secret-of-nobody")
        await city.http.post("/token", data={"grant_type": "canary-grant", "client_id": "canary-client"})
        await city.http.put("/people/person-li-na", json=LI_NA, headers=await hers(city))
        await city.http.get("/audit/acts", params={"on": "canary-asked"}, headers=city.operator())
        said = json.dumps(await kept(city), ensure_ascii=False)
    assert "person-li-na" in said
    for text in CANARIES:
        assert text not in said
    topics = b"".join(bytes(record.value or b"") for record in city.bus.records if record.topic == ActNoted.topic)
    assert not [text for text in CANARIES if text.encode() in topics]
