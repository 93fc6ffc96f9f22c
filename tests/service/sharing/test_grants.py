"""Grants: asked for by the consumer, answered by the owner or by rule, declared for the city, over in time."""

from typing import Any

import pytest

from shared.contracts.sharing import (
    GrantExpired,
    GrantGiven,
    GrantRefused,
    GrantRequested,
    GrantRevoked,
    QuestionAsked,
)
from tests.service.sharing.conftest import FIELDS, INSURANCE, SECRETS, SharingTown, terms

GROUND = {"ground": "政务数据共享条例: 不属于履职所需"}


@pytest.fixture
async def offered(bare: SharingTown) -> SharingTown:
    await bare.offer()
    return bare


async def decide(town: SharingTown, grant: str, act: str, org: str = "hrss", **headers: str) -> Any:
    body = None if act == "consent" else GROUND
    return await town.call("POST", f"/grants/{grant}/{act}", town.officer(org), body, **headers)


async def test_a_department_asks_and_the_owner_consents(offered: SharingTown) -> None:
    asked = await offered.request()
    assert (asked.status_code, asked.json()["state"], asked.json()["consumer"]) == (201, "requested", "police")
    assert [e["basis"] for e in offered.told(GrantRequested)] == ["居住证暂行条例 Art. 9"]
    given = await decide(offered, asked.json()["id"], "consent")
    assert (given.status_code, given.json()["state"], given.json()["decided_by"]) == (200, "granted", "officer-hrss")
    assert [(e["fields"], e["valid_until"]) for e in offered.told(GrantGiven)] == [(FIELDS, "2026-12-31")]
    await offered.wish()
    assert len(offered.questions()) == 1


async def test_a_refusal_needs_its_ground(offered: SharingTown) -> None:
    grant = (await offered.request()).json()["id"]
    without = await offered.call("POST", f"/grants/{grant}/refusal", offered.officer("hrss"), {"ground": ""})
    assert without.status_code == 422
    assert (await decide(offered, grant, "refusal")).json()["ground"] == GROUND["ground"]
    assert offered.told(GrantRefused) == [{"grant": grant, **GROUND}]


async def test_what_has_ended_stays_ended(offered: SharingTown) -> None:
    grant = (await offered.request()).json()["id"]
    assert (await decide(offered, grant, "revocation")).status_code == 409
    await decide(offered, grant, "consent")
    assert (await decide(offered, grant, "consent")).json()["code"] == "grant_not_requested"
    await decide(offered, grant, "revocation")
    for act in ("consent", "refusal", "revocation"):
        assert (await decide(offered, grant, act)).status_code == 409
    assert len(offered.told(GrantGiven)) == len(offered.told(GrantRevoked)) == 1


async def test_a_decision_names_the_version_it_was_made_on(offered: SharingTown) -> None:
    asked = await offered.request()
    grant = asked.json()["id"]
    assert (await decide(offered, grant, "consent", if_match='"9"')).status_code == 412
    assert (await decide(offered, grant, "consent", if_match=asked.headers["etag"])).status_code == 200


async def test_an_unconditional_resource_is_granted_at_once(bare: SharingTown) -> None:
    await bare.offer(sharing="unconditional", condition=None)
    assert (await bare.request()).json()["state"] == "granted"
    assert len(bare.told(GrantRequested)) == len(bare.told(GrantGiven)) == 1


async def test_a_resource_that_is_not_shared_is_refused_with_its_law(bare: SharingTown) -> None:
    await bare.offer(SECRETS, sharing="none", condition=None, refusal_basis="保守国家秘密法")
    asked = (await bare.request(resource=SECRETS)).json()
    assert (asked["state"], asked["ground"]) == ("refused", "保守国家秘密法")
    declared = await bare.grant(resource=SECRETS)
    assert declared.json()["state"] == "refused"
    assert bare.told(GrantGiven) == []


async def test_the_same_request_again_is_the_same_grant(offered: SharingTown) -> None:
    answers = [await offered.request(key="k") for _ in range(10)]
    assert [a.status_code for a in answers] == [201] + [200] * 9
    assert len({a.json()["id"] for a in answers}) == len(offered.told(GrantRequested)) == 1
    other = await offered.request(key="k", fields=["status"])
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_the_same_request_is_found_even_when_it_would_no_longer_be_allowed(offered: SharingTown) -> None:
    first = await offered.request(key="k", valid_until="2026-03-02")
    await offered.later(days=1)
    assert (await offered.request(key="k", valid_until="2026-03-02")).json() == first.json()


