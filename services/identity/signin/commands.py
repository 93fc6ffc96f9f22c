"""Signing people in, and handing out access tokens."""

import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

import structlog

from services.identity.accounts import store
from services.identity.accounts.domain import Client, client_id
from services.identity.desk import Desk
from services.identity.signin.domain import (
    CHALLENGE_PATTERN,
    CODE_LIFE,
    AuthorizationRequest,
    Grant,
    InvalidClient,
    InvalidGrant,
    OAuthError,
    TooManyAttempts,
    WrongCredentials,
)
from shared.caller import AUDIENCE, TOKEN_TYPE, Caller
from shared.errors import NotFound
from shared.ids import derived_id

TOKEN_LIFE = timedelta(minutes=5)
log = structlog.get_logger(__name__)


async def returning_client(desk: Desk, asked: Mapping[str, str]) -> Client:
    """The application that asks, once it is sure where to send answers. Raises `InvalidClient`."""
    client = await desk.clients.find(client_id(asked.get("client_id", "")))
    if client is None or client.kind != "application" or not client.may_return_to(asked.get("redirect_uri", "")):
        raise InvalidClient("The application or its return address is not known")
    return client


def checked(asked: Mapping[str, str], language: Literal["zh", "en"]) -> AuthorizationRequest:
    """The request of a known application. Raises `OAuthError` for what RFC 6749 section 4.1.2.1 sends back to it."""
    if asked.get("response_type") != "code":
        raise OAuthError("response_type must be code", code="unsupported_response_type")
    if asked.get("code_challenge_method") != "S256" or not re.fullmatch(
        CHALLENGE_PATTERN, asked.get("code_challenge", "")
    ):
        raise OAuthError("PKCE with S256 is required (RFC 7636)")
    if not 1 <= len(asked.get("state", "")) <= 500:
        raise OAuthError("state is required, 500 characters at most")
    return AuthorizationRequest(
        client=asked["client_id"],
        redirect_uri=asked["redirect_uri"],
        state=asked["state"],
        challenge=asked["code_challenge"],
        language=language,
    )


async def sign_in(desk: Desk, request: AuthorizationRequest, login: str, password: str) -> str:
    """A code for the application. Raises `WrongCredentials` or `TooManyAttempts`, alike for names nobody has."""
    login, now = login.strip().lower(), desk.clock.now()
    if wait := desk.throttle.wait(login, now):
        raise TooManyAttempts(wait)
    desk.throttle.tried(login, now)
    person = await store.by_login(desk.people, login)
    fits = await desk.passwords.fits(person.password_hash if person else None, password)
    if person is None or not fits:
        log.info("signin.refused", client=request.client)
        raise WrongCredentials
    desk.throttle.succeeded(login)
    code = secrets.token_urlsafe(32)
    grant = Grant(
        id=derived_id("grant", code),
        client=request.client,
        redirect_uri=request.redirect_uri,
        challenge=request.challenge,
        person=person.id,
        expires_at=now + CODE_LIFE,
        wake_at=now + CODE_LIFE,
    )
    await desk.grants.add(grant)
    log.info("signin.succeeded", client=request.client, account=person.id)
    return code


async def forget_grant(desk: Desk, id_: str) -> None:
    """A code whose time is over goes."""
    await desk.grants.collection.delete({"_id": id_, "wake_at": {"$lte": desk.clock.now()}})


async def redeem_code(desk: Desk, client: str, code: str, redirect_uri: str, verifier: str) -> str:
    """An access token for a code. Raises `InvalidGrant`, whatever is wrong with it."""
    now = desk.clock.now()
    try:
        grant = await desk.grants.change(
            derived_id("grant", code), lambda grant: grant.redeem(client, redirect_uri, verifier, now)
        )
    except NotFound:
        raise InvalidGrant from None
    person = await desk.people.get(grant.person)
    post = person.post
    organisation, division = (post.organisation, post.division) if post else (None, None)
    return access_token(desk, Caller(person.id, person.kind, organisation, division, client))


async def client_token(desk: Desk, code: str, secret: str) -> str:
    """An access token for a program. Raises `InvalidClient`, as slowly for a program nobody knows."""
    client = await desk.clients.find(client_id(code))
    fits = await desk.passwords.fits(client.secret_hash if client else None, secret)
    if client is None or client.kind == "application" or not fits:
        raise InvalidClient("The client is unknown or its secret is wrong")
    return access_token(desk, Caller(code, client.kind, client.organisation, client.division, code))


def access_token(desk: Desk, caller: Caller) -> str:
    """A signed access token (RFC 9068) of five minutes."""
    now = int(desk.clock.now().timestamp())
    claims = {
        "iss": desk.issuer,
        "sub": caller.id,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + int(TOKEN_LIFE.total_seconds()),
        "jti": secrets.token_urlsafe(16),
        "client_id": caller.client,
        "kind": caller.kind,
        "org": caller.org,
        "division": caller.division,
    }
    return desk.keyring.sign(claims, TOKEN_TYPE)
