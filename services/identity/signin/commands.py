"""Signing people in."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import structlog

from services.identity.accounts import store
from services.identity.accounts.domain import Client, Person, client_id
from services.identity.attempts.commands import attempt
from services.identity.attempts.domain import ADDRESSES, CODES, PASSWORDS, TooManyAttempts
from services.identity.audit import acts
from services.identity.consents import commands as consents
from services.identity.consents.domain import ConsentRequired
from services.identity.desk import Desk
from services.identity.factors import commands as factors
from services.identity.factors.domain import FormUsed, WrongFactor
from services.identity.oauth import InvalidClient, LoginRequired, OAuthError, UnmetAuthentication, asked_scope
from services.identity.sessions import commands as sessions
from services.identity.sessions.commands import Browser
from services.identity.sessions.domain import Session, Shown
from services.identity.signin.domain import (
    AuthorizationRequest,
    Door,
    Halfway,
    Stale,
    Visit,
    Wish,
    WrongCredentials,
)
from services.identity.tokens.capacity import capacity, choices
from services.identity.tokens.commands import Asked, give_code
from services.identity.tokens.domain import CHALLENGE_PATTERN
from shared.contracts.acts import Actor
from shared.contracts.identity import ActNoted

PROMPTS = frozenset({"none", "login", "consent", "select_account"})
UNSUPPORTED = {"request": "request_not_supported", "request_uri": "request_uri_not_supported"}
"""Asking in a signed object is not for us (OpenID Connect Core section 6): who asks so is told, not half understood."""
LONGEST = 500
"""Characters of `state` and `nonce`."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody is signed in; what the browser keeps of it from now on."""

    session: Session
    kept: str


@dataclass(frozen=True, slots=True)
class Proof:
    """The second factor that was shown: one of these."""

    code: str = ""
    recovery: str = ""
    passkey: str = ""


async def returning_client(desk: Desk, asked: Mapping[str, str]) -> Client:
    """The application that asks, once it is sure where to send answers. Raises `InvalidClient`."""
    id_, address = client_id(asked.get("client_id", "")), asked.get("redirect_uri", "")
    client = await desk.applications.find(id_)
    if client is not None and not client.may_be_told_at(address):  # as it was a moment ago; and now?
        client = await desk.clients.find(id_)
    if client is None or not client.may_be_told_at(address):
        raise InvalidClient("The application or its return address is not known")
    return client


async def is_known(desk: Desk, wish: Wish) -> bool:
    """Whether who asked may still be told there."""
    if isinstance(wish, Visit):
        return True
    try:
        await returning_client(desk, {"client_id": wish.client, "redirect_uri": wish.redirect_uri})
    except OAuthError:
        return False
    return True


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
        acr_values=asked.get("acr_values", "")[:LONGEST],
    )


def _prompt(asked: Mapping[str, str]) -> tuple[str, int | None]:
    """`prompt` and `max_age` (OpenID Connect Core section 3.1.2.1). Raises `OAuthError`."""
    prompt, max_age = asked.get("prompt", ""), asked.get("max_age", "")
    if set(prompt.split()) - PROMPTS or ("none" in prompt.split() and len(prompt.split()) > 1):
        raise OAuthError("prompt is none, or of login, consent and select_account")
    if not re.fullmatch(r"\d{0,9}", max_age, re.ASCII):
        raise OAuthError("max_age is a number of seconds")
    return prompt, int(max_age) if max_age else None


