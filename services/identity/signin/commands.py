"""Signing people in, and handing out access tokens."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import structlog

from services.identity.accounts import store
from services.identity.accounts.domain import Client, client_id
from services.identity.desk import Desk
from services.identity.sessions import commands as sessions
from services.identity.sessions.domain import Session
from services.identity.signin.domain import (
    CHALLENGE_PATTERN,
    CODE_LIFE,
    AuthorizationRequest,
    CodeReused,
    Grant,
    InvalidClient,
    InvalidGrant,
    LoginRequired,
    OAuthError,
    TooManyAttempts,
    WrongCredentials,
)
from shared.caller import AUDIENCE, TOKEN_TYPE, Caller
from shared.errors import NotFound
from shared.ids import derived_id

TOKEN_LIFE = timedelta(minutes=5)
PROMPTS = frozenset({"none", "login", "consent", "select_account"})
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Browser:
    """What it calls itself, and the secret of the session it has, if any."""

    name: str
    secret: str


async def returning_client(desk: Desk, asked: Mapping[str, str]) -> Client:
    """The application that asks, once it is sure where to send answers. Raises `InvalidClient`."""
    client = await desk.clients.find(client_id(asked.get("client_id", "")))
    if client is None or not client.may_be_told_at(asked.get("redirect_uri", "")):
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
    prompt, max_age = _prompt(asked)
    return AuthorizationRequest(
        client=asked["client_id"],
        redirect_uri=asked["redirect_uri"],
        state=asked["state"],
        challenge=asked["code_challenge"],
        language=language,
        prompt=prompt,
        max_age=max_age,
    )


def _prompt(asked: Mapping[str, str]) -> tuple[str, int | None]:
    """`prompt` and `max_age` (OpenID Connect Core section 3.1.2.1). Raises `OAuthError`."""
    prompt, max_age = asked.get("prompt", ""), asked.get("max_age", "")
    if set(prompt.split()) - PROMPTS or ("none" in prompt.split() and len(prompt.split()) > 1):
        raise OAuthError("prompt is none, or of login, consent and select_account")
    if not re.fullmatch(r"\d{0,9}", max_age, re.ASCII):
        raise OAuthError("max_age is a number of seconds")
    return prompt, int(max_age) if max_age else None


async def sign_in(
    desk: Desk, request: AuthorizationRequest, login: str, password: str, browser: Browser
) -> tuple[str, str]:
    """A code for the application, and the secret of a new session for the browser; the one it had is over.

    Raises `WrongCredentials` or `TooManyAttempts`, alike for names nobody has.
    """
    login, now = login.strip().lower(), desk.clock.now()
    if wait := desk.throttle.wait(login, now):
        raise TooManyAttempts(wait)
    desk.throttle.tried(login, now)
    person = await store.by_login(desk.people, desk.opened.hash("login", login))
    fits = await desk.passwords.fits(person.password_hash if person else None, password)
    if person is None or not fits:
        log.info("signin.refused", client=request.client)
        raise WrongCredentials
    desk.throttle.succeeded(login)
    await _leave(desk, browser.secret)
    session, secret = await sessions.begin(desk, person, browser.name)
    log.info("signin.succeeded", client=request.client, account=person.id)
    return await _code(desk, request, session), secret


async def _leave(desk: Desk, secret: str) -> None:
    """End the session of a browser, if it has one."""
    if secret and (found := await sessions.live(desk, sessions.session_id(secret))) is not None:
        session, person = found
        await sessions.end(desk, person.id, session.id)


async def go_on(desk: Desk, request: AuthorizationRequest, secret: str) -> str | None:
    """A code for the application where the browser is signed in already and that is enough; else `None`.

    Raises `LoginRequired` where it is not, and nobody may be asked. An address that any program on the machine can
    take (loopback, an app's own scheme) proves nothing about who asks: there the person is asked, always (RFC 8252
    section 8.6).
    """
    found = await sessions.live(desk, sessions.session_id(secret)) if secret else None
    is_known = request.redirect_uri.startswith("https:")
    if found is not None and is_known and request.is_enough(found[0].begun_at, desk.clock.now()):
        return await _code(desk, request, found[0])
    if not request.may_ask:
        raise LoginRequired
    return None


async def _code(desk: Desk, request: AuthorizationRequest, session: Session) -> str:
    code, until = secrets.token_urlsafe(32), desk.clock.now() + CODE_LIFE
    grant = Grant(
        id=derived_id("grant", code),
        client=request.client,
        redirect_uri=request.redirect_uri,
        challenge=request.challenge,
        session=session.id,
        expires_at=until,
        wake_at=until,
    )
    await desk.grants.add(grant)
    return code


async def forget_grant(desk: Desk, id_: str) -> None:
    """A code whose time is over goes."""
    await desk.grants.collection.delete({"_id": id_, "wake_at": {"$lte": desk.clock.now()}})


async def redeem_code(desk: Desk, client: str, code: str, redirect_uri: str, verifier: str) -> str:
    """An access token for a code. Raises `InvalidGrant`, whatever is wrong with it.

    A code that is used again with its proof ends what it gave, with the session (RFC 6749 section 4.1.2). Without the
    proof it does not: who reads a code somewhere could sign people out.
    """
    now = desk.clock.now()
    try:
        grant = await desk.grants.change(
            derived_id("grant", code), lambda grant: grant.redeem(client, redirect_uri, verifier, now)
        )
    except CodeReused:
        if (known := await desk.grants.find(derived_id("grant", code))) is not None:
            log.warning("signin.code-reused", client=client)
            await desk.sessions.change(known.session, lambda session: session.end(now))
        raise
    except NotFound:
        raise InvalidGrant from None
    found, application = await sessions.live(desk, grant.session), await desk.clients.find(client_id(client))
    if found is None or application is None or not application.may_be_told_at(redirect_uri):
        raise InvalidGrant
    session, person = found
    post = person.post
    organisation, division = (post.organisation, post.division) if post else (None, None)
    caller = Caller(person.id, person.kind, organisation, division, client, session.id)
    versions = Versions(application.token_version, person.token_version, session.token_version)
    return access_token(desk, caller, versions)


async def client_token(desk: Desk, code: str, secret: str) -> str:
    """An access token for a program. Raises `InvalidClient`, as slowly for a program nobody knows."""
    client = await desk.clients.find(client_id(code))
    fits = await desk.passwords.fits(client.secret_hash if client else None, secret)
    if client is None or client.kind == "application" or not fits:
        raise InvalidClient("The client is unknown or its secret is wrong")
    caller = Caller(code, client.kind, client.organisation, client.division, code)
    return access_token(desk, caller, Versions(client=client.token_version))


@dataclass(frozen=True, slots=True)
class Versions:
    """Of what a token stands on, when it is given."""

    client: int
    user: int = 0
    session: int = 0


def access_token(desk: Desk, caller: Caller, versions: Versions) -> str:
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
        "cv": versions.client,
    }
    if caller.session is not None:
        claims |= {"sid": caller.session, "sv": versions.session, "uv": versions.user}
    return desk.keyring.sign(claims, TOKEN_TYPE)
