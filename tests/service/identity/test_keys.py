"""The signing key and the issuer's documents."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_der_private_key,
)
from pydantic import SecretStr

from services.identity.app import build_for_tests
from services.identity.keys.domain import EVERY, KEPT
from shared.contracts.identity import KeyPublished
from shared.store.memory import MemoryDatabase
from shared.testing import FakeClock, MemoryBus, eventually
from tests.service.identity.acts import REFRESHING
from tests.service.identity.conftest import ISSUER, OPERATOR_SECRET, RETURN, VERIFIER, WEB, Identity, settings


def spoken(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a JWK."""
    return {name: value for name, value in row.items() if name != "not_after"}


async def keys(identity: Identity, method: str = "GET", path: str = "/keys") -> list[dict[str, Any]]:
    answer = await identity.http.request(method, path, headers=identity.operator())
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def token(identity: Identity) -> str:
    found: str = (await identity.client_token("operator", OPERATOR_SECRET)).json()["access_token"]
    return found


def kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def accepted(identity: Identity, token: str) -> bool:
    await identity.bus.settle()
    return (await identity.me(token)).status_code == 200


async def test_a_key_and_the_next_one_are_published_and_served(identity: Identity) -> None:
    await identity.bus.settle()
    rows = identity.bus.said(KeyPublished, topic="identity.keys")
    assert (await identity.http.get("/jwks.json")).json() == {"keys": [spoken(row) for row in rows]}
    first, following = await keys(identity)
    assert (first["state"], following["state"]) == ("active", "next")
    claims = jwt.decode(
        given := await token(identity),
        jwt.PyJWK(spoken(rows[0])),
        ["ES256"],
        audience="tongban",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert (claims["iss"], claims["sub"], claims["kind"]) == (ISSUER, "operator", "operator")
    assert jwt.get_unverified_header(given) == {"alg": "ES256", "typ": "at+jwt", "kid": first["kid"]}
    assert claims["exp"] - claims["iat"] == 300


async def test_keys_follow_each_other_without_a_restart(identity: Identity) -> None:
    await identity.bus.settle()
    seen = []
    for _ in range(3):
        before, signing, following = await token(identity), *[key["kid"] for key in (await keys(identity))[-2:]]
        assert kid(before) == signing
        seen.append(signing)
        identity.clock.forward(EVERY - timedelta(seconds=1))
        last = await token(identity)
        assert kid(last) == signing
        identity.clock.forward(timedelta(seconds=1))
        after = await token(identity)
        assert kid(after) == following, "all replicas change over by the clock alone"
        assert await accepted(identity, last)
        assert await accepted(identity, after)
        states = [key["state"] for key in await keys(identity)]
        assert states == ["retired", "active", "next"]
        identity.clock.forward(KEPT)
        await identity.bus.settle()
        assert [key["state"] for key in await keys(identity)] == ["active", "next"]
        assert signing not in str(await identity.database.collection("signing_keys").find({})), "it is gone for good"
        identity.clock.forward(-KEPT)
    assert len(set(seen)) == 3


async def test_the_next_key_can_sign_earlier(identity: Identity) -> None:
    await identity.bus.settle()
    before = await token(identity)
    first, second, third = await rotated(identity)
    assert [key["state"] for key in (first, second, third)] == ["retired", "active", "next"]
    assert kid(await token(identity)) == second["kid"]
    assert await accepted(identity, before)


async def rotated(identity: Identity) -> list[dict[str, Any]]:
    await keys(identity, "POST", "/keys/rotate")
    await identity.bus.settle()
    return await keys(identity)


async def test_a_key_that_is_lost_proves_nothing_any_more(identity: Identity) -> None:
    await identity.bus.settle()
    before, form = await token(identity), (await keys(identity))[0]["kid"]
    await keys(identity, "DELETE", f"/keys/{form}")
    await identity.bus.settle()
    assert (await identity.me(before)).json()["code"] == "token_invalid"
    states = {key["kid"]: key["state"] for key in await keys(identity)}
    assert sorted(states.values()) == ["active", "ended", "next"]
    assert states[form] == "ended"
    assert form not in (await identity.http.get("/jwks.json")).text
    assert await accepted(identity, await token(identity))


async def test_all_keys_can_be_lost(identity: Identity) -> None:
    await identity.bus.settle()
    lost = [key["kid"] for key in await keys(identity)]
    for one in lost:
        await keys(identity, "DELETE", f"/keys/{one}")
        await identity.bus.settle()
    good = await token(identity)
    assert kid(good) not in lost
    assert await accepted(identity, good)
    assert "next" in {key["state"] for key in await keys(identity)}
    assert (await identity.http.delete(f"/keys/{'x' * 43}", headers=identity.operator())).status_code == 404


async def test_another_replica_hears_of_it_from_the_topic(identity: Identity) -> None:
    _, runtime, other = build_for_tests(settings(), identity.database, identity.clock, identity.bus, identity.kms)
    await identity.bus.join(runtime)
    await identity.bus.settle()
    async with runtime.running():
        await identity.bus.settle()
        signing = (await rotated(identity))[1]["kid"]

        async def changed_over() -> bool:
            return kid(other.keyring.sign({}, "x")) == str(signing)

        await eventually(changed_over)


async def test_a_service_that_was_down_for_long_has_a_key_again(identity: Identity) -> None:
    await identity.bus.settle()
    identity.clock.forward(4 * EVERY)
    _, runtime, desk = build_for_tests(settings(), identity.database, identity.clock, identity.bus, identity.kms)
    await runtime.prepare()
    assert desk.keyring.signing(identity.clock.now()) is not None
    await identity.bus.settle()
    assert [key["state"] for key in await keys(identity)][-2:] == ["active", "next"]


async def test_the_private_key_is_closed_in_the_store(identity: Identity) -> None:
    for document in await identity.database.collection("signing_keys").find({}):
        about = f"signing key {document['public']['kid']}"
        assert load_der_private_key(identity.desk.vault.open(document["private_pem"], about), None)
    assert all("PRIVATE" not in str(record.value) for record in identity.bus.records)


async def test_a_closed_key_is_bound_to_its_name(identity: Identity) -> None:
    kept = identity.database.collection("signing_keys")
    for document in await kept.find({}):
        other = document["public"] | {"kid": "another"}
        await kept.update({"_id": document["_id"]}, {"$set": {"public": other}})
    _, runtime, _ = build_for_tests(settings(), identity.database, identity.clock, identity.bus, identity.kms)
    with pytest.raises(ValueError, match="TONGBAN_KEY_PASSPHRASE"):
        await runtime.prepare()


async def test_a_key_of_an_earlier_version_is_opened_as_it_was_closed(identity: Identity) -> None:
    """As PEM, closed as the library thought best; two months later the last of them is gone."""
    kept, before = identity.database.collection("signing_keys"), identity.desk.keyring
    passphrase = settings().key_passphrase.get_secret_value().encode()
    for document in await kept.find({}):
        private = before.opened(identity.desk.keys.load(document))
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
        await kept.update({"_id": document["_id"]}, {"$set": {"private_pem": pem.decode()}})
    _, runtime, desk = build_for_tests(settings(), identity.database, identity.clock, identity.bus, identity.kms)
    await runtime.prepare()
    assert kid(desk.keyring.sign({}, "jwt")) == kid(before.sign({}, "jwt"))


async def test_replicas_that_start_at_once_share_one_key(identity: Identity) -> None:
    bus, clock = MemoryBus(), FakeClock()
    from_nothing = MemoryDatabase()
    replicas = [build_for_tests(settings(), from_nothing, clock, bus, identity.kms) for _ in range(4)]
    await asyncio.gather(*(runtime.prepare() for _, runtime, _ in replicas))
    assert len({tuple(desk.keyring.published) for _, _, desk in replicas}) == 1
    assert len(await from_nothing.collection("signing_keys").find({})) == 1
    clients = {document["_id"] for document in await from_nothing.collection("clients").find({})}
    assert clients == {"client-operator"}


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
    addresses = [address for name, address in told.items() if name.endswith(("_endpoint", "jwks_uri"))]
    assert len(addresses) == 6
    assert {address.removeprefix(ISSUER) for address in addresses} <= paths
    assert told["code_challenge_methods_supported"] == ["S256"]


# -- starting ---------------------------------------------------------------------------------------------


def starting(answer: httpx.Response, why: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, why), answer.text
    assert answer.headers["retry-after"]


async def test_who_comes_while_it_starts_comes_again_and_has_lost_nothing(
    city: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has read neither its keys nor the topics calls nothing bad, and uses nothing up."""
    await city.put("/clients/web", WEB | {"scopes": REFRESHING["scope"].split()})
    tokens = (await city.redeem(await city.code_for(**REFRESHING))).json()
    headers, form = {"Authorization": f"Bearer {tokens['access_token']}"}, await city.form()
    code = await replace(city, http=city.browser()).code()
    app, runtime, _ = build_for_tests(settings(), city.database, city.clock, city.bus, city.kms)
    monkeypatch.setattr(runtime.tables, "age", lambda _: float("inf"))
    operator, form_of_hers = ("operator", OPERATOR_SECRET), {"request": form, "login": "li.na", "password": "x"}
    grants: list[dict[str, Any]] = [
        {
            "grant_type": "authorization_code",
            "client_id": "web",
            "code": code,
            "redirect_uri": RETURN,
            "code_verifier": VERIFIER,
        },
        {"grant_type": "refresh_token", "client_id": "web", "refresh_token": tokens["refresh_token"]},
    ]
    here = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=here, base_url=ISSUER, cookies=city.http.cookies) as http:
        for method, path in (("GET", "/me"), ("DELETE", "/me/sessions")):
            starting(await http.request(method, path, headers=headers), "revocations_stale")
        for grant in grants:
            starting(await http.post("/token", data=grant), "unavailable")
        starting(await http.post("/token", data={"grant_type": "client_credentials"}, auth=operator), "unavailable")
        starting(await http.post("/authorize", data=form_of_hers), "unavailable")
        starting(await http.get("/jwks.json"), "unavailable")
    assert [(await city.http.post("/token", data=grant)).status_code for grant in grants] == [200, 200], (
        "none is used up"
    )
    assert (await city.http.get("/me", headers=headers)).status_code == 200


async def test_keys_that_were_not_heard_of_for_long_count_as_little_as_revocations(
    city: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is lost is told by its row alone."""
    monkeypatch.setattr(city.runtime.tables, "age", lambda topic: 61.0 if topic == "identity.keys" else 0.0)
    answer = await city.http.get("/me", headers=city.operator())
    assert (answer.status_code, answer.json()["code"]) == (503, "revocations_stale")
