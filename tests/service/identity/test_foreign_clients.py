"""Clients that others wrote sign in here: Authlib (Python) and openid-client (JavaScript)."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt as jose
from joserfc.jwk import ECKey, KeySet
from jwt.algorithms import ECAlgorithm

from shared.testing import FakeClock
from tests.service.identity.conftest import LI_NA, PASSWORD, RETURN, WEB, Identity, running_at

HOME = "http://127.0.0.1:5173/bye"
SECRET = "a secret of odd's own"
FOREIGN = Path(__file__).parent / "foreign"
CACHE = Path(__file__).parents[3] / ".tongban" / "cache" / "foreign-client"
SCOPE = "openid profile email offline_access services"
SECONDS = 120.0


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
async def served(key: ec.EllipticCurvePrivateKey) -> AsyncIterator[Identity]:
    """Identity on a port of this machine, with an application and two programs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        issuer = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with running_at(issuer, FakeClock(datetime.now(UTC))) as identity:
            public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
            jwk = {name: str(public[name]) for name in ("kty", "crv", "x", "y")} | {"kid": "k-1"}
            wishes: dict[str, dict[str, Any]] = {
                "web": WEB | {"scopes": SCOPE.split(), "post_logout_redirect_uris": [HOME]},
                "odd": {"kind": "operator", "name": "Odd", "secret": SECRET},
                "keyed": {"kind": "operator", "name": "Keyed", "jwks": [jwk]},
            }
            for code, wish in wishes.items():
                assert (await identity.put(f"/clients/{code}", wish)).status_code == 200
            assert (await identity.put("/people/person-li-na", LI_NA)).status_code == 200
            await identity.bus.settle()
            server = uvicorn.Server(uvicorn.Config(identity.app, lifespan="off", log_config=None))
            serving = asyncio.create_task(server.serve(sockets=[taken]))
            try:
                yield identity
            finally:
                server.should_exit = True
                await serving


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


async def issuer(identity: Identity) -> dict[str, Any]:
    """What Authlib's users hand to it: the issuer's own document."""
    found: dict[str, Any] = (await identity.http.get("/.well-known/openid-configuration")).json()
    return found


async def test_authlib_signs_a_person_in(served: Identity) -> None:
    about, verifier = await issuer(served), "v" * 48
    async with AsyncOAuth2Client(
        "web", redirect_uri=RETURN, scope=SCOPE, code_challenge_method="S256", token_endpoint_auth_method="none"
    ) as client:
        address, state = client.create_authorization_url(
            about["authorization_endpoint"], code_verifier=verifier, nonce="n-5"
        )
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        answer = await served.submit(await served.form(None, **asked))
        token = await client.fetch_token(
            about["token_endpoint"],
            authorization_response=answer.headers["location"],
            state=state,
            code_verifier=verifier,
        )
        keys = KeySet.import_key_set((await client.get(about["jwks_uri"])).json())
        told = jose.decode(token["id_token"], keys, ["ES256"])
        assert (told.claims["sub"], told.claims["aud"], told.claims["nonce"]) == ("person-li-na", "web", "n-5")
        assert (await client.get(about["userinfo_endpoint"])).json()["email"] == LI_NA["mail"]
        first = token["refresh_token"]
        token = await client.refresh_token(about["token_endpoint"], first)
        assert (await client.get(f"{about['issuer']}/me")).json()["id"] == "person-li-na"
        answer = await client.revoke_token(about["revocation_endpoint"], token["refresh_token"])
        assert answer.status_code == 200


async def test_authlib_asks_for_a_program(served: Identity, key: ec.EllipticCurvePrivateKey) -> None:
    about = await issuer(served)
    async with AsyncOAuth2Client("odd", SECRET, token_endpoint_auth_method="client_secret_basic") as client:
        assert (await client.fetch_token(about["token_endpoint"], grant_type="client_credentials"))["access_token"]
    async with AsyncOAuth2Client(
        "keyed", ECKey.import_key(pem(key)), token_endpoint_auth_method="private_key_jwt"
    ) as client:
        client.register_client_auth_method(PrivateKeyJWT(about["token_endpoint"], headers={"kid": "k-1"}, alg="ES256"))
        assert (await client.fetch_token(about["token_endpoint"], grant_type="client_credentials"))["access_token"]


async def test_openid_client_goes_all_the_way(served: Identity, key: ec.EllipticCurvePrivateKey) -> None:
    told = await journey(
        {
            "issuer": served.desk.issuer,
            "redirect_uri": RETURN,
            "home": HOME,
            "login": LI_NA["login"],
            "password": PASSWORD,
            "secret": SECRET,
            "key": pem(key),
        }
    )
    assert told["claims"]["sub"] == told["me"] == told["userinfo"]["sub"] == "person-li-na"
    assert told["userinfo"]["name"] == LI_NA["name"]
    assert told["left"] == f"{HOME}?state=bye"
    assert told["bySecret"] == told["byKey"] == "bearer"
    assert (told["givenUp"], told["byWrongSecret"]) == ("invalid_grant", "OAUTH_WWW_AUTHENTICATE_CHALLENGE")
    assert told["wrongState"] == "OAUTH_INVALID_RESPONSE"
    assert told["wrongSubject"] == "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED"


async def journey(wanted: dict[str, Any]) -> dict[str, Any]:
    """What openid-client got. It is installed once, from its lock."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not here")
    if not (CACHE / "node_modules" / ".package-lock.json").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(FOREIGN / name, CACHE / name)
        await _run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    shutil.copy(FOREIGN / "journey.mjs", CACHE / "journey.mjs")
    found: dict[str, Any] = json.loads(await _run("node", "journey.mjs", json.dumps(wanted)))
    return found


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=CACHE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), SECONDS)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_the_document_is_where_clients_look_for_it(served: Identity) -> None:
    async with httpx.AsyncClient(base_url=served.desk.issuer) as http:
        assert (await http.get("/.well-known/openid-configuration")).json() == await issuer(served)
