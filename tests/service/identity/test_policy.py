"""Who may do and see what: every route of identity, for people, officers, systems, an operator and no token."""

from typing import Any
from urllib.parse import quote

import pytest

from services.identity.tokens.issuing import Versions, access_token
from shared.caller import Caller, Kind
from shared.web.authentication import policies
from tests.service.identity.conftest import DIVISIONS, HRSS, LI_NA, POLICE, WEB, Identity

CALLERS: dict[str, tuple[str, Kind, str | None] | None] = {
    "nobody": None,
    "person": ("person-li-na", "person", None),
    "other person": ("person-wang-wei", "person", None),
    "police officer": ("person-zhang", "officer", "police"),
    "hrss officer": ("person-chen", "officer", "hrss"),
    "police system": ("police", "department", "police"),
    "hrss system": ("hrss", "department", "hrss"),
    "operator": ("operator", "operator", None),
}
PUBLIC = None
OPERATOR_ONLY = (401, 403, 403, 403, 403, 403, 403)

# By the session of the browser: no token makes a difference.
PERSONAL_PAGES = (
    ("GET", "/account"),
    ("GET", "/account/sessions"),
    ("POST", "/account/sessions/end"),
    ("GET", "/account/factors"),
    ("GET", "/account/factors/app"),
    ("POST", "/account/factors/app"),
    ("GET", "/account/factors/passkeys/new"),
    ("POST", "/account/factors/passkeys"),
    ("GET", "/account/factors/recovery"),
    ("POST", "/account/factors/recovery"),
    ("GET", "/account/factors/remove"),
    ("POST", "/account/factors/remove"),
)

# One row a route: the answers in the order of CALLERS, or PUBLIC: anybody, whatever the answer.
TABLE: dict[tuple[str, str], tuple[int, ...] | None] = {
    ("GET", "/.well-known/openid-configuration"): PUBLIC,
    ("GET", "/.well-known/oauth-authorization-server"): PUBLIC,
    ("GET", "/jwks.json"): PUBLIC,
    ("GET", "/authorize"): PUBLIC,
    ("POST", "/authorize"): PUBLIC,
    ("POST", "/authorize/passkey"): PUBLIC,
    ("POST", "/authorize/second"): PUBLIC,
    ("GET", "/authorize/resume"): PUBLIC,
    ("GET", "/sign-in"): PUBLIC,
    **dict.fromkeys(PERSONAL_PAGES, PUBLIC),
    ("POST", "/token"): PUBLIC,
    ("POST", "/revoke"): PUBLIC,
    ("GET", "/logout"): PUBLIC,
    ("POST", "/logout"): PUBLIC,
    ("POST", "/logout/confirmed"): PUBLIC,
    ("GET", "/userinfo"): (401, *[403] * 7),
    ("POST", "/userinfo"): (401, *[403] * 7),
    ("GET", "/keys"): (*OPERATOR_ONLY, 200),
    ("POST", "/keys/rotate"): (*OPERATOR_ONLY, 200),
    ("DELETE", "/keys/{kid}"): (*OPERATOR_ONLY, 404),
    ("GET", "/divisions"): PUBLIC,
    ("GET", "/organisations"): PUBLIC,
    ("PUT", "/divisions/{code}"): (*OPERATOR_ONLY, 200),
    ("PUT", "/organisations/{code}"): (*OPERATOR_ONLY, 200),
    ("PUT", "/people/{id}"): (*OPERATOR_ONLY, 200),
    ("PUT", "/clients/{code}"): (*OPERATOR_ONLY, 200),
    ("GET", "/me"): (401, 200, 404, 404, 404, 200, 200, 200),
    ("GET", "/me/sessions"): (401, 200, 404, 404, 404, 403, 403, 403),
    ("DELETE", "/me/sessions"): (401, 200, 404, 404, 404, 403, 403, 403),
    ("DELETE", "/me/sessions/{session}"): (401, 404, 404, 404, 404, 403, 403, 403),
    ("DELETE", "/people/{id}/sessions"): (*OPERATOR_ONLY, 200),
    ("GET", "/me/factors"): (401, 200, 200, 200, 200, 403, 403, 403),
    ("DELETE", "/me/factors/app"): (401, 401, 401, 401, 401, 403, 403, 403),
    ("DELETE", "/me/factors/passkeys/{passkey}"): (401, 401, 401, 401, 401, 403, 403, 403),
    ("DELETE", "/people/{id}/factors"): (*OPERATOR_ONLY, 204),
    ("GET", "/ops/parked"): (*OPERATOR_ONLY, 200),
    ("GET", "/ops/parked/records"): (*OPERATOR_ONLY, 404),
    ("POST", "/ops/parked/retry"): (*OPERATOR_ONLY, 404),
    ("POST", "/ops/parked/drop"): (*OPERATOR_ONLY, 404),
    ("POST", "/ops/replay"): (*OPERATOR_ONLY, 202),
    ("GET", "/ops/replay"): (*OPERATOR_ONLY, 404),
}
KIT = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/asyncapi.json"}
ADDRESSES = {
    "/divisions/{code}": "/divisions/21",
    "/organisations/{code}": "/organisations/police",
    "/people/{id}": "/people/person-li-na",
    "/people/{id}/sessions": "/people/person-li-na/sessions",
    "/people/{id}/factors": "/people/person-li-na/factors",
    "/me/factors/passkeys/{passkey}": "/me/factors/passkeys/x",
    "/me/sessions/{session}": "/me/sessions/session-abcdefghijklmnopqrstuvwxyz",
    "/clients/{code}": "/clients/web",
    "/keys/{kid}": f"/keys/{'x' * 43}",
    "/ops/parked/records": "/ops/parked/records?topic=t&key=k",
    "/ops/parked/retry": "/ops/parked/retry?topic=t&key=k",
    "/ops/parked/drop": "/ops/parked/drop?topic=t&key=k",
}
BODIES: dict[str, Any] = {
    "/divisions/{code}": DIVISIONS[0],
    "/organisations/{code}": POLICE,
    "/people/{id}": LI_NA,
    "/clients/{code}": WEB,
    "/ops/replay": {"since": "2026-01-01T00:00:00Z"},
}


