"""What was revoked gets in nowhere, and nobody relies on revocations that may be incomplete."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared import telemetry
from shared.contracts.identity import CANARY, RevocationPublished
from shared.revocations import KEPT, TIDY, Revocations
from shared.testing.clock import FakeClock
from tests.unit.shared.web.conftest import Crowd, Signer

VERSIONS: dict[str, Any] = {"sid": "session-1", "sv": 3, "uv": 5, "cv": 7}


def revoke(revocations: Revocations, clock: FakeClock, scope: str, lowest: int, sequence: int = 1) -> None:
    row = RevocationPublished(scope=scope, lowest=lowest, at=clock.now())
    revocations.put(scope.encode(), row, sequence)


async def post(client: httpx.AsyncClient, token: str) -> httpx.Response:
    headers = {"Idempotency-Key": "k1", "Authorization": f"Bearer {token}"}
    return await client.post("/things", json={"label": "pump", "size": 1}, headers=headers)


@pytest.mark.parametrize(
    ("scope", "version"), [("user:person-li-na", 5), ("session:session-1", 3), ("client:web", 7)], ids=str
)
async def test_a_version_below_the_lowest_is_refused_at_once_also_when_it_was_seen_before(
    client: httpx.AsyncClient, signer: Signer, clock: FakeClock, revocations: Revocations, scope: str, version: int
) -> None:
    token = signer.token(**VERSIONS)
    revoke(revocations, clock, scope, version)
    assert (await post(client, token)).status_code == 201, "the lowest itself is accepted"
    revoke(revocations, clock, scope, version + 1, 2)
    answer = await post(client, token)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize(
    "scope", ["user:person-wang-wei", "session:session-2", "client:police", "org:police", f"{CANARY}1", "user:web"]
)
async def test_what_others_lose_is_nothing_to_do_with_it(
    client: httpx.AsyncClient, signer: Signer, clock: FakeClock, revocations: Revocations, scope: str
) -> None:
    revoke(revocations, clock, scope, 99)
    assert (await post(client, signer.token(**VERSIONS))).status_code == 201


@pytest.mark.parametrize("scope", ["mandate:mandate-1", "mandate:mandate-0", "user:person-wang", "factors:person-wang"])
async def test_who_acts_for_somebody_stands_on_each_mandate_and_on_themselves(
    client: httpx.AsyncClient, signer: Signer, clock: FakeClock, revocations: Revocations, scope: str
) -> None:
    versions = {"mandate-1": 4, "mandate-0": 4}
    mandate = {"id": "mandate-1", "acts": ["see"], "items": [], "versions": versions}
    token = signer.token(act={"sub": "person-wang"}, mandate=mandate, uv=4, fv=4)
    revoke(revocations, clock, scope, 4)
    for principals in ("user:person-li-na", "factors:person-li-na"):
        revoke(revocations, clock, principals, 9)
    assert (await post(client, token)).json()["code"] == "mandate_does_not_cover", (
        "the principal's sign-outs are theirs"
    )
    revoke(revocations, clock, scope, 5, 2)
    assert (await post(client, token)).json()["code"] == "token_revoked"


async def test_a_token_that_names_no_versions_is_older_than_any(
    client: httpx.AsyncClient, signer: Signer, clock: FakeClock, revocations: Revocations
) -> None:
    assert (await post(client, signer.token())).status_code == 201
    revoke(revocations, clock, "client:web", 1)
    assert (await post(client, signer.token())).status_code == 401


async def test_a_program_is_no_user(
    client: httpx.AsyncClient, signer: Signer, clock: FakeClock, revocations: Revocations
) -> None:
    revoke(revocations, clock, "user:police", 9)
    token = signer.token(kind="department", org="police", sub="police", client_id="police", cv=1)
    assert (await post(client, token)).json()["code"] == "forbidden"


async def test_who_writes_needs_fresher_revocations_than_who_reads(
    client: httpx.AsyncClient, signer: Signer, crowd: Crowd
) -> None:
    bearer = {"Authorization": f"Bearer {signer.token()}"}
    operator = {"Authorization": f"Bearer {signer.token(kind='operator', sub='operator')}"}
    tolerances: dict[str, tuple[int, Callable[[], Awaitable[httpx.Response]]]] = {
        "read": (60, lambda: client.get("/things/mine", headers=bearer)),
        "write": (10, lambda: post(client, signer.token())),
        "privileged": (5, lambda: client.get("/things/all", headers=operator)),
    }
    for kind, (seconds, call) in tolerances.items():
        crowd.age = float(seconds)
        answer = await call()
        assert answer.status_code in (200, 201), kind
        assert answer.headers["tongban-revocations-age"] == f"{seconds}.0"
        crowd.age += 0.1
        answer = await call()
        assert (answer.status_code, answer.json()["code"]) == (503, "revocations_stale"), kind
        assert answer.headers["retry-after"]
        assert answer.headers["tongban-revocations-age"] == f"{seconds}.1"


async def test_what_is_known_to_be_revoked_is_told_so_however_stale(
    client: httpx.AsyncClient, signer: Signer, clock: FakeClock, revocations: Revocations, crowd: Crowd
) -> None:
    crowd.age = float("inf")
    revoke(revocations, clock, "client:web", 9)
    assert (await post(client, signer.token(**VERSIONS))).status_code == 401


@pytest.mark.parametrize("age", [float("inf"), 60.1])
async def test_a_key_that_is_not_known_yet_makes_no_token_bad(
    client: httpx.AsyncClient, signer: Signer, crowd: Crowd, age: float
) -> None:
    """Who starts, or is cut off, knows not all keys: clients keep their tokens, and come again."""
    crowd.age = age
    fresh = Signer(signer.clock, "key-2").token()
    for method, path in (("GET", "/things/mine"), ("POST", "/things"), ("DELETE", "/things/session")):
        headers = {"Authorization": f"Bearer {fresh}", "Idempotency-Key": "k1"}
        answer = await client.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "revocations_stale"), path
        assert answer.headers["retry-after"]
        assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize(("age", "status"), [(0.0, 401), (10.0, 401), (10.1, 503)])
async def test_who_writes_finds_out_sooner_that_a_key_may_be_new(
    client: httpx.AsyncClient, signer: Signer, crowd: Crowd, age: float, status: int
) -> None:
    crowd.age = age
    answer = await post(client, Signer(signer.clock, "key-2").token())
    assert (answer.status_code, answer.json()["code"]) == (
        status, "token_invalid" if status == 401 else "revocations_stale"
    )  # fmt: skip


async def test_what_is_no_token_of_anybody_s_key_is_told_so_from_the_start(
    client: httpx.AsyncClient, signer: Signer, crowd: Crowd
) -> None:
    crowd.age = float("inf")
    for token in ("x.y.z", signer.token({"typ": "JWT"}), Signer(signer.clock).token(), signer.token(aud="bank")):
        answer = await post(client, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    assert (await client.get("/things/mine")).status_code == 401, "nor is none"


async def test_a_route_for_everybody_says_nothing_of_revocations(client: httpx.AsyncClient, crowd: Crowd) -> None:
    crowd.age = float("inf")
    answer = await client.get("/things")
    assert answer.status_code == 200
    assert "tongban-revocations-age" not in answer.headers


def test_rows_go_when_no_token_can_be_as_old(clock: FakeClock, revocations: Revocations) -> None:
    revoke(revocations, clock, "session:old", 2)
    clock.forward(KEPT - TIDY)
    revoke(revocations, clock, "session:young", 2)
    clock.forward(TIDY + timedelta(seconds=1))
    revoke(revocations, clock, "session:new", 2)
    assert set(revocations) == {"session:young", "session:new"}


def test_how_long_it_took_is_measured_once_and_not_for_what_was_there_before(clock: FakeClock) -> None:
    registry = telemetry.new_registry()
    before = RevocationPublished(scope="session:before", lowest=2, at=clock.now() - timedelta(seconds=50))
    revocations = Revocations(clock, registry, lambda: 0.0)
    revocations.put(b"before", before, 1)
    row = RevocationPublished(scope=f"{CANARY}1", lowest=1, at=clock.now())
    clock.forward(timedelta(seconds=1.5))
    for _ in range(2):  # a replay brings it again
        revocations.put(b"canary-1", row, 1)
    assert registry.get_sample_value("tongban_revocation_seconds_count") == 1
    assert registry.get_sample_value("tongban_revocation_canary_seconds") == 1.5
