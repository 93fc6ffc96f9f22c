"""Who gets in."""

import base64
import hmac
import json
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from shared.caller import Mandate
from shared.contracts.identity import RevocationPublished
from shared.errors import Unauthenticated
from shared.revocations import Revocations
from shared.testing.clock import FakeClock
from shared.web.app import ServiceApp
from shared.web.authentication import Public, Requires, Verifier, policies
from tests.unit.shared.web.conftest import ISSUER, Crowd, Signer

THING = {"label": "pump", "size": 1}


async def call(client: httpx.AsyncClient, token: str | None) -> httpx.Response:
    headers = {"Idempotency-Key": "k1"} | ({"Authorization": f"Bearer {token}"} if token is not None else {})
    return await client.post("/things", json=THING, headers=headers)


async def test_a_token_of_ours_gets_in(client: httpx.AsyncClient, signer: Signer) -> None:
    assert (await call(client, signer.token())).status_code == 201


async def test_without_a_token_the_answer_says_how_to_come_back(client: httpx.AsyncClient) -> None:
    answer = await client.post("/things", content=b"not even json")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthenticated"


async def test_a_caller_the_rule_does_not_mean_is_refused(client: httpx.AsyncClient, signer: Signer) -> None:
    answer = await call(client, signer.token(kind="department", org="police"))
    assert answer.status_code == 403
    assert answer.json()["code"] == "forbidden"


async def test_who_tried_what_they_may_not_is_in_the_log(client: httpx.AsyncClient, signer: Signer) -> None:
    with capture_logs() as written:
        await call(client, signer.token(sub="police-program", kind="department", org="police", client_id="police"))
    refused = [line for line in written if line["event"] == "request.refused"]
    assert [(line["log_level"], line["method"], line["route"]) for line in refused] == [("warning", "POST", "/things")]
    assert [(line["code"], line["by"], line["client"]) for line in refused] == [
        ("forbidden", "police-program", "police")
    ]


async def test_a_token_that_is_none_is_in_the_log_and_nothing_of_it(
    client: httpx.AsyncClient, signer: Signer, crowd: Crowd
) -> None:
    with capture_logs() as written:
        await call(client, unsigned(signer))
        await call(client, None)  # who has not signed in yet has tried nothing
        crowd.age = 1000.0
        await call(client, signer.token())  # no decision about anybody
    refused = [line for line in written if line["event"] == "request.refused"]
    assert [(line["code"], line["by"]) for line in refused] == [("token_invalid", None)]
    assert signer.claims()["sub"] not in json.dumps(refused)


