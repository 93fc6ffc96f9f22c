"""Programs that prove who they are with a key of their own (RFC 7523), and each way to be refused."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.identity.tokens.authentication import JWT_BEARER
from tests.service.identity.conftest import ASKED, ISSUER, OPERATOR_SECRET, WEB, Identity


@dataclass
class Program:
    """A program with a key."""

    city: Identity
    code: str = "police-data"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def jwk(self, **changes: str) -> dict[str, str]:
        public = jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {name: str(public[name]) for name in ("kty", "crv", "x", "y")} | {"kid": "k-1"} | changes

    async def keep(self, *jwks: dict[str, str]) -> httpx.Response:
        wish = {"kind": "department", "name": "Police data", "organisation": "police"}
        return await self.city.put(f"/clients/{self.code}", wish | {"jwks": list(jwks or (self.jwk(),))})

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.city.clock.now().timestamp())
        claims = {
            "iss": self.code,
            "sub": self.code,
            "aud": ISSUER,
            "iat": now,
            "exp": now + 60,
            "jti": uuid4().hex,
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def assertion(self, *, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        return jwt.encode(self.claims(**changes), self.key, "ES256", {"kid": "k-1"} if headers is None else headers)

    async def ask(self, assertion: str, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": JWT_BEARER,
            "client_assertion": assertion,
        }
        return await self.city.http.post("/token", data=form | changes)


@pytest.fixture
async def program(city: Identity) -> Program:
    program = Program(city)
    assert (await program.keep()).status_code == 200
    return program


def refused(answer: httpx.Response, error: str = "invalid_client", status: int = 401) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.parametrize("audience", [ISSUER, f"{ISSUER}/token", [ISSUER], [ISSUER, f"{ISSUER}/token"]])
async def test_a_program_proves_who_it_is_with_its_key(program: Program, audience: Any) -> None:
    answer = await program.ask(program.assertion(aud=audience))
    assert answer.status_code == 200, answer.text
    me = (await program.city.me(answer.json()["access_token"])).json()
    assert (me["id"], me["kind"], me["organisation"]) == ("police-data", "department", "police")


async def test_an_assertion_works_once_and_its_memory_ends(program: Program) -> None:
    assertion = program.assertion()
    assert (await program.ask(assertion)).status_code == 200
    refused(await program.ask(assertion))
    program.city.clock.forward(timedelta(minutes=2))
    await program.city.bus.settle()
    refused(await program.ask(assertion))
    assert await program.city.database.collection("assertions").find({}) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://evil.example.org"},
        {"aud": [ISSUER, "https://evil.example.org"]},
        {"aud": []},
        {"aud": {ISSUER: 1}},
        {"aud": None},
        {"iss": "operator"},
        {"iss": None},
        {"sub": "operator"},
        {"sub": None},
        {"sub": {"$ne": ""}},
        {"sub": 7},
        {"exp": None},
        {"exp": "soon"},
        {"exp": -1},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 201},
        {"jti": ["x"]},
        {"jti": {"$gt": ""}},
    ],
    ids=str,
)
async def test_each_claim_counts(program: Program, changes: dict[str, Any]) -> None:
    refused(await program.ask(program.assertion(**changes)))


@pytest.mark.parametrize(
    ("shift", "ok"),
    [
        ({"exp": -4}, True),
        ({"exp": -5}, False),
        ({"exp": 3600}, True),
        ({"exp": 3620}, False),
        ({"iat": 5}, True),
        ({"iat": 6}, False),
        ({"nbf": 5}, True),
        ({"nbf": 6}, False),
        ({"iat": -60, "nbf": 6}, False),
    ],
    ids=str,
)
async def test_an_assertion_is_of_now(program: Program, shift: dict[str, int], ok: bool) -> None:
    now = int(program.city.clock.now().timestamp())
    times: dict[str, Any] = {name: now + seconds for name, seconds in shift.items()}
    answer = await program.ask(program.assertion(**times))
    assert (answer.status_code == 200) is ok, answer.text


async def test_algorithms_keys_and_headers_are_exact(program: Program) -> None:
    stranger, big = Program(program.city), rsa.generate_private_key(65537, 2048)
    public = program.jwk()["x"]
    forged = {
        "none": jwt.encode(program.claims(), "", "none"),
        "the public key as a secret": jwt.encode(program.claims(), public * 2, "HS256", {"kid": "k-1"}),
        "RS256": jwt.encode(program.claims(), big, "RS256", {"kid": "k-1"}),
        "a stranger's key": jwt.encode(program.claims(), stranger.key, "ES256", {"kid": "k-1"}),
        "a key inside": jwt.encode(program.claims(), stranger.key, "ES256", {"kid": "k-1", "jwk": stranger.jwk()}),
        "a key elsewhere": jwt.encode(program.claims(), stranger.key, "ES256", {"jku": "https://evil.example.org/"}),
        "an unknown key": program.assertion(headers={"kid": "k-2"}),
        "something critical": program.assertion(headers={"kid": "k-1", "crit": ["exp"], "exp": 1}),
        "too long": program.assertion(jti="x", pad="x" * 5000),
        "no token": "x",
    }
    for how, assertion in forged.items():
        assert (await program.ask(assertion)).json()["error"] == "invalid_client", how


async def test_two_proofs_at_once_or_of_two_clients_are_refused(program: Program) -> None:
    form = {"client_assertion_type": JWT_BEARER, "client_assertion": program.assertion()}
    answer = await program.city.http.post(
        "/token", data={"grant_type": "client_credentials"} | form, auth=("operator", OPERATOR_SECRET)
    )
    refused(answer, "invalid_request", 400)
    refused(await program.ask(program.assertion(), client_id="operator"))
    refused(await program.ask(program.assertion(), client_assertion_type="saml"))
    assert (await program.ask(program.assertion(), client_id=program.code)).status_code == 200


async def test_keys_change_one_by_one(program: Program) -> None:
    following = Program(program.city)
    before = (await program.ask(program.assertion())).json()["access_token"]
    await program.keep(program.jwk(), following.jwk(kid="k-2"))
    await program.city.bus.settle()
    assert (await program.ask(following.assertion(headers={"kid": "k-2"}))).status_code == 200
    assert (await program.ask(following.assertion(headers={}))).status_code == 200
    assert (await program.city.me(before)).status_code == 200, "nothing was taken away"
    await program.keep(following.jwk(kid="k-2"))
    await program.city.bus.settle()
    refused(await program.ask(program.assertion()))
    assert (await program.city.me(before)).json()["code"] == "token_revoked"


@pytest.mark.parametrize(
    "changes", [{"d": "x" * 43}, {"kty": "RSA"}, {"crv": "P-521"}, {"x": "short"}, {"alg": "HS256"}, {"use": "enc"}]
)
async def test_only_the_public_half_of_a_key_of_ours_is_kept(program: Program, changes: dict[str, str]) -> None:
    answer = await program.keep(program.jwk(**changes))
    assert answer.status_code == 422
    assert f"/jwks/0/{next(iter(changes))}" in answer.text


async def test_a_point_off_the_curve_proves_nothing(program: Program) -> None:
    assert (await program.keep(program.jwk(x="A" * 43))).status_code in (200, 422)
    refused(await program.ask(program.assertion()))


async def test_a_secret_that_was_right_is_not_right_for_ever(city: Identity) -> None:
    """What was right once is remembered: for this very secret only."""
    wish = {"kind": "operator", "name": "Odd"}
    await city.put("/clients/odd", wish | {"secret": "the first secret of all"})
    for secret, ok in (("the first secret of all", True), ("the first secret of all", True), ("x" * 20, False)):
        assert (await city.client_token("odd", secret)).is_success is ok
    await city.put("/clients/odd", wish | {"secret": "the second secret of all"})
    assert not (await city.client_token("odd", "the first secret of all")).is_success
    assert (await city.client_token("odd", "the second secret of all")).is_success


async def test_what_a_replica_gives_that_has_not_heard_of_a_change_is_refused(city: Identity) -> None:
    """Applications are remembered for a moment; what they get meanwhile says which version it stands on."""
    wish, before = {"kind": "operator", "name": "Odd"}, "the first secret of all"
    await city.put("/clients/odd", wish | {"secret": before})
    other = await city.replica()
    async with other.http:
        assert (await other.client_token("odd", before)).is_success
        await city.put("/clients/odd", wish | {"secret": "the second secret of all"})
        await city.bus.settle()
        given = (await other.client_token("odd", before)).json()
        assert given["token_type"] == "Bearer", "it remembers; were it not so, this test would show nothing"
        assert (await city.me(given["access_token"])).json()["code"] == "token_revoked"


async def test_a_replica_that_has_not_heard_of_a_change_refuses_nobody_for_it(city: Identity) -> None:
    wish, after = {"kind": "operator", "name": "Odd"}, "the second secret of all"
    await city.put("/clients/odd", wish | {"secret": "the first secret of all"})
    await city.put("/clients/app", WEB | {"redirect_uris": ["https://a.example.org/back"]})
    other = await city.replica()
    async with other.http:
        assert (await other.client_token("odd", "the first secret of all")).is_success
        asked = ASKED | {"client_id": "app", "redirect_uri": "https://b.example.org/back"}
        assert (await other.http.get("/authorize", params=asked)).status_code == 400
        await city.put("/clients/odd", wish | {"secret": after})
        await city.put("/clients/app", WEB | {"redirect_uris": ["https://b.example.org/back"]})
        assert (await other.client_token("odd", after)).is_success
        assert (await other.http.get("/authorize", params=asked)).status_code == 200
        assert (await other.client_token("odd", "no secret of anybody's")).status_code == 401
