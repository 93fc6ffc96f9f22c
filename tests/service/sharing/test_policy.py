"""Each route against two people, three departments, an operator, a stranger's token and none."""

from typing import Any

import httpx
import pytest

from shared.caller import Role
from shared.testing import FakeIdentity
from shared.web.authentication import Requires, RoutePolicy, policies
from tests.service.sharing.conftest import INSURANCE, LI_NA, WANG_WEI, SharingTown, offer, terms

WHO = ("li-na", "wang-wei", "police", "hrss", "housing", "police-system", "operator")
GROUND = {"ground": "misuse"}

# Per route: what each caller gets, in the order of WHO. Grant: police uses data of hrss. Exchange: about Li Na.
EXPECTED: dict[tuple[str, str], tuple[int, ...]] = {
    ("GET", "/resources"): (200, 200, 200, 200, 200, 200, 200),
    ("GET", "/resources/{code}"): (200, 200, 200, 200, 200, 200, 200),
    ("PUT", "/resources/{code}"): (403, 403, 403, 200, 403, 403, 200),
    ("POST", "/grants"): (403, 403, 201, 422, 422, 201, 403),
    ("GET", "/grants"): (403, 403, 200, 200, 200, 200, 200),
    ("PUT", "/grants/{grant}"): (403, 403, 403, 403, 403, 403, 200),
    ("GET", "/grants/{grant}"): (403, 403, 200, 200, 404, 200, 200),
    ("POST", "/grants/{grant}/consent"): (403, 403, 403, 409, 404, 403, 409),
    ("POST", "/grants/{grant}/refusal"): (403, 403, 403, 409, 404, 403, 409),
    ("POST", "/grants/{grant}/revocation"): (403, 403, 403, 200, 404, 403, 200),
    ("GET", "/exchanges"): (403, 403, 200, 200, 200, 200, 200),
    ("GET", "/exchanges/{exchange}"): (200, 404, 200, 200, 404, 200, 200),
    ("GET", "/me/rights"): (200, 200, 200, 200, 200, 200, 200),
    ("GET", "/ops/parked"): (403, 403, 403, 403, 403, 403, 200),
    ("GET", "/ops/parked/records"): (403, 403, 403, 403, 403, 403, 404),
    ("POST", "/ops/parked/retry"): (403, 403, 403, 403, 403, 403, 404),
    ("POST", "/ops/parked/drop"): (403, 403, 403, 403, 403, 403, 404),
    ("POST", "/ops/replay"): (403, 403, 403, 403, 403, 403, 202),
    ("GET", "/ops/replay"): (403, 403, 403, 403, 403, 403, 404),
}
FOR_ALL = {("GET", "/resources"), ("GET", "/resources/{code}"), ("GET", "/me/rights")}
BODIES: dict[tuple[str, str], Any] = {
    ("PUT", "/resources/{code}"): offer(),
    ("POST", "/grants"): terms(),
    ("PUT", "/grants/{grant}"): terms() | {"consumer": "police", "consent": "agreed"},
    ("POST", "/grants/{grant}/refusal"): GROUND,
    ("POST", "/grants/{grant}/revocation"): GROUND,
    ("POST", "/ops/replay"): {"since": "2030-01-01T00:00:00Z"},
}
QUERIES = {
    "/exchanges": "?case=case-a",
    **dict.fromkeys(("/ops/parked/records", "/ops/parked/retry", "/ops/parked/drop"), "?topic=hrss.out&key=x"),
}


def bearer(town: SharingTown, who: str, identity: FakeIdentity | None = None) -> dict[str, str]:
    signer = identity or town.identity
    match who:
        case "li-na":
            return signer.bearer(LI_NA)
        case "wang-wei":
            return signer.bearer(WANG_WEI)
        case "operator":
            return signer.bearer("operator", "operator")
        case "police-system":
            return signer.bearer("department-police", "department", "police")
    return signer.bearer(f"officer-{who}", "officer", who, "2102", "steward")


async def call(town: SharingTown, route: tuple[str, str], headers: dict[str, str] | None) -> httpx.Response:
    exchange = (await town.desk.exchanges.collection.find({}))[0]["_id"]
    method, path = route
    filled = path.format(code=INSURANCE, grant="grant-police", exchange=exchange) + QUERIES.get(path, "")
    return await town.call(method, filled, headers, BODIES.get(route), Idempotency_Key="k")


@pytest.fixture
async def busy(town: SharingTown) -> SharingTown:
    await town.wish()
    return town


@pytest.mark.parametrize("route", EXPECTED, ids=" ".join)
@pytest.mark.parametrize("who", WHO)
async def test_each_caller_gets_what_the_policy_says(busy: SharingTown, route: tuple[str, str], who: str) -> None:
    answer = await call(busy, route, bearer(busy, who))
    assert answer.status_code == EXPECTED[route][WHO.index(who)], answer.text


@pytest.mark.parametrize("route", EXPECTED, ids=" ".join)
async def test_without_a_token_of_ours_nothing_is_answered(busy: SharingTown, route: tuple[str, str]) -> None:
    stranger = FakeIdentity(busy.clock)
    for headers in (None, bearer(busy, "operator", stranger), {"Authorization": "Bearer x"}):
        assert (await call(busy, route, headers)).status_code == 401


async def test_every_route_is_in_this_table(town: SharingTown) -> None:
    guarded = {(method, p.path) for p in policies(town.app) for method in p.methods - {"HEAD"} if _is_guarded(p)}
    assert guarded == set(EXPECTED)
    open_ = {p.path for p in policies(town.app) if not _is_guarded(p)}
    assert not any(path.startswith(("/resources", "/grants", "/exchanges", "/ops")) for path in open_)


def _is_guarded(route: RoutePolicy) -> bool:
    [marker] = route.markers
    return isinstance(marker, Requires)


async def test_an_officer_without_a_department_speaks_for_nobody(busy: SharingTown) -> None:
    without = busy.identity.bearer("officer-x", "officer", None, None, "steward")
    for route in EXPECTED:
        assert (await call(busy, route, without)).status_code == (200 if route in FOR_ALL else 403)


@pytest.mark.parametrize("role", ["clerk", "head", None])
async def test_an_officer_who_is_not_the_data_steward_sees_the_catalogue_only(
    busy: SharingTown, role: Role | None
) -> None:
    other = busy.identity.bearer("officer-hrss", "officer", "hrss", "2102", *([role] if role else []))
    for route in EXPECTED:
        assert (await call(busy, route, other)).status_code == (200 if route in FOR_ALL else 403)


async def test_an_operator_belongs_to_no_department(busy: SharingTown) -> None:
    """Whatever `org` a token of another kind carries, only officers and departments speak for it."""
    person = busy.identity.bearer(WANG_WEI, "person", "hrss")
    assert (await call(busy, ("POST", "/grants/{grant}/revocation"), person)).status_code == 403
    assert (await call(busy, ("GET", "/exchanges/{exchange}"), person)).status_code == 404
