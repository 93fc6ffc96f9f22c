"""Giving tokens for codes, for refresh tokens, and to programs."""

import secrets
from dataclasses import dataclass
from datetime import datetime

import structlog

from services.identity.accounts.domain import Client, client_id
from services.identity.desk import Desk
from services.identity.oauth import InvalidGrant, UnauthorizedClient, asked_scope
from services.identity.sessions import commands as sessions
from services.identity.sessions.domain import Session, digest
from services.identity.tokens.domain import CODE_LIFE, Code, Family, Reused
from services.identity.tokens.issuing import SignedIn, Versions, access_token
from shared.caller import SERVICES, Caller
from shared.errors import NotFound
from shared.ids import derived_id

log = structlog.get_logger(__name__)
FAMILY_PREFIX = "family-"
OFFLINE = "offline_access"


@dataclass(frozen=True, slots=True)
class Given:
    """The tokens of one answer, with the scope they are for."""

    access: str
    scope: str
    refresh: str | None = None
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a code is asked for: by whom, back to where, against which proof."""

    client: str
    redirect_uri: str
    challenge: str
    scope: str
    nonce: str


async def give_code(desk: Desk, asked: Asked, session: Session) -> str:
    """A code for an application."""
    code, until = secrets.token_urlsafe(32), desk.clock.now() + CODE_LIFE
    await desk.codes.add(
        Code(
            id=derived_id("code", code),
            client=asked.client,
            redirect_uri=asked.redirect_uri,
            challenge=asked.challenge,
            scope=asked.scope,
            nonce=asked.nonce,
            session=session.id,
            expires_at=until,
            wake_at=until,
        )
    )
    return code


async def redeem_code(desk: Desk, client: Client, code: str, redirect_uri: str, verifier: str) -> Given:
    """Tokens for a code. Raises `InvalidGrant`, whatever is wrong with it.

    A code that is used again with its proof ends what it gave, with the session (RFC 6749 section 4.1.2). Without the
    proof it does not: who reads a code somewhere could sign people out.
    """
    now, id_ = desk.clock.now(), derived_id("code", code)
    _is_application(client)
    try:
        used = await desk.codes.change(id_, lambda code: code.redeem(client.code, redirect_uri, verifier, now))
    except Reused:
        if (known := await desk.codes.find(id_)) is not None:
            await _stolen(desk, "code", client, known.session, now)
        raise
    except NotFound:
        raise InvalidGrant from None
    signed_in = await _signed_in(desk, used.session, client, redirect_uri)
    allowed = set(used.scope.split()) & set(client.scopes)
    scope = asked_scope("", allowed, allowed)
    return Given(
        signed_in.access_token(desk, scope),
        scope,
        await _new_family(desk, used, signed_in.session) if OFFLINE in allowed else None,
        signed_in.id_token(desk, used.nonce) if "openid" in allowed else None,
    )


async def refresh(desk: Desk, client: Client, token: str, asked: str) -> Given:
    """Tokens for a refresh token, and the one that follows it. Raises `InvalidGrant`, and `InvalidScope` for more
    than there was.

    One that is shown again ends all that came of it, with the session: two have it (RFC 9700 section 4.14.2).
    """
    id_, _, secret = token.partition(".")
    following, now = secrets.token_urlsafe(32), desk.clock.now()
    _is_application(client)
    known = await desk.families.find(id_) if id_.startswith(FAMILY_PREFIX) else None
    allowed = set(known.scope.split()) & set(client.scopes) if known is not None else set()
    if known is None or OFFLINE not in allowed:
        raise InvalidGrant
    scope = asked_scope(asked, allowed, allowed)
    try:
        family = await desk.families.change(id_, lambda family: family.rotate(client.code, secret, following, now))
    except Reused:
        await desk.families.change(id_, lambda family: family.end(now))
        await _stolen(desk, "refresh token", client, known.session, now)
        raise
    except NotFound:
        raise InvalidGrant from None
    signed_in = await _signed_in(desk, family.session, client, family.redirect_uri)
    return Given(
        signed_in.access_token(desk, scope),
        scope,
        f"{id_}.{following}",
        signed_in.id_token(desk, "") if "openid" in scope.split() else None,
    )


async def give_up(desk: Desk, client: Client, token: str) -> None:
    """End a refresh token and all that follow it (RFC 7009); what is none, or somebody else's, stays as it is."""
    id_, now = token.partition(".")[0], desk.clock.now()
    known = await desk.families.find(id_) if id_.startswith(FAMILY_PREFIX) else None
    if known is not None and known.client == client.code:
        await desk.families.change(id_, lambda family: family.end(now))


