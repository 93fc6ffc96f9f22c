"""Programs of their own right at the token endpoint: whatever they send, they get their own token or none."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus, urlencode

import httpx
import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.identity.tokens.api import TokenForm
from services.identity.tokens.authentication import JWT_BEARER
from tests.service.identity.conftest import ISSUER, OPERATOR_SECRET, Identity
from tests.service.identity.test_attacks import FEW, ODD
from tests.service.identity.test_clients import Program

GRANT = {"grant_type": "client_credentials"}
TELLING = (
    "client_credentials", "authorization_code", "refresh_token", "operator", "police-data", "web", "services",
    "openid profile", "services services", "offline_access", JWT_BEARER, OPERATOR_SECRET, ISSUER, "family-x.y",
)  # fmt: skip
TEXT = st.one_of(ODD, st.sampled_from(TELLING))
FOREIGN = ("client_secret", "assertion", "username", "password", "audience", "resource", "subject_token", "request")
PARAMETERS = st.sampled_from(sorted({*TokenForm.model_fields, *FOREIGN}))
CHANGES = st.lists(st.tuples(PARAMETERS, TEXT), max_size=4)
Sent = list[tuple[str, str]]


@pytest.fixture
async def program(city: Identity) -> Program:
    program = Program(city)
    assert (await program.keep()).status_code == 200
    return program


def is_its_own(answer: httpx.Response, code: str) -> None:
    """A token of the program's own right, for the services at the most, and nothing beside."""
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["client_id"]) == (code, code)
    kinds = {"operator": ("operator", None), "police-data": ("department", "police")}
    assert (claims["kind"], claims["org"], claims["division"]) == (*kinds[code], None)
    assert set(answer.json()["scope"].split()) <= {"services"}
    assert claims["scope"] == answer.json()["scope"]
    assert not {"sid", "act", "mandate", "consent", "acr"} & set(claims)


def is_refused(answer: httpx.Response) -> None:
    assert answer.status_code in (400, 401), answer.text
    assert set(answer.json()) == {"error", "error_description"}
    assert (answer.status_code == 401) is (answer.json()["error"] == "invalid_client")


async def token(city: Identity, sent: Sent, headers: Mapping[str, str]) -> httpx.Response:
    told = {"content-type": "application/x-www-form-urlencoded", **headers}
    return await city.http.post("/token", content=urlencode(sent), headers=told)


def basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


# -- every parameter ---------------------------------------------------------------------------------------


@FEW
@given(way=st.sampled_from(["secret", "key"]), changes=CHANGES, twice=st.booleans())
@example(way="secret", changes=[], twice=False)
@example(way="key", changes=[], twice=False)
@example(way="secret", changes=[("client_id", "operator"), ("scope", "services")], twice=False)
@example(way="secret", changes=[("client_id", "web")], twice=False)
@example(way="key", changes=[("client_id", "operator")], twice=False)
@example(way="key", changes=[("client_assertion_type", "")], twice=False)
@example(way="secret", changes=[("scope", "openid")], twice=False)
async def test_any_request_of_a_program_gives_its_own_token_or_none(
    program: Program, way: str, changes: Sent, twice: bool
) -> None:
    code = "operator" if way == "secret" else program.code
    headers = {"Authorization": basic(code, OPERATOR_SECRET)} if way == "secret" else {}
    proof = {"client_assertion_type": JWT_BEARER, "client_assertion": program.assertion()} if way == "key" else {}
    good = GRANT | proof
    sent = [*good.items(), *changes] if twice else list((good | dict(changes)).items())
    answer = await token(program.city, sent, headers)
    told = dict(sent)
    is_whole = len(told) == len(sent) and told["grant_type"] == GRANT["grant_type"]
    proves = {name: told.get(name, "") for name in ("client_assertion_type", "client_assertion")}
    is_proven = proves == {"client_assertion_type": "", "client_assertion": ""} | proof
    if answer.status_code == 200:
        assert is_whole, sent
        assert is_proven, sent
        assert told.get("client_id", "") in ("", code)
        is_its_own(answer, code)
    else:
        is_refused(answer)
        assert changes, "what was in order is given"


# -- the secret --------------------------------------------------------------------------------------------

NAMES = st.one_of(st.just("operator"), TEXT)
SECRETS = st.one_of(st.just(OPERATOR_SECRET), st.just("operator%2Dsecret%2Dof%2Dtests"), TEXT)


