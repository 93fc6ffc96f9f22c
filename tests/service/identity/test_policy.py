"""Who may do and see what: every route of identity, for people, officers, systems, an operator and no token."""

from typing import Any
from urllib.parse import quote

import pytest

from services.identity.tokens.issuing import Versions, access_token
from shared.caller import Caller, Kind, Role
from shared.web.authentication import policies
from tests.service.identity.conftest import DIVISIONS, HRSS, LI_NA, POLICE, WEB, Identity
from tests.service.identity.registering import ZHOU_TING

Who = tuple[str, Kind, str | None, Role | None]
CALLERS: dict[str, Who | None] = {
    "nobody": None,
    "person": ("person-li-na", "person", None, None),
    "other person": ("person-wang-wei", "person", None, None),
    "police officer": ("person-zhang", "officer", "police", "clerk"),
    "police head": ("person-zhao", "officer", "police", "head"),
    "hrss head": ("person-chen", "officer", "hrss", "head"),
    "police system": ("police", "department", "police", None),
    "hrss system": ("hrss", "department", "hrss", None),
    "operator": ("operator", "operator", None, None),
}
PUBLIC = None
OPERATOR_ONLY = (401, 403, 403, 403, 403, 403, 403, 403)
BY_BROWSER = (303,) * 9
"""Pages for people: no token opens them, whose browser has no session is sent to sign in."""