async def sign_in(desk: Desk, by: Actor, wish: Wish, login: str, password: str, browser: Browser) -> Arrived | Halfway:
    """A new session for the browser, and the one it had is over; or, where the person has a second factor, halfway
    there. Raises `WrongCredentials` or `TooManyAttempts`, alike for names nobody has."""
    login = login.strip().lower()
    try:
        async with attempt(desk, (PASSWORDS, login), (ADDRESSES, browser.address)):
            person = await _of_password(desk, login, password)
    except (WrongCredentials, TooManyAttempts) as error:
        known = error.account if isinstance(error, WrongCredentials) else None
        nobody = f"login-{desk.audit.places.digest('login', login)}"
        await _refused(desk, acts.sign_in_refused, by, wish, known or nobody, error.code)
        raise
    if desk.passwords.is_dated(person.password_hash):
        before, after = person.password_hash, await desk.passwords.hash(password)
        await desk.people.change(person.id, lambda known: known.rehash(before, after))
    shown = Shown()
    if (await factors.of(desk, person.id)).are_there:
        return _halfway(desk, wish, person, shown)
    return await _arrive(desk, by, wish, person, shown, browser)


async def enter_by_passkey(desk: Desk, by: Actor, door: Door, text: str, browser: Browser) -> Arrived:
    """The same with a passkey alone, which is two factors: to have the device, and to open it. Raises `WrongFactor` or
    `TooManyAttempts`."""
    try:
        async with attempt(desk, (ADDRESSES, browser.address)):
            id_, shown = await factors.prove_by_passkey(desk, door.challenge, text)
            if (person := await desk.people.find(id_)) is None or person.forgotten_at is not None:
                raise WrongFactor
    except (WrongFactor, TooManyAttempts) as error:  # whose it is, nobody has proved
        await _refused(desk, acts.sign_in_refused, by, door.wish, acts.PASSKEY, error.code)
        raise
    return await _arrive(desk, by, door.wish, person, shown, browser)


async def finish(desk: Desk, by: Actor, half: Halfway, proof: Proof, browser: Browser) -> Arrived:
    """The second factor. Raises `WrongFactor`, `TooManyAttempts`, and `Stale` where what was shown before counts no
    more, or the page was used."""
    person = await _waiting(desk, half, browser)
    try:
        async with attempt(desk, (CODES, person.id), (ADDRESSES, browser.address)):
            shown = await _second(desk, by, half, proof)
    except (WrongFactor, TooManyAttempts) as error:
        await _refused(desk, acts.second_factor_refused, by, half.wish, person.id, error.code)
        raise
    return await _arrive(desk, by, half.wish, person, factors.beside(half.amr, shown), browser, half.session)


async def go_on(desk: Desk, wish: Wish, browser: Browser) -> Arrived | Halfway | None:
    """Where the browser is signed in already: there, or halfway there. `None`: the person is to be asked for all.

    Raises `LoginRequired` and `UnmetAuthentication` where something is missing, and nobody may be asked.
    """
    found, now = await sessions.of_browser(desk, browser.kept), desk.clock.now()
    if found is not None and await is_choosing(desk, wish, found[1]):  # picking what to act as is being asked
        lack = wish.picked().lacks(found[0], now)
    else:
        lack = wish.lacks(found[0], now) if found is not None else "everything"
    if found is not None and lack is None and wish.is_known:
        return Arrived(found[0], browser.kept)
    if not wish.may_ask:
        raise UnmetAuthentication if found is not None and wish.lacks_only_a_factor(found[0], now) else LoginRequired
    if found is None or lack != "factor":
        return None
    session, person = found
    if (await factors.of(desk, person.id)).are_there:
        return _halfway(desk, wish, person, Shown(tuple(session.amr)), session.id)
    if wish.is_known and wish.lacks_only_a_factor(session, now):
        return Arrived(session, browser.kept)
    return None


async def is_choosing(desk: Desk, wish: Wish, person: Person) -> bool:
    """Whether the person is to pick what they act as: the application asks for it, and there is a choice."""
    if not isinstance(wish, AuthorizationRequest) or not wish.lets_choose:
        return False
    return bool(await choices(desk, await desk.clients.get(client_id(wish.client)), person))