async def test_every_fault_of_a_request_is_named_at_once(offered: SharingTown) -> None:
    answer = await offered.request(
        org="market", fields=["status", "status", "shoe_size"], valid_from="2026-02-02", valid_until="2026-02-01"
    )
    assert answer.status_code == 422
    assert {(f["pointer"], f["code"]) for f in answer.json()["faults"]} == {
        ("/fields/1", "duplicate"),
        ("/fields/2", "unknown"),
        ("/purpose", "not_its_item"),
        ("/valid_until", "before_start"),
        ("/valid_until", "past"),
    }
    assert offered.told(GrantRequested) == []


async def test_the_citys_file_is_loaded_again_and_again(offered: SharingTown) -> None:
    answers = [await offered.grant() for _ in range(10)]
    assert [a.headers["tongban-changed"] for a in answers] == ["true"] + ["false"] * 9
    assert answers[0].json()["consent"] == "agreed"
    assert len(offered.told(GrantRequested)) == len(offered.told(GrantGiven)) == 1


async def test_a_consent_noted_later_gives_what_was_requested(offered: SharingTown) -> None:
    body = terms() | {"consumer": "police"}
    assert (await offered.put("/grants/grant-police", body)).json()["state"] == "requested"
    assert (await offered.grant()).json()["state"] == "granted"
    assert len(offered.told(GrantRequested)) == len(offered.told(GrantGiven)) == 1


async def test_the_citys_file_does_not_bring_back_what_the_owner_withdrew(offered: SharingTown) -> None:
    await offered.grant()
    await decide(offered, "grant-police", "revocation")
    again = await offered.grant()
    assert (again.json()["state"], again.headers["tongban-changed"]) == ("revoked", "false")


async def test_other_terms_need_another_id(offered: SharingTown) -> None:
    await offered.grant()
    body = terms(fields=["wage"]) | {"consumer": "police", "consent": "agreed"}
    answer = await offered.call("PUT", "/grants/grant-police", offered.operator(), body)
    assert (answer.status_code, answer.json()["code"]) == (409, "grant_differs")


async def test_a_grant_is_over_after_its_last_day(offered: SharingTown) -> None:
    await offered.grant(valid_until="2026-03-02")
    await offered.later(hours=6, minutes=59)  # 23:59 in the city
    assert offered.told(GrantExpired) == []
    await offered.later(minutes=1)
    assert offered.told(GrantExpired) == [{"grant": "grant-police"}]
    await offered.later(days=30)
    assert len(offered.told(GrantExpired)) == 1
    await offered.wish()
    assert offered.told(QuestionAsked) == []


async def test_each_party_lists_its_own_grants(offered: SharingTown) -> None:
    await offered.grant("grant-a")
    asked = (await offered.request()).json()["id"]

    async def listed(who: dict[str, str], query: str = "") -> list[str]:
        answer = await offered.call("GET", f"/grants?limit=1{query}", who)
        rows = answer.json()["items"]
        while (after := answer.json()["next"]) is not None:
            answer = await offered.call("GET", f"/grants?limit=1{query}&after={after}", who)
            rows += answer.json()["items"]
        return [row["id"] for row in rows]

    for who in (offered.officer("police"), offered.officer("hrss"), offered.department("hrss"), offered.operator()):
        assert set(await listed(who)) == {"grant-a", asked}
    assert await listed(offered.officer("hrss"), "&state=requested") == [asked]
    assert await listed(offered.officer("housing")) == []


async def test_who_is_no_party_does_not_learn_that_there_is_a_grant(offered: SharingTown) -> None:
    await offered.grant()
    for act in ("consent", "refusal", "revocation"):
        assert (await decide(offered, "grant-police", act, org="housing")).status_code == 404
        assert (await decide(offered, "grant-police", act, org="police")).status_code == 403
    assert (await offered.call("GET", "/grants/grant-police", offered.officer("housing"))).status_code == 404
    shown = await offered.call("GET", "/grants/grant-police", offered.officer("police"))
    assert (shown.json()["resource"], shown.headers["etag"]) == (INSURANCE, '"1"')


def too_quick(town: SharingTown, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next look at a grant sees what the slower of two sees before the quicker one has written."""
    find = town.desk.grants.find

    async def not_there_yet(_: str) -> None:
        monkeypatch.setattr(town.desk.grants, "find", find)

    monkeypatch.setattr(town.desk.grants, "find", not_there_yet)


async def test_two_requests_at_the_same_moment_are_one_grant(
    offered: SharingTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await offered.request(key="k")
    too_quick(offered, monkeypatch)
    assert (await offered.request(key="k")).json() == first.json()
    too_quick(offered, monkeypatch)
    assert (await offered.request(key="k", fields=["status"])).json()["code"] == "idempotency_key_reused"
    assert len(offered.told(GrantRequested)) == 1


async def test_two_declarations_at_the_same_moment_are_one_grant(
    offered: SharingTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    await offered.grant()
    too_quick(offered, monkeypatch)
    assert (await offered.grant()).headers["tongban-changed"] == "false"
    assert len(offered.told(GrantGiven)) == 1