@pytest.fixture
async def peopled(identity: Identity) -> Identity:
    for division in DIVISIONS:
        assert (await identity.put(f"/divisions/{division['code']}", division)).status_code == 200
    for organisation in (POLICE, HRSS):
        assert (await identity.put(f"/organisations/{organisation['code']}", organisation)).status_code == 200
    assert (await identity.put("/people/person-li-na", LI_NA)).status_code == 200
    assert (await identity.put("/clients/web", WEB)).status_code == 200
    return identity


def bearer(identity: Identity, who: tuple[str, Kind, str | None] | None) -> dict[str, str]:
    if who is None:
        return {}
    id_, kind, org = who
    token = access_token(identity.desk, Caller(id_, kind, org, "2102" if org else None, "test"), Versions(1))
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(("method", "path"), sorted(TABLE), ids=str)
async def test_the_policy_of_each_route(peopled: Identity, method: str, path: str) -> None:
    body = {"json": BODIES[path]} if path in BODIES and method != "GET" else {}
    answers = []
    for who in CALLERS.values():
        answer = await peopled.http.request(
            method, ADDRESSES.get(path, path), headers=bearer(peopled, who), follow_redirects=False, **body
        )
        answers.append(answer.status_code)
    wanted = TABLE[method, path]
    if wanted is PUBLIC:
        assert len(set(answers)) == 1, "who calls makes no difference"
        assert (path == "/token") or answers[0] not in (401, 403)
    else:
        assert dict(zip(CALLERS, answers, strict=True)) == dict(zip(CALLERS, wanted, strict=True))


async def test_the_table_knows_every_route(identity: Identity) -> None:
    routes = {
        (method, policy.path)
        for policy in policies(identity.app)
        for method in policy.methods - {"HEAD"}
        if policy.path not in KIT and not policy.path.startswith("/assets")
    }
    assert routes == set(TABLE)


@pytest.mark.parametrize(("method", "path"), PERSONAL_PAGES)
async def test_a_personal_page_leads_whoever_is_not_signed_in_to_that(
    identity: Identity, method: str, path: str
) -> None:
    assert {(m, p.path) for p in policies(identity.app) for m in p.methods if p.path.startswith("/account")} == set(
        PERSONAL_PAGES
    )
    for kept in ("", "session-abcdefghijklmnopqrstuvwxyz.x", "x"):
        identity.http.cookies["tongban_session"] = kept
        answer = await identity.http.request(method, path)
        assert answer.status_code == 303
        come_back = f"next={quote(path, safe='')}" if method == "GET" else ""
        assert answer.headers["location"] == f"/sign-in?{come_back}"


@pytest.mark.parametrize("path", ["/divisions/2199", "/organisations/market", "/people/person-new", "/clients/new"])
async def test_a_version_of_what_does_not_exist_is_refused(peopled: Identity, path: str) -> None:
    body = next(body for place, body in BODIES.items() if place.startswith(path[:5]))
    if "code" in body:
        body = body | {"code": path.rpartition("/")[2]}
    assert (await peopled.put(path, body, **{"If-Match": '"7"'})).status_code == 412
    assert (await peopled.put("/organisations/police", POLICE)).status_code == 200


async def test_a_stale_version_claims_no_duty(peopled: Identity) -> None:
    wanted = POLICE | {"matters": ["residence-permit", "seal-engraving"]}
    assert (await peopled.put("/organisations/police", wanted, **{"If-Match": '"99"'})).status_code == 412
    other = HRSS | {"matters": ["unemployment-registration", "seal-engraving"]}
    assert (await peopled.put("/organisations/hrss", other)).status_code == 200, "the duty is free"