async def answer(desk: Desk, wish: AuthorizationRequest, session: Session) -> str:
    """A code for the application, which hears from now on when the session is over. Raises `AccessDenied` where the
    person may not act as it was asked, and `ConsentRequired` where they have not agreed to what is asked."""
    client = await desk.clients.get(client_id(wish.client))
    await capacity(desk, client, await desk.people.get(session.person), wish.acting_as)
    if client.asks_consent and "consent" in wish.prompt.split():
        raise ConsentRequired
    await consents.standing(desk, session.person, client, wish.scope)
    if wish.client not in session.applications:
        session = await desk.sessions.change(session.id, lambda session: session.serve(wish.client))
    asked = Asked(wish.client, wish.redirect_uri, wish.challenge, wish.scope, wish.nonce, wish.acting_as)
    return await give_code(desk, asked, session)


async def _of_password(desk: Desk, login: str, password: str) -> Person:
    person = await store.by_login(desk.people, desk.opened.hash("login", login))
    fits = await desk.passwords.fits(person.password_hash if person else None, password)
    if person is None or not fits:
        log.info("signin.refused", what="password")
        raise WrongCredentials(person.id if person else None)
    return person


async def _refused(
    desk: Desk, act: Callable[[Actor, str, str], ActNoted], by: Actor, wish: Wish, whom: str, ground: str
) -> None:
    told = act(by.model_copy(update={"client": _application(wish)}), whom, ground)
    await desk.audit.sheets.note_some(told, acts.REFUSALS, act(by, acts.SEVERAL, ground))


def _application(wish: Wish) -> str | None:
    return wish.client if isinstance(wish, AuthorizationRequest) else None


async def _waiting(desk: Desk, half: Halfway, browser: Browser) -> Person:
    """Who is halfway there, if what was shown still counts. Raises `Stale`."""
    person = await desk.people.find(half.person)
    found = await sessions.of_browser(desk, browser.kept) if half.session else None
    if half.session and (found is None or found[0].id != half.session):
        raise Stale
    if person is None or half.is_over(person.token_version, desk.clock.now()):
        raise Stale
    return person


async def _second(desk: Desk, by: Actor, half: Halfway, proof: Proof) -> Shown:
    try:
        if proof.passkey:
            return (await factors.prove_by_passkey(desk, half.challenge, proof.passkey, half.person))[1]
        if proof.recovery:
            shown = await factors.prove_by_recovery(desk, by, half.person, proof.recovery)
        else:
            shown = await factors.prove_by_code(desk, half.person, proof.code)
        await factors.use_up(desk, half.challenge)
    except FormUsed:
        raise Stale from None
    except WrongFactor:
        log.info("signin.refused", what="factor", account=half.person)
        raise
    return shown


def _halfway(desk: Desk, wish: Wish, person: Person, shown: Shown, session: str = "") -> Halfway:
    return Halfway(
        wish=wish,
        person=person.id,
        user_version=person.token_version,
        amr=list(shown.amr),
        since=int(desk.clock.now().timestamp()),
        session=session,
        challenge=factors.new_challenge(),
    )


async def _arrive(
    desk: Desk, by: Actor, wish: Wish, person: Person, shown: Shown, browser: Browser, session: str = ""
) -> Arrived:
    """A new session, and the one that was there is over. Where the person only proves again what they are signed in
    with (`session`), or does so for a page of ours, the session goes on."""
    found, application = await sessions.of_browser(desk, browser.kept), _application(wish)
    goes_on = found is not None and (found[0].id == session or (application is None and found[1].id == person.id))
    if found is not None and goes_on:
        who = {"kind": person.kind(desk.clock.now()), "account": person.id, "client": application}
        proving = by.model_copy(update=who | {"session": found[0].id})
        arrived = Arrived(*await sessions.prove(desk, proving, found[0].id, shown))
    else:
        await sessions.leave(desk, by, browser.kept, "signed-in-again")
        arrived = Arrived(*await sessions.begin(desk, by, person, browser.name, application, shown))
    log.info("signin.succeeded", client=application, account=person.id, acr=shown.acr)
    return arrived