def packed(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def _deep(levels: int) -> str:
    return base64.urlsafe_b64encode(b"[" * levels).decode().rstrip("=")


def unsigned(signer: Signer) -> str:
    return f"{packed({'typ': 'at+jwt', 'alg': 'none', 'kid': signer.kid})}.{packed(signer.claims())}."


def signed_with_the_public_key_as_a_secret(signer: Signer) -> str:
    """The classic confusion of HMAC and public keys."""
    header = {"typ": "at+jwt", "alg": "HS256", "kid": signer.kid}
    unsigned_part = f"{packed(header)}.{packed(signer.claims())}"
    code = hmac.digest(json.dumps(signer.jwk).encode(), unsigned_part.encode(), "sha256")
    return f"{unsigned_part}.{base64.urlsafe_b64encode(code).decode().rstrip('=')}"


def changed_after_signing(signer: Signer) -> str:
    header, _, signature = signer.token().split(".")
    return f"{header}.{packed(signer.claims(kind='operator'))}.{signature}"


def without(claim: str) -> Any:
    def make(signer: Signer) -> str:
        claims = signer.claims()
        del claims[claim]
        return jwt.encode(claims, signer.key, "ES256", {"typ": "at+jwt", "kid": signer.kid})

    return make


FORGED = {
    "rubbish": lambda _: "x.y.z",
    "empty": lambda _: "",
    "endless": lambda s: s.token(jti="x" * 5000),
    "alg none": unsigned,
    "hmac with the public key": signed_with_the_public_key_as_a_secret,
    "another key under our kid": lambda s: Signer(s.clock).token(),
    "a key nobody knows": lambda s: s.token({"kid": "key-2"}),
    "a header nested without end": lambda _: f"{_deep(2900)}.e30.x",
    "claims nested without end": lambda s: jwt.api_jws.encode(
        b"[" * 2900, s.key, "ES256", {"typ": "at+jwt", "kid": s.kid}
    ),
    "no kid": lambda s: jwt.encode(s.claims(), s.key, "ES256", {"typ": "at+jwt"}),
    "a key of its own in the header": lambda s: Signer(s.clock).token({"jwk": s.jwk}),
    "an id token": lambda s: s.token({"typ": "JWT"}),
    "critical extension": lambda s: s.token({"crit": ["x"], "x": 1}),
    "an extension the library knows": lambda s: s.token({"crit": ["b64"], "b64": True}),
    "changed after signing": changed_after_signing,
    "another audience": lambda s: s.token(aud="bank"),
    "several audiences": lambda s: s.token(aud=["tongban", "bank"]),
    "another issuer": lambda s: s.token(iss=ISSUER + "/"),
    "from the future": lambda s: s.token(iat=int(s.clock.now().timestamp()) + 60),
    "not valid yet": lambda s: s.token(nbf=int(s.clock.now().timestamp()) + 60),
    "valid from a text on": lambda s: s.token(nbf="0"),
    "a kind unheard of": lambda s: s.token(kind="king"),
    "exp as text": lambda s: s.token(exp=str(s.claims()["exp"])),
    **{
        f"no {claim}": without(claim)
        for claim in ("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "kind", "org")
    },
}


@pytest.mark.parametrize("how", FORGED)
async def test_a_stranger_s_token_is_refused(client: httpx.AsyncClient, signer: Signer, how: str) -> None:
    answer = await call(client, FORGED[how](signer))
    assert answer.status_code == 401
    assert answer.json()["code"] == "token_invalid" if how != "empty" else "unauthenticated"
    assert answer.json()["detail"] in {"The access token is not valid", "This needs an access token"}


def stepped_up(signer: Signer, ago: int = 0, **changes: Any) -> dict[str, str]:
    now = int(signer.clock.now().timestamp())
    return {"Authorization": f"Bearer {signer.token(acr='aal2', auth_time=now - ago, **changes)}"}


async def test_who_has_to_be_known_more_surely_is_told_how(client: httpx.AsyncClient, signer: Signer) -> None:
    """RFC 9470 section 3."""
    assert (await client.delete("/things/mine", headers=stepped_up(signer))).status_code == 200
    assert (await client.delete("/things/mine", headers=stepped_up(signer, 305))).status_code == 200, "clocks differ"
    now = int(signer.clock.now().timestamp())
    for weak in (
        stepped_up(signer, 306),
        {"Authorization": f"Bearer {signer.token(acr='aal1', auth_time=now)}"},
        {"Authorization": f"Bearer {signer.token(acr='aal3', auth_time=now)}"},
        {"Authorization": f"Bearer {signer.token(acr='aal2')}"},
        {"Authorization": f"Bearer {signer.token()}"},
    ):
        answer = await client.delete("/things/mine", headers=weak)
        assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
        assert answer.headers["www-authenticate"] == (
            'Bearer error="insufficient_user_authentication", '
            'error_description="This needs a sign-in of at most 300 seconds ago at level aal2", '
            'acr_values="aal2", max_age="300"'
        )


async def test_a_rule_comes_before_the_step_up(client: httpx.AsyncClient, signer: Signer) -> None:
    """Who may not do it anyway need not prove more."""
    answer = await client.delete("/things/mine", headers=stepped_up(signer, kind="department", org="police"))
    assert answer.status_code == 403
    assert (await client.delete("/things/mine")).headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("acr", "status"), [("aal1", 200), ("aal2", 200), ("", 401), ("aal0", 401)])
async def test_more_than_enough_is_enough(client: httpx.AsyncClient, signer: Signer, acr: str, status: int) -> None:
    answer = await client.get("/things/known", headers={"Authorization": f"Bearer {signer.token(acr=acr)}"})
    assert answer.status_code == status
    assert status == 200 or "max_age" not in answer.headers["www-authenticate"]


async def test_what_two_factors_stood_for_is_over_when_one_is_taken_away(
    client: httpx.AsyncClient, signer: Signer, revocations: Revocations
) -> None:
    row = RevocationPublished(scope="factors:person-li-na", lowest=2, at=signer.clock.now())
    revocations.put(b"factors:person-li-na", row)
    assert (await client.delete("/things/mine", headers=stepped_up(signer, fv=2))).status_code == 200
    answer = await client.delete("/things/mine", headers=stepped_up(signer, fv=1))
    assert answer.json()["code"] == "token_revoked"
    assert (await client.get("/things/mine", headers={"Authorization": f"Bearer {signer.token()}"})).status_code == 200


async def test_two_authorization_headers_are_refused(client: httpx.AsyncClient, signer: Signer) -> None:
    both = [("Authorization", f"Bearer {signer.token()}"), ("Authorization", "Bearer x"), ("Idempotency-Key", "k")]
    assert (await client.post("/things", json=THING, headers=both)).status_code == 401


async def test_an_expired_token_is_told_so_even_from_the_cache(
    client: httpx.AsyncClient, signer: Signer, clock: FakeClock
) -> None:
    token = signer.token()
    assert (await call(client, token)).status_code == 201
    clock.forward(timedelta(minutes=5, seconds=4))
    assert (await call(client, token)).status_code == 201
    clock.forward(timedelta(seconds=1))
    answer = await call(client, token)
    assert answer.status_code == 401
    assert answer.json()["code"] == "token_expired"
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize(
    ("ahead", "code"), [(timedelta(hours=1), "token_invalid"), (timedelta(hours=-1), "token_expired")]
)
async def test_with_identitys_clock_an_hour_off_nobody_gets_in(
    client: httpx.AsyncClient, signer: Signer, clock: FakeClock, ahead: timedelta, code: str
) -> None:
    signer.clock = FakeClock(clock.now() + ahead)
    answer = await call(client, signer.token())
    assert (answer.status_code, answer.json()["code"]) == (401, code)


@pytest.mark.parametrize(
    ("ahead", "code"), [(timedelta(hours=1), "token_expired"), (timedelta(hours=-1), "token_invalid")]
)
def test_where_a_services_own_clock_is_an_hour_off_nobody_gets_in(
    signer: Signer, clock: FakeClock, revocations: Revocations, ahead: timedelta, code: str
) -> None:
    verifier = Verifier({signer.kid: signer.row}, ISSUER, FakeClock(clock.now() + ahead), revocations)
    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(signer.token())
    assert caught.value.code == code


EDGES = [
    ({"exp": -4}, None),
    ({"exp": -5}, "token_expired"),
    ({"iat": 5}, None),
    ({"iat": 6}, "token_invalid"),
    ({"nbf": 5}, None),
    ({"nbf": 6}, "token_invalid"),
    ({"nbf": 6, "exp": -5}, "token_invalid"),
]


@pytest.mark.parametrize("years", [-30, 0, 30])
@pytest.mark.parametrize(("shift", "code"), EDGES, ids=str)
def test_times_count_by_our_own_clock_whatever_the_machine_s_says(
    revocations: Revocations, shift: dict[str, int], code: str | None, years: int
) -> None:
    """Five seconds may clocks differ, and not one more."""
    clock = FakeClock(FakeClock().now() + timedelta(days=365 * years))
    signer, now = Signer(clock), int(clock.now().timestamp())
    times: dict[str, Any] = {claim: now + seconds for claim, seconds in shift.items()}
    token = signer.token(**times)
    verifier = Verifier({signer.kid: signer.row}, ISSUER, clock, revocations)
    if code is None:
        assert verifier.verify(token).id == "person-li-na"
        return
    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(token)
    assert caught.value.code == code


def test_a_cached_token_falls_with_its_key(signer: Signer, clock: FakeClock, revocations: Revocations) -> None:
    keys = {signer.kid: signer.row}
    verifier = Verifier(keys, ISSUER, clock, revocations)
    token = signer.token()
    assert verifier.verify(token).id == "person-li-na"
    keys.clear()
    with pytest.raises(Unauthenticated):
        verifier.verify(token)


def test_a_curve_of_another_kind_is_refused(clock: FakeClock, revocations: Revocations) -> None:
    signer = Signer(clock, key=ec.generate_private_key(ec.SECP384R1()))
    token = jwt.encode(signer.claims(), signer.key, "ES384", {"typ": "at+jwt", "kid": signer.kid})
    with pytest.raises(Unauthenticated):
        Verifier({signer.kid: signer.row}, ISSUER, clock, revocations).verify(token)


def test_each_route_tells_its_policy(app: ServiceApp) -> None:
    found = {(min(policy.methods), policy.path): policy.markers for policy in policies(app)}
    assert all(len(markers) == 1 for markers in found.values())
    assert isinstance(found["POST", "/things"][0], Requires)
    assert found["GET", "/things"] == (Public("a test"),)
    assert ("GET", "/docs") in found


def test_a_route_without_a_policy_is_seen(app: ServiceApp) -> None:
    @app.get("/planted")
    async def planted() -> None: ...

    assert [policy.path for policy in policies(app) if not policy.markers] == ["/planted"]


# -- acting for somebody else -----------------------------------------------------------------------------

MANDATE = {"id": "mandate-1", "acts": ["see"], "items": [], "versions": {"mandate-1": 1}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"act": {"sub": "person-wang"}},
        {"mandate": MANDATE},
        {"act": "person-wang", "mandate": MANDATE},
        {"act": {"sub": "person-wang"}, "mandate": MANDATE | {"versions": {}}},
        {"act": {"sub": "person-wang"}, "mandate": MANDATE | {"versions": {"mandate-2": 1}}},
        {"act": {"sub": "person-wang"}, "mandate": MANDATE | {"acts": "see"}},
    ],
    ids=str,
)
async def test_a_token_that_says_half_of_it_is_none(
    client: httpx.AsyncClient, signer: Signer, wrong: dict[str, Any]
) -> None:
    answer = await call(client, signer.token(**wrong))
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


async def test_a_route_that_names_no_act_is_for_oneself(client: httpx.AsyncClient, signer: Signer) -> None:
    token = signer.token(act={"sub": "person-wang"}, mandate=MANDATE | {"acts": ["apply", "see", "supply"]})
    answer = await call(client, token)
    assert (answer.status_code, answer.json()["code"]) == (403, "mandate_does_not_cover")


def test_who_acts_is_told_apart_from_whom_they_act_for(
    signer: Signer, clock: FakeClock, revocations: Revocations
) -> None:
    verifier = Verifier({signer.kid: signer.row}, ISSUER, clock, revocations)
    caller = verifier.verify(signer.token(act={"sub": "person-wang", "act": {"sub": "x"}}, mandate=MANDATE))
    assert (caller.id, caller.actor, caller.person) == ("person-li-na", "person-wang", "person-wang")
    assert caller.mandate == Mandate("mandate-1", frozenset({"see"}))
    assert verifier.verify(signer.token()).person == "person-li-na"