# By the session of the browser: no token makes a difference.
PERSONAL_PAGES = (
    ("GET", "/account"),
    ("GET", "/account/sessions"),
    ("POST", "/account/sessions/end"),
    ("GET", "/account/password"),
    ("POST", "/account/password"),
    ("GET", "/account/factors"),
    ("GET", "/account/factors/app"),
    ("POST", "/account/factors/app"),
    ("GET", "/account/factors/passkeys/new"),
    ("POST", "/account/factors/passkeys"),
    ("GET", "/account/factors/recovery"),
    ("POST", "/account/factors/recovery"),
    ("GET", "/account/factors/remove"),
    ("POST", "/account/factors/remove"),
    ("GET", "/account/mandates"),
    ("GET", "/account/mandates/new"),
    ("POST", "/account/mandates"),
    ("POST", "/account/mandates/answer"),
    ("GET", "/account/consents"),
    ("POST", "/account/consents/withdraw"),
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
    **dict.fromkeys(PERSONAL_PAGES, BY_BROWSER),
    ("POST", "/consent"): BY_BROWSER,
    ("POST", "/authorize/as"): BY_BROWSER,
    ("POST", "/token"): PUBLIC,
    ("POST", "/revoke"): PUBLIC,
    ("GET", "/logout"): PUBLIC,
    ("POST", "/logout"): PUBLIC,
    ("POST", "/logout/confirmed"): PUBLIC,
    ("GET", "/userinfo"): (401, *[403] * 8),
    ("POST", "/userinfo"): (401, *[403] * 8),
    ("POST", "/mandates"): (401, 401, 401, 401, 401, 401, 403, 403, 403),
    ("GET", "/me/consents"): (401, 200, 200, 200, 200, 200, 403, 403, 403),
    ("DELETE", "/me/consents/{client}"): (401, 404, 404, 404, 404, 404, 403, 403, 403),
    ("GET", "/me/mandates"): (401, 200, 200, 200, 200, 200, 403, 403, 403),
    ("POST", "/mandates/{mandate}/accept"): (401, 401, 401, 401, 401, 401, 403, 403, 403),
    ("DELETE", "/mandates/{mandate}"): (401, 404, 404, 404, 404, 404, 403, 403, 403),
    ("PUT", "/people/{ward}/guardians/{guardian}"): (*OPERATOR_ONLY, 422),
    ("DELETE", "/people/{ward}/guardians/{guardian}"): (*OPERATOR_ONLY, 204),
    ("GET", "/keys"): (*OPERATOR_ONLY, 200),
    ("POST", "/keys/rotate"): (*OPERATOR_ONLY, 200),
    ("DELETE", "/keys/{kid}"): (*OPERATOR_ONLY, 404),
    ("GET", "/divisions"): PUBLIC,
    ("GET", "/organisations"): PUBLIC,
    ("GET", "/duties"): PUBLIC,
    ("PUT", "/divisions/{code}"): (*OPERATOR_ONLY, 200),
    ("PUT", "/organisations/{code}"): (*OPERATOR_ONLY, 200),
    ("PUT", "/organisations/{code}/suspension"): (*OPERATOR_ONLY, 204),
    ("DELETE", "/organisations/{code}/suspension"): (*OPERATOR_ONLY, 204),
    ("PUT", "/people/{id}"): (*OPERATOR_ONLY, 200),
    ("GET", "/people/{id}"): (*OPERATOR_ONLY, 200),
    ("PUT", "/clients/{code}"): (*OPERATOR_ONLY, 200),
    ("GET", "/me"): (401, 200, 404, 200, 200, 200, 200, 200, 200),
    ("GET", "/me/data"): (401, 200, 404, 200, 200, 200, 403, 403, 403),
    ("GET", "/me/data.html"): BY_BROWSER,
    ("GET", "/me/data.json"): BY_BROWSER,
    ("GET", "/people"): (*OPERATOR_ONLY, 200),
    ("DELETE", "/people/{id}"): (*OPERATOR_ONLY, 204),
    ("POST", "/people/{id}/data-key"): (*OPERATOR_ONLY, 200),
    ("GET", "/master-keys"): (*OPERATOR_ONLY, 200),
    ("POST", "/master-keys/rewrap"): (*OPERATOR_ONLY, 202),
    ("GET", "/me/rights"): (401, 200, 200, 200, 200, 200, 200, 200, 200),
    ("GET", "/me/sessions"): (401, 200, 404, 200, 200, 200, 403, 403, 403),
    ("DELETE", "/me/sessions"): (401, 200, 404, 200, 200, 200, 403, 403, 403),
    ("DELETE", "/me/sessions/{session}"): (401, 404, 404, 404, 404, 404, 403, 403, 403),
    ("GET", "/officers"): (401, 403, 403, 403, 200, 200, 403, 403, 200),
    ("PUT", "/people/{id}/substitutions/{substitution}"): (401, 403, 403, 403, 200, 403, 403, 403, 200),
    ("DELETE", "/people/{id}/substitutions/{substitution}"): (401, 403, 403, 403, 404, 404, 403, 403, 404),
    ("DELETE", "/people/{id}/sessions"): (*OPERATOR_ONLY, 200),
    ("GET", "/proofs"): PUBLIC,
    ("POST", "/registrations"): PUBLIC,
    ("GET", "/registrations/{registration}"): PUBLIC,
    ("POST", "/registrations/{registration}/code"): PUBLIC,
    ("POST", "/registrations/{registration}/login"): PUBLIC,
    ("POST", "/registrations/window"): (401, 403, 403, 201, 201, 201, 403, 403, 403),
    ("GET", "/register"): PUBLIC,
    ("POST", "/register"): PUBLIC,
    ("GET", "/register/progress"): PUBLIC,
    ("POST", "/register/code"): PUBLIC,
    ("POST", "/register/login"): PUBLIC,
    ("GET", "/companies/{code}"): PUBLIC,
    ("PUT", "/companies/{code}"): (*OPERATOR_ONLY, 200),
    ("POST", "/companies"): (401, 403, 404, 403, 403, 403, 403, 403, 403),
    ("GET", "/me/companies"): (401, 200, 200, 403, 403, 403, 403, 403, 403),
    ("GET", "/audit"): (*OPERATOR_ONLY, 200),
    ("GET", "/audit/records"): (*OPERATOR_ONLY, 200),
    ("GET", "/audit/seals"): (*OPERATOR_ONLY, 200),
    ("GET", "/audit/acts"): (*OPERATOR_ONLY, 200),
    ("POST", "/me/password"): (401, 401, 401, 401, 401, 401, 403, 403, 403),
    ("GET", "/me/factors"): (401, 200, 200, 200, 200, 200, 403, 403, 403),
    ("DELETE", "/me/factors/app"): (401, 401, 401, 401, 401, 401, 403, 403, 403),
    ("DELETE", "/me/factors/passkeys/{passkey}"): (401, 401, 401, 401, 401, 401, 403, 403, 403),
    ("DELETE", "/people/{id}/factors"): (*OPERATOR_ONLY, 204),
    ("GET", "/ops/parked"): (*OPERATOR_ONLY, 200),
    ("GET", "/ops/parked/records"): (*OPERATOR_ONLY, 404),
    ("POST", "/ops/parked/retry"): (*OPERATOR_ONLY, 404),
    ("POST", "/ops/parked/drop"): (*OPERATOR_ONLY, 404),
    ("POST", "/ops/replay"): (*OPERATOR_ONLY, 202),
    ("GET", "/ops/replay"): (*OPERATOR_ONLY, 404),
}
KEY = {"Idempotency-Key": "one", "Registration-Secret": "guessed"}
KIT = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/asyncapi.json"}
ADDRESSES = {
    "/divisions/{code}": "/divisions/21",
    "/organisations/{code}": "/organisations/police",
    "/organisations/{code}/suspension": "/organisations/police/suspension",
    "/people/{id}": "/people/person-li-na",
    "/people/{id}/sessions": "/people/person-li-na/sessions",
    "/people/{id}/substitutions/{substitution}": "/people/person-zhang/substitutions/substitution-1",
    "/people/{id}/data-key": "/people/person-li-na/data-key",
    "/people": "/people?mail=nobody@example.org",
    "/people/{id}/factors": "/people/person-li-na/factors",
    "/me/factors/passkeys/{passkey}": "/me/factors/passkeys/x",
    "/me/sessions/{session}": "/me/sessions/session-abcdefghijklmnopqrstuvwxyz",
    "/clients/{code}": "/clients/web",
    "/me/consents/{client}": "/me/consents/web",
    "/mandates/{mandate}": f"/mandates/mandate-{'a' * 26}",
    "/mandates/{mandate}/accept": f"/mandates/mandate-{'a' * 26}/accept",
    "/people/{ward}/guardians/{guardian}": "/people/person-li-na/guardians/person-li-na",
    "/keys/{kid}": f"/keys/{'x' * 43}",
    "/registrations/{registration}": "/registrations/registration-abcdefghijklmnopqrstuvwxyz",
    "/registrations/{registration}/code": "/registrations/registration-abcdefghijklmnopqrstuvwxyz/code",
    "/registrations/{registration}/login": "/registrations/registration-abcdefghijklmnopqrstuvwxyz/login",
    "/companies/{code}": "/companies/91210200MA0EXAMPH3",
    "/ops/parked/records": "/ops/parked/records?topic=t&key=k",
    "/ops/parked/retry": "/ops/parked/retry?topic=t&key=k",
    "/ops/parked/drop": "/ops/parked/drop?topic=t&key=k",
}
BODIES: dict[str, Any] = {
    "/divisions/{code}": DIVISIONS[0],
    "/organisations/{code}": POLICE,
    "/people/{id}": LI_NA,
    "/people/{id}/substitutions/{substitution}": {
        "organisation": "police",
        "division": "2102",
        "roles": ["head"],
        "since": "2026-03-01",
        "until": "2026-03-31",
        "instead_of": "person-zhao",
    },
    "/clients/{code}": WEB,
    "/mandates": {},
    "/people/{ward}/guardians/{guardian}": {},
    "/registrations/window": {name: value for name, value in ZHOU_TING.items() if name != "proofs"},
    "/companies/{code}": {"name": "大连示例海产品有限公司", "representative": "person-li-na"},
    "/companies": {"code": "91210200MA0EXAMPH3", "name": "大连示例海产品有限公司", "id_number": "1"},
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
    for id_, _, department, role in [who for who in CALLERS.values() if who and who[1] == "officer"]:
        await identity.officer(id_, f"{department}.2102", role or "clerk")
    return identity


def bearer(identity: Identity, who: Who | None) -> dict[str, str]:
    if who is None:
        return {}
    id_, kind, org, role = who
    roles: frozenset[str] = frozenset([role] if role else [])
    caller = Caller(id_, kind, org, "2102" if org else None, "test", None, roles)
    token = access_token(identity.desk, caller, Versions(1))
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(("method", "path"), sorted(TABLE), ids=str)
async def test_the_policy_of_each_route(peopled: Identity, method: str, path: str) -> None:
    body = {"json": BODIES[path]} if path in BODIES and method not in ("GET", "DELETE") else {}
    answers = []
    for who in CALLERS.values():
        answer = await peopled.http.request(
            method, ADDRESSES.get(path, path), headers=KEY | bearer(peopled, who), follow_redirects=False, **body
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