async def client_token(desk: Desk, client: Client, asked: str) -> Given:
    """An access token for a program of its own right. Raises `UnauthorizedClient` and `InvalidScope`."""
    if client.kind == "application":
        raise UnauthorizedClient("An application signs people in and has no rights of its own")
    scope = asked_scope(asked, {SERVICES})
    caller = Caller(
        client.code, client.kind, client.organisation, client.division, client.code, scope=frozenset(scope.split())
    )
    return Given(access_token(desk, caller, Versions(client=client.token_version)), scope)


async def told_about(desk: Desk, caller: Caller) -> dict[str, str]:
    """The standard claims of the scopes that the token has (OpenID Connect Core section 5.4), where they are known."""
    person = await desk.people.get(caller.id)
    known: dict[str, dict[str, str | None]] = {
        "profile": {"name": person.name, "locale": "zh-CN" if person.language == "zh" else "en"},
        "email": {"email": person.mail},
        "phone": {"phone_number": person.phone},
    }
    told = {name: value for scope in sorted(caller.scope) for name, value in known.get(scope, {}).items() if value}
    return {"sub": person.id, **told}


async def forget_code(desk: Desk, id_: str) -> None:
    """A code whose time is over goes."""
    await desk.codes.collection.delete({"_id": id_, "wake_at": {"$lte": desk.clock.now()}})


async def forget_family(desk: Desk, id_: str) -> None:
    """Refresh tokens go with the end of the session that they were given in."""
    await desk.families.collection.delete({"_id": id_, "wake_at": {"$lte": desk.clock.now()}})


async def forget_assertion(desk: Desk, id_: str) -> None:
    """An assertion that has expired proves nothing, used or not."""
    await desk.assertions.collection.delete({"_id": id_, "wake_at": {"$lte": desk.clock.now()}})


def _is_application(client: Client) -> None:
    if client.kind != "application":
        raise UnauthorizedClient("Programs of their own right use client_credentials")


async def _signed_in(desk: Desk, session: str, client: Client, redirect_uri: str) -> SignedIn:
    """Who is signed in there now, with what the application came by looked at again. Raises `InvalidGrant`."""
    found = await sessions.live(desk, session)
    application = await desk.clients.find(client_id(client.code))
    if found is None or application is None or not application.may_be_told_at(redirect_uri):
        raise InvalidGrant
    return SignedIn(found[1], found[0], application)


async def _new_family(desk: Desk, code: Code, session: Session) -> str:
    """The first refresh token, good until its session ends: nobody acts for a person who is not signed in."""
    secret = secrets.token_urlsafe(32)
    id_ = FAMILY_PREFIX + secrets.token_urlsafe(16)
    family = Family(
        id=id_,
        client=code.client,
        redirect_uri=code.redirect_uri,
        session=session.id,
        scope=code.scope,
        digest=digest(secret),
        wake_at=session.until,
    )
    await desk.families.add(family)
    return f"{id_}.{secret}"


async def _stolen(desk: Desk, what: str, client: Client, session: str, now: datetime) -> None:
    log.warning("tokens.reused", what=what, client=client.code)
    await desk.sessions.change(session, lambda session: session.end(now))