@FEW
@given(name=NAMES, secret=SECRETS)
@example(name="operator", secret=OPERATOR_SECRET)
@example(name="%6Fperator", secret=OPERATOR_SECRET)
@example(name="operator:", secret=OPERATOR_SECRET)
async def test_only_the_very_name_and_secret_prove_it(program: Program, name: str, secret: str) -> None:
    """Both come encoded (RFC 6749 section 2.3.1)."""
    answer = await token(program.city, list(GRANT.items()), {"Authorization": basic(name, secret)})
    said, _, shown = f"{name}:{secret}".partition(":")
    if (unquote_plus(said), unquote_plus(shown)) == ("operator", OPERATOR_SECRET):
        assert answer.status_code == 200, answer.text
        is_its_own(answer, "operator")
    else:
        is_refused(answer)


@pytest.mark.parametrize(
    "header",
    [
        "", "Basic", "Basic ", "Basic :", "Basic !!", "Basic Og==", "Basic /w==", "Basic 4A==", "Basic " + "A" * 60_000,
        f"Bearer {basic('operator', OPERATOR_SECRET)[6:]}", f"Basic {basic('operator', OPERATOR_SECRET)[6:]},",
        f"{basic('operator', OPERATOR_SECRET)} {basic('operator', OPERATOR_SECRET)}",
        f"Basic{basic('operator', OPERATOR_SECRET)[6:]}", f"Negotiate {'x' * 40}",
    ],
)  # fmt: skip
async def test_any_header_that_is_none_is_refused(program: Program, header: str) -> None:
    is_refused(await token(program.city, list(GRANT.items()), {"Authorization": header}))


async def test_of_two_headers_neither_counts_alone(program: Program) -> None:
    """What stands before us may have read the other one."""
    good = basic("operator", OPERATOR_SECRET)
    for other in ("Basic x", good, "Bearer x"):
        for pair in ((good, other), (other, good)):
            headers = httpx.Headers([("Authorization", one) for one in pair])
            is_refused(await program.city.http.post("/token", data=GRANT, headers=headers))


# -- the key -----------------------------------------------------------------------------------------------

VALUES: st.SearchStrategy[Any] = st.one_of(
    TEXT, st.integers(), st.floats(), st.none(), st.booleans(), st.lists(TEXT, max_size=2),
    st.dictionaries(st.sampled_from(["$ne", "$gt", "x"]), TEXT, max_size=1),
)  # fmt: skip
CLAIMS = st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti"]), VALUES, max_size=3)
HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "cty", "x"]),
    st.one_of(VALUES, st.sampled_from(["none", "ES256", "HS256", "es256", "k-1", "JWT", "at+jwt"])),
    max_size=2,
)


def signed(program: Program, header: Any, claims: Any) -> str:
    """By the program's key, whatever stands in it."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)]
    algorithm = jwt.get_algorithm_by_name("ES256")
    signature = algorithm.sign(".".join(parts).encode(), program.key)
    return ".".join([*parts, base64.urlsafe_b64encode(signature).decode().rstrip("=")])


@FEW
@given(claims=CLAIMS, header=HEADERS)
@example(claims={}, header={})
@example(claims={"exp": float("nan")}, header={})
@example(claims={"exp": float("inf")}, header={})
@example(claims={"iat": None, "nbf": None}, header={})
@example(claims={}, header={"alg": "none"})
@example(claims={}, header={"kid": {"$ne": None}})
async def test_only_an_assertion_that_is_in_order_proves_it(
    program: Program, claims: dict[str, Any], header: dict[str, Any]
) -> None:
    good, now = program.claims(), program.city.clock.now().timestamp()
    said = good | claims
    answer = await program.ask(signed(program, {"alg": "ES256", "kid": "k-1"} | header, said))
    if answer.status_code == 200:
        is_its_own(answer, program.code)
        assert (said["iss"], said["sub"]) == (program.code, program.code)
        assert said["aud"] in (ISSUER, [ISSUER], [ISSUER, ISSUER])
        assert now - 5 < said["exp"] <= now + 3605
        assert all(said.get(time, 0) <= now + 5 for time in ("iat", "nbf"))
        assert isinstance(said["jti"], str)
        assert header.get("alg", "ES256") == "ES256"
        assert header.get("kid", "k-1") in ("k-1", None)
    else:
        is_refused(answer)
        assert claims or header, "what was in order is given"
