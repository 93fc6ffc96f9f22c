"""Who may do and see what: every route of intake, for two people, two departments, an operator and no token."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.web.authentication import policies
from tests.service.intake.conftest import LI_NA, WANG_WEI, IntakeTown

Who = Callable[[IntakeTown], dict[str, str]]
CALLERS: dict[str, Who] = {
    "nobody": lambda _: {},
    "applicant": lambda t: t.identity.bearer(LI_NA),
    "other person": lambda t: t.identity.bearer(WANG_WEI),
    "police officer": lambda t: t.officer("police"),
    "police officer elsewhere": lambda t: t.officer("police", "2103"),
    "police head": lambda t: t.officer("police", role="head"),
    "police data steward": lambda t: t.officer("police", role="steward"),
    "police system": lambda t: t.identity.bearer("police", "department", "police"),
    "hrss officer": lambda t: t.officer("hrss"),
    "hrss system": lambda t: t.identity.bearer("hrss", "department", "hrss"),
    "operator": IntakeTown.operator,
}
ORDER = tuple(CALLERS)
OPEN, PUBLIC = 200, (200,) * 11
OPS = (401, *(403,) * 9)

# One row a route: the answer to each caller, in the order of CALLERS.
TABLE: dict[tuple[str, str], tuple[int, ...]] = {
    ("GET", "/items"): PUBLIC,
    ("GET", "/items/{code}"): PUBLIC,
    ("PUT", "/items/{code}"): (401, 403, 403, 403, 403, 200, 403, 200, 403, 403, 200),
    ("GET", "/rules"): PUBLIC,
    ("PUT", "/rules"): (*OPS, 422),
    ("GET", "/calendar"): PUBLIC,
    ("PUT", "/calendar"): (*OPS, 422),
    ("POST", "/files"): (401, 201, 201, 403, 403, 403, 403, 403, 403, 403, 403),
    ("GET", "/files/{id}"): (401, 200, 404, 403, 403, 403, 403, 403, 403, 403, 403),
    ("POST", "/cases"): (401, 422, 422, 403, 403, 403, 403, 403, 403, 403, 403),
    ("GET", "/cases"): (401, 200, 200, 200, 200, 200, 403, 200, 200, 200, 422),
    ("GET", "/cases/{case}"): (401, 200, 404, 200, 404, 200, 403, 200, 404, 404, 403),
    ("GET", "/cases/{case}/timeline"): (401, 200, 404, 200, 404, 200, 403, 200, 404, 404, 200),
    ("POST", "/cases/{case}/materials"): (401, 422, 404, 403, 403, 403, 403, 403, 403, 403, 403),
    ("GET", "/cases/{case}/materials/{code}/file"): (401, 200, 404, 200, 404, 200, 403, 200, 404, 404, 403),
    ("POST", "/cases/{case}/decision"): (401, 403, 403, 409, 404, 403, 403, 403, 404, 403, 403),
    ("GET", "/me/rights"): (401, *(200,) * 10),
    ("GET", "/ops/parked"): (*OPS, 200),
    ("GET", "/ops/parked/records"): (*OPS, 404),
    ("POST", "/ops/parked/retry"): (*OPS, 404),
    ("POST", "/ops/parked/drop"): (*OPS, 404),
    ("POST", "/ops/replay"): (*OPS, 202),
    ("GET", "/ops/replay"): (*OPS, 404),
}
QUERIES = {
    "/ops/parked/records": "?topic=t&key=k",
    "/ops/parked/retry": "?topic=t&key=k",
    "/ops/parked/drop": "?topic=t&key=k",
}


async def request(town: IntakeTown, method: str, path: str, case: dict[str, Any], file: str) -> dict[str, Any]:
    guide = (await town.http.get("/items/residence-permit")).json()
    bodies: dict[str, Any] = {
        "/items/{code}": guide,
        "/cases": {"item": "x", "division": "2102", "form": {}},
        "/cases/{case}/materials": {"material": "identity-card", "file": "file-" + "0" * 26, "sha256": "0" * 64},
        "/cases/{case}/decision": {"outcome": "approved", "reason": "-"},
        "/ops/replay": {"since": "2026-01-01T00:00:00Z"},
    }
    address = path.format(code="{code}", case=case["case"], id=file)
    code = "residence-permit" if path.startswith("/items") else "identity-card"
    found: dict[str, Any] = {"url": address.replace("{code}", code) + QUERIES.get(path, "")}
    if path == "/files" and method == "POST":
        return found | {"content": b"%PDF-1.7", "headers": {"Content-Type": "application/pdf"}}
    if method in ("PUT", "POST"):
        return found | {"json": bodies.get(path, {}), "headers": {"Idempotency-Key": "policy"}}
    return found


@pytest.mark.parametrize(("method", "path"), sorted(TABLE), ids=str)
async def test_the_policy_of_each_route(town: IntakeTown, method: str, path: str) -> None:
    body = await town.application()
    case = (await town.submit(body)).json()
    file = body["materials"][0]["file"]
    answers = {}
    for name, who in CALLERS.items():
        sent = await request(town, method, path, case, file)
        sent["headers"] = sent.get("headers", {}) | who(town)
        answers[name] = (await town.http.request(method, **sent)).status_code
    assert answers == dict(zip(ORDER, TABLE[method, path], strict=True))


async def test_the_table_knows_every_route_that_needs_a_caller(town: IntakeTown) -> None:
    routes = {
        (method, policy.path)
        for policy in policies(town.app)
        for method in policy.methods - {"HEAD"}
        if policy.path not in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/asyncapi.json")
        and not policy.path.startswith("/assets")
    }
    assert routes == set(TABLE)


async def test_a_strangers_token_is_refused(town: IntakeTown) -> None:
    stranger = type(town.identity)(town.clock)  # the same kid, another key
    answer = await town.http.get("/cases", headers=stranger.bearer(LI_NA))
    assert answer.status_code == 401
    assert answer.json()["code"] == "token_invalid"


async def test_people_see_their_own_cases_only(town: IntakeTown) -> None:
    await town.apply()
    assert len((await town.http.get("/cases", headers=town.li_na())).json()["items"]) == 1
    other = await town.http.get("/cases", headers=town.identity.bearer(WANG_WEI))
    assert other.json()["items"] == []


async def test_an_officers_stale_version_is_refused(town: IntakeTown) -> None:
    case = (await town.apply())["case"]
    headers = town.officer() | {"If-Match": '"999"'}
    answer = await town.http.post(
        f"/cases/{case}/decision", json={"outcome": "approved", "reason": "-"}, headers=headers
    )
    assert answer.status_code == 412
