"""Clients prove who they are: nothing (public applications), a secret, or an assertion by their own key (RFC 7523)."""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

import jwt
import structlog

from services.identity.accounts.domain import Client, client_id
from services.identity.desk import Desk
from services.identity.oauth import InvalidClient, OAuthError
from services.identity.tokens.domain import Assertion
from shared.caller import ALGORITHM
from shared.ids import derived_id
from shared.store import AlreadyThere

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ASSERTION = 4096
LIFE, LEEWAY = timedelta(hours=1), timedelta(seconds=5)
"""How far ahead an assertion may expire (well-kept libraries make them for an hour; each works once whatever it says);
by how much the client's clock may be wrong."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request says about its client; the fields of the form are empty where they are not there."""

    header: str | None
    client_id: str = ""
    assertion_type: str = ""
    assertion: str = ""


Look = Callable[[str], Awaitable[Client | None]]
"""The client of that name."""


async def authenticated(desk: Desk, proof: Proof) -> Client:
    """The client that asks. Raises `InvalidClient`, as slowly for one nobody knows, and `OAuthError` for two proofs
    at once (RFC 6749 section 2.3)."""
    seen: list[Client] = []

    async def look(code: str) -> Client | None:
        if (client := await desk.applications.find(client_id(code))) is not None:
            seen.append(client)
        return client

    try:
        return await _proven(desk, look, proof)
    except InvalidClient:
        if not seen or (now := await desk.clients.find(seen[-1].id)) is None or now.v == seen[-1].v:
            raise
    # It was changed at another replica a moment ago: nobody is refused for what is remembered here.
    desk.applications.forget(seen[-1].id)
    return await _proven(desk, look, proof)


async def _proven(desk: Desk, look: Look, proof: Proof) -> Client:
    if proof.assertion or proof.assertion_type:
        if proof.header is not None:
            raise OAuthError("one way to prove who the client is, not two")
        client = await _by_assertion(desk, look, proof)
    elif proof.header is not None:
        client = await _by_secret(desk, look, proof.header)
    else:
        client = await _public(look, proof.client_id)
    if proof.client_id not in ("", client.code):
        raise InvalidClient("client_id names another client", client.code)
    return client


async def _public(look: Look, code: str) -> Client:
    client = await look(code) if code else None
    if client is None or not client.is_public:
        raise InvalidClient("This needs the client's name and secret (HTTP Basic) or its assertion")
    return client


async def _by_secret(desk: Desk, look: Look, header: str) -> Client:
    name, secret = _basic(header)
    client = await look(name)
    if not await desk.passwords.fits_program(client.secret_hash if client else None, secret) or client is None:
        raise InvalidClient("The client is unknown or its secret is wrong", client.code if client else None)
    return client


def _basic(header: str) -> tuple[str, str]:
    """Name and secret of `Authorization: Basic`, both form-encoded inside it (RFC 6749 section 2.3.1)."""
    scheme, _, encoded = header.partition(" ")
    try:
        name, separator, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        name = separator = secret = ""
    if scheme.lower() != "basic" or not separator:
        raise InvalidClient("This needs the client's name and secret (HTTP Basic)")
    return unquote_plus(name), unquote_plus(secret)


async def _by_assertion(desk: Desk, look: Look, proof: Proof) -> Client:
    if proof.assertion_type != JWT_BEARER:
        raise InvalidClient(f"client_assertion_type is {JWT_BEARER}")
    try:
        client, claims = await _checked(desk, look, proof.assertion)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        # One answer for every reason; the operator can read it.
        log.info("client.refused", why=type(error).__name__)
        raise InvalidClient("The client is unknown or its assertion is not good") from None
    used = Assertion(
        id=derived_id("assertion", client.code, claims["jti"]),
        wake_at=datetime.fromtimestamp(claims["exp"], UTC) + 2 * LEEWAY,
    )
    try:
        await desk.assertions.add(used)
    except AlreadyThere:
        raise InvalidClient("The assertion was used before", client.code) from None
    return client


async def _checked(desk: Desk, look: Look, assertion: str) -> tuple[Client, dict[str, Any]]:
    """The client whose key signed the assertion for us, with its claims. Raises what is wrong with it."""
    if len(assertion) > LONGEST_ASSERTION:
        raise ValueError("too long")
    header = jwt.get_unverified_header(assertion)
    if header["alg"] != ALGORITHM:
        raise ValueError("not our algorithm")
    name = jwt.decode(assertion, options={"verify_signature": False})["sub"]
    client = await look(name) if isinstance(name, str) else None
    keys = client.keys_named(header.get("kid")) if client is not None else []
    if client is None or not keys:
        raise KeyError("no such client or key")
    claims = _verified(desk, assertion, name, keys)
    now, leeway = desk.clock.now().timestamp(), LEEWAY.total_seconds()
    begins = max((claims[time] for time in ("iat", "nbf") if time in claims), default=now)
    is_of_now = begins - leeway <= now < claims["exp"] + leeway <= now + LIFE.total_seconds() + 2 * leeway
    if not is_of_now or not re.fullmatch(r".{1,200}", claims["jti"]):
        raise ValueError("too old, too long or from the future")
    return client, claims


def _verified(desk: Desk, assertion: str, name: str, keys: list[dict[str, str]]) -> dict[str, Any]:
    """The claims, by the first key that fits. `aud` is the issuer or the token endpoint, and nothing beside."""
    refused: jwt.PyJWTError = jwt.InvalidSignatureError("no key fits")
    for key in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                assertion,
                jwt.PyJWK(key, ALGORITHM),
                algorithms=[ALGORITHM],
                issuer=name,
                # Times are checked by our own clock.
                options={
                    "verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False,
                    "require": ["iss", "sub", "aud", "exp", "jti"],
                },
            )  # fmt: skip
        except jwt.InvalidSignatureError as error:
            refused = error
            continue
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if not audience or not set(audience) <= {desk.issuer, f"{desk.issuer}/token"}:
            raise jwt.InvalidAudienceError("for somebody else")
        return claims
    raise refused
