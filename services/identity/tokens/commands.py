"""Giving tokens for codes, for refresh tokens, and to programs."""

import secrets
from dataclasses import dataclass

import structlog

from services.identity.accounts.domain import Client, client_id
from services.identity.audit import acts
from services.identity.consents import commands as consents
from services.identity.consents.domain import ConsentRequired
from services.identity.desk import Desk
from services.identity.mandates.commands import Acting
from services.identity.oauth import (
    AccessDenied,
    InvalidClient,
    InvalidGrant,
    OAuthError,
    UnauthorizedClient,
    asked_scope,
)
from services.identity.posts.domain import Held
from services.identity.sessions import commands as sessions
from services.identity.sessions.domain import Session, digest
from services.identity.tokens.capacity import capacity, standing
from services.identity.tokens.domain import CODE_LIFE, Code, Family, Reused
from services.identity.tokens.issuing import SignedIn, Versions, access_token
from shared.audit.noting import noting
from shared.caller import SERVICES, Caller
from shared.contracts.acts import Actor
from shared.contracts.identity import ActNoted
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
    acting_as: str | None


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
            acting_as=asked.acting_as,
            session=session.id,
            expires_at=until,
            wake_at=until,
        )
    )
    return code


async def redeem_code(desk: Desk, by: Actor, client: Client, code: str, redirect_uri: str, verifier: str) -> Given:
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
            await _stolen(desk, by, "code", known.session)
        raise
    except NotFound:
        raise InvalidGrant from None
    signed_in = await _signed_in(desk, used, client)
    await _note(desk, used.session, acts.token_given(_for(by, signed_in), client.id))
    allowed = set(used.scope.split()) & set(client.scopes)
    scope = asked_scope("", allowed, allowed)
    return Given(
        signed_in.access_token(desk, scope),
        scope,
        await _new_family(desk, used, signed_in.session) if OFFLINE in allowed else None,
        signed_in.id_token(desk, used.nonce) if "openid" in allowed else None,
    )


async def refresh(desk: Desk, by: Actor, client: Client, token: str, asked: str) -> Given:
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
    uses = 0

    def rotate(family: Family) -> None:
        nonlocal uses
        family.rotate(client.code, secret, following, now)
        uses = family.use(by.place, now)

    try:
        family = await desk.families.change(id_, rotate)
    except Reused:
        await desk.families.change(id_, lambda family: family.end(now))
        await _stolen(desk, by, "refresh-token", known.session)
        raise
    except NotFound:
        raise InvalidGrant from None
    signed_in = await _signed_in(desk, family, client)
    if uses:
        await _note(desk, signed_in.session.id, acts.token_refreshed(_for(by, signed_in), client.id, uses))
    return Given(
        signed_in.access_token(desk, scope),
        scope,
        f"{id_}.{following}",
        signed_in.id_token(desk, "") if "openid" in scope.split() else None,
    )


async def give_up(desk: Desk, by: Actor, client: Client, token: str) -> None:
    """End a refresh token and all that follow it (RFC 7009); what is none, or somebody else's, stays as it is."""
    id_, now = token.partition(".")[0], desk.clock.now()
    known = await desk.families.find(id_) if id_.startswith(FAMILY_PREFIX) else None
    if known is not None and known.client == client.code and known.ended_at is None:
        await _note(desk, known.session, acts.token_given_up(by, client.id))
        await desk.families.change(id_, lambda family: family.end(now))


async def client_token(desk: Desk, by: Actor, client: Client, asked: str) -> Given:
    """An access token for a program of its own right. Raises `UnauthorizedClient` and `InvalidScope`."""
    if client.kind == "application":
        raise UnauthorizedClient("An application signs people in and has no rights of its own")
    scope = asked_scope(asked, {SERVICES})
    organisation = await standing(desk, client.organisation) if client.organisation is not None else 0
    if organisation is None:
        raise UnauthorizedClient("The organisation is suspended")
    caller = Caller(
        client.code, client.kind, client.organisation, client.division, client.code, scope=frozenset(scope.split())
    )
    act = acts.program_token_given(by, client.id)
    await desk.audit.sheets.note_some(act, acts.PROGRAMS, act)
    return Given(access_token(desk, caller, Versions(client.token_version, organisation)), scope)


async def note_refusal(desk: Desk, by: Actor, error: OAuthError) -> None:
    """Somebody got nothing: a program that proved who it is, or whoever said that they are one."""
    tried = by.account or (error.client if isinstance(error, InvalidClient) else None)
    act = acts.token_refused(by, client_id(tried) if tried else "nobody", error.code)
    rest = acts.token_refused(by.model_copy(update={"account": None, "client": None}), acts.SEVERAL, error.code)
    await desk.audit.sheets.note_some(act, acts.REFUSALS, rest)


async def told_about(desk: Desk, caller: Caller) -> dict[str, str]:
    """The standard claims of the scopes that the token has (OpenID Connect Core section 5.4), where they are known."""
    person = await desk.people.get(caller.person)
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


async def _signed_in(desk: Desk, by: Code | Family, client: Client) -> SignedIn:
    """Who is signed in there now, with all that this rests on looked at again. Raises `InvalidGrant`."""
    # The client is as it was a moment ago. Should it be narrowed meanwhile, the token is of a version that counts no
    # more.
    found = await sessions.live(desk, by.session)
    if found is None or not client.may_be_told_at(by.redirect_uri):
        raise InvalidGrant
    session, person = found
    try:
        acts_as = await capacity(desk, client, person, by.acting_as)
        consent = await consents.standing(desk, person.id, client, by.scope)
    except (AccessDenied, ConsentRequired):
        raise InvalidGrant from None
    organisation = await standing(desk, acts_as.organisation) if isinstance(acts_as, Held) else 0
    return SignedIn(person, session, client, acts_as, consent, organisation or 0)


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
        acting_as=code.acting_as,
        digest=digest(secret),
        wake_at=session.until,
    )
    await desk.families.add(family)
    return f"{id_}.{secret}"


async def _note(desk: Desk, session: str, act: ActNoted) -> None:
    """On the session that the tokens are of, before anything is given: a family's id is half of its token, and would
    be on the act's topic."""
    await desk.sessions.change(session, lambda one: one.record(act, desk.clock.now()))


async def _stolen(desk: Desk, by: Actor, what: str, session: str) -> None:
    now = desk.clock.now()
    log.warning("tokens.reused", what=what, client=by.client)
    await desk.sessions.change(session, noting(lambda one: one.end(now), acts.token_reused(by, session, what), now))


def _for(by: Actor, signed_in: SignedIn) -> Actor:
    """A client acts for who is signed in there, and they perhaps for somebody else."""
    acting = signed_in.capacity.mandate.principal if isinstance(signed_in.capacity, Acting) else None
    kind = "officer" if isinstance(signed_in.capacity, Held) else "person"
    who = {"kind": kind, "account": signed_in.person.id, "session": signed_in.session.id, "behalf": acting}
    return by.model_copy(update=who)
