"""The signing key and the issuer's documents."""

import asyncio

import httpx
import jwt
import pytest
from pydantic import SecretStr

from services.identity.app import build_for_tests
from shared.contracts.identity import KeyPublished
from shared.store.memory import MemoryDatabase
from shared.testing import FakeClock, MemoryBus
from tests.service.identity.conftest import ISSUER, OPERATOR_SECRET, Identity, settings


async def test_the_public_key_is_published_and_served_alike(identity: Identity) -> None:
    await identity.bus.settle()
    (row,) = identity.bus.said(KeyPublished, topic="identity.keys")
    assert (await identity.http.get("/jwks.json")).json() == {"keys": [row]}
    token = (await identity.client_token("operator", OPERATOR_SECRET)).json()["access_token"]
    claims = jwt.decode(
        token, jwt.PyJWK(row), ["ES256"], audience="tongban", options={"verify_exp": False, "verify_iat": False}
    )
    assert (claims["iss"], claims["sub"], claims["kind"]) == (ISSUER, "operator", "operator")
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    assert claims["exp"] - claims["iat"] == 300


async def test_the_private_key_is_closed_in_the_store(identity: Identity) -> None:
    (document,) = await identity.database.collection("keys").find({})
    assert document["private_pem"].startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert all("PRIVATE" not in str(record.value) for record in identity.bus.records)


async def test_replicas_that_start_at_once_share_one_key(identity: Identity) -> None:
    bus, clock = MemoryBus(), FakeClock()
    from_nothing = MemoryDatabase()
    replicas = [build_for_tests(settings(), from_nothing, clock, bus, identity.kms) for _ in range(4)]
    await asyncio.gather(*(runtime.prepare() for _, runtime, _ in replicas))
    assert len({tuple(desk.keyring.published) for _, _, desk in replicas}) == 1
    assert len(await from_nothing.collection("keys").find({})) == 1
    clients = {document["_id"] for document in await from_nothing.collection("clients").find({})}
    assert clients == {"client-operator", "client-tongban-account"}


async def test_a_restart_keeps_the_key_and_makes_no_event(identity: Identity) -> None:
    await identity.bus.settle()
    before = len(identity.bus.records)
    _, runtime, desk = build_for_tests(settings(), identity.database, identity.clock, identity.bus, identity.kms)
    await identity.bus.join(runtime)
    await identity.bus.settle()
    assert len(identity.bus.records) == before
    assert desk.keyring.published == identity.desk.keyring.published


async def test_another_passphrase_is_told_by_its_name(identity: Identity) -> None:
    wrong = settings().model_copy(update={"key_passphrase": SecretStr("canary another passphrase")})
    _, runtime, _ = build_for_tests(wrong, identity.database, identity.clock, identity.bus, identity.kms)
    with pytest.raises(ValueError, match="TONGBAN_KEY_PASSPHRASE") as caught:
        await runtime.prepare()
    assert "canary" not in str(caught.value)


async def test_before_the_key_is_open_nobody_gets_a_token() -> None:
    app, _, _ = build_for_tests(settings(), MemoryDatabase(), FakeClock(), MemoryBus())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ISSUER) as http:
        assert (await http.get("/jwks.json")).status_code == 503


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"])
async def test_the_metadata_says_what_is_true(identity: Identity, path: str) -> None:
    told = (await identity.http.get(path)).json()
    assert told["issuer"] == ISSUER
    paths = set((await identity.http.get("/openapi.json")).json()["paths"])
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        assert told[name].removeprefix(ISSUER) in paths
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert not {"id_token_signing_alg_values_supported", "userinfo_endpoint", "end_session_endpoint"} & told.keys()
