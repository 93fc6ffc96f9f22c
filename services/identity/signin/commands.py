"""Signing people in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import structlog

from services.identity.accounts import store
from services.identity.accounts.domain import Client, client_id
from services.identity.audit import acts
from services.identity.desk import Desk
from services.identity.oauth import InvalidClient, LoginRequired, OAuthError, asked_scope
from services.identity.sessions import commands as sessions
from services.identity.sessions.domain import Session
from services.identity.signin.domain import AuthorizationRequest, TooManyAttempts, WrongCredentials
from services.identity.tokens.capacity import capacity
from services.identity.tokens.commands import Asked, give_code
from services.identity.tokens.domain import CHALLENGE_PATTERN
from shared.contracts.acts import Actor

PROMPTS = frozenset({"none", "login", "consent", "select_account"})
UNSUPPORTED = {"request": "request_not_supported", "request_uri": "request_uri_not_supported"}
"""Asking in a signed object is not for us (OpenID Connect Core section 6): who asks so is told, not half understood."""
LONGEST = 500
"""Characters of `state` and `nonce`."""
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


def checked(client: Client, asked: Mapping[str, str], language: Literal["zh", "en"]) -> AuthorizationRequest:
    """The request of a known application. Raises `OAuthError` for what RFC 6749 section 4.1.2.1 sends back to it."""
    for name, code in UNSUPPORTED.items():
        if name in asked:
            raise OAuthError(f"{name} is not supported", code=code)
    if asked.get("response_type") != "code":
        raise OAuthError("response_type must be code", code="unsupported_response_type")
    if asked.get("response_mode", "query") != "query":
        raise OAuthError("response_mode must be query")
    if asked.get("code_challenge_method") != "S256" or not re.fullmatch(
        CHALLENGE_PATTERN, asked.get("code_challenge", "")
    ):
        raise OAuthError("PKCE with S256 is required (RFC 7636)")
    if not 1 <= len(asked.get("state", "")) <= LONGEST or len(asked.get("nonce", "")) > LONGEST:
        raise OAuthError(f"state is required, and {LONGEST} characters at most, as nonce")
    prompt, max_age = _prompt(asked)
    return AuthorizationRequest(
        client=asked["client_id"],
        redirect_uri=asked["redirect_uri"],
        state=asked["state"],
        challenge=asked["code_challenge"],
        scope=asked_scope(asked.get("scope", ""), set(client.scopes)),
        nonce=asked.get("nonce", ""),
        login_hint=asked.get("login_hint", "")[:LONGEST],
        acting_as=asked.get("acting_as"),
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
    desk: Desk, by: Actor, request: AuthorizationRequest, login: str, password: str, browser: Browser
) -> tuple[str, str]:
    """A code for the application, and the secret of a new session for the browser; the one it had is over.

    Raises `WrongCredentials` or `TooManyAttempts`, alike for names nobody has.
    """
    login, now = login.strip().lower(), desk.clock.now()
    nobody = f"login-{desk.audit.places.digest('login', login)}"
    if wait := desk.throttle.wait(login, now):
        await _refused(desk, by, request.client, nobody, TooManyAttempts.code)
        raise TooManyAttempts(wait)
    desk.throttle.tried(login, now)
    person = await store.by_login(desk.people, desk.opened.hash("login", login))
    fits = await desk.passwords.fits(person.password_hash if person else None, password)
    if person is None or not fits:
        log.info("signin.refused", client=request.client)
        await _refused(desk, by, request.client, person.id if person else nobody, WrongCredentials.code)
        raise WrongCredentials
    desk.throttle.succeeded(login)
    await sessions.leave(desk, by, browser.secret, "signed-in-again")
    session, secret = await sessions.begin(desk, by, person, browser.name, request.client)
    log.info("signin.succeeded", client=request.client, account=person.id)
    return await _answer(desk, request, session), secret


async def _refused(desk: Desk, by: Actor, client: str, whom: str, ground: str) -> None:
    act = acts.sign_in_refused(by.model_copy(update={"client": client}), whom, ground)
    await desk.audit.sheets.note_some(act, acts.REFUSALS, acts.sign_in_refused(by, acts.SEVERAL, ground))


async def go_on(desk: Desk, request: AuthorizationRequest, secret: str) -> str | None:
    """A code for the application where the browser is signed in already and that is enough; else `None`.

    Raises `LoginRequired` where it is not, and nobody may be asked. An address that any program on the machine can
    take (loopback, an app's own scheme) proves nothing about who asks: there the person is asked, always (RFC 8252
    section 8.6).
    """
    found = await sessions.live(desk, sessions.session_id(secret)) if secret else None
    is_known = request.redirect_uri.startswith("https:")
    if found is not None and is_known and request.is_enough(found[0].begun_at, desk.clock.now()):
        session = await desk.sessions.change(found[0].id, lambda session: session.serve(request.client))
        return await _answer(desk, request, session)
    if not request.may_ask:
        raise LoginRequired
    return None


async def _answer(desk: Desk, request: AuthorizationRequest, session: Session) -> str:
    """A code for the application. Raises `AccessDenied` where the person may not act as it was asked."""
    person = await desk.people.get(session.person)
    await capacity(desk, person, request.acting_as)
    asked = Asked(
        request.client, request.redirect_uri, request.challenge, request.scope, request.nonce, request.acting_as
    )
    return await give_code(desk, asked, session)
