"""Beginning sessions, finding and ending them."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

import structlog

from services.identity.accounts.domain import Person, client_id
from services.identity.audit import acts
from services.identity.desk import Desk
from services.identity.factors.domain import factors_id
from services.identity.sessions import store
from services.identity.sessions.domain import LIFE, TRIES, Session, Shown, digest
from shared.audit.noting import noting
from shared.contracts.acts import Actor
from shared.contracts.identity import ActNoted
from shared.errors import NotFound
from shared.ids import derived_id

LONGEST_BROWSER = 200
FAREWELL_LIFE = timedelta(minutes=2)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Browser:
    """What it calls itself, what it keeps of a session (`<id>.<secret>`, or nothing), and where it asks from."""

    name: str = ""
    kept: str = ""
    address: str = ""


async def begin(
    desk: Desk, by: Actor, person: Person, browser: str, application: str | None = None, shown: Shown | None = None
) -> tuple[Session, str]:
    """A new session, and what its browser keeps."""
    secret, now, shown = secrets.token_urlsafe(32), desk.clock.now(), shown or Shown()
    session = Session(
        id=derived_id("session", secret),
        person=person.id,
        user_version=person.token_version,
        browser=browser[:LONGEST_BROWSER],
        begun_at=now,
        digest=digest(secret),
        acr=shown.acr,
        amr=list(shown.amr),
        factors_version=shown.factors_version,
        applications=[application] if application else [],
        wake_at=now + LIFE,
    )
    who = {"kind": person.kind(desk.clock.now()), "account": person.id, "client": application, "session": session.id}
    session.record(acts.signed_in(by.model_copy(update=who), session.id), now)
    await desk.sessions.add(session)
    return session, f"{session.id}.{secret}"


async def prove(desk: Desk, by: Actor, id_: str, shown: Shown) -> tuple[Session, str]:
    """The person of a session proved again who they are; the session, and what its browser keeps from now on."""
    secret, now = secrets.token_urlsafe(32), desk.clock.now()
    act = acts.stepped_up(by, id_)
    session = await desk.sessions.change(id_, noting(lambda session: session.prove(shown, secret, now), act, now))
    return session, f"{id_}.{secret}"


async def live(desk: Desk, id_: str) -> tuple[Session, Person] | None:
    """A session in which a person is signed in now, and the person."""
    if (session := await desk.sessions.find(id_)) is None:
        return None
    person = await desk.people.find(session.person)
    if person is None:
        return None
    factors_version = await _factors_version(desk, person.id) if session.factors_version is not None else 0
    return (session, person) if session.is_live(person.token_version, factors_version, desk.clock.now()) else None


async def of_browser(desk: Desk, kept: str) -> tuple[Session, Person] | None:
    """The session that a browser is signed in with now, and whose it is."""
    id_, _, secret = kept.partition(".")
    found = await live(desk, id_) if secret else None
    return found if found is not None and found[0].is_of(secret) else None


async def mine(desk: Desk, person_id: str) -> list[Session]:
    """Where a person is signed in, the newest first."""
    person, now = await desk.people.get(person_id), desk.clock.now()
    version = await _factors_version(desk, person_id)
    found = await store.open_of(desk.sessions, person_id)
    return [one for one in found if one.is_live(person.token_version, version, now)]


async def end(desk: Desk, by: Actor, id_: str) -> None:
    """A person ends a session of theirs. Raises `NotFound` for anybody else's; one that is over stays so."""
    session = await desk.sessions.find(id_)
    if session is None or session.person != by.account:
        raise NotFound("You have no such session")
    await _end(desk, acts.session_ended(by, id_, "by-hand"))


async def leave(desk: Desk, by: Actor, kept: str, ground: str = "") -> None:
    """End the session of a browser, if it has one; `ground` where the person does not just sign out."""
    if (found := await of_browser(desk, kept)) is not None:
        session, person = found
        by = by.model_copy(update={"kind": person.kind(desk.clock.now()), "account": person.id, "session": session.id})
        await _end(desk, acts.session_ended(by, session.id, ground) if ground else acts.signed_out(by, session.id))


async def _end(desk: Desk, act: ActNoted) -> None:
    """End the session that the act is on."""
    now = desk.clock.now()
    await desk.sessions.change(act.on, noting(lambda session: session.end(now), act, now))


async def end_all(desk: Desk, by: Actor, person: str) -> int:
    """Sign a person out everywhere: all tokens at once, then each session; how many there were. Raises `NotFound`."""
    there, now = len(await mine(desk, person)), desk.clock.now()
    act = acts.signed_out_everywhere(by, person)
    await desk.people.change(person, noting(lambda known: known.sign_out(now), act, now))
    await end_open(desk, by, person, "everywhere")
    return there


async def end_open(desk: Desk, by: Actor, person: str, ground: str) -> None:
    """End each session of a person, so that its applications are told."""
    while sessions := await store.open_of(desk.sessions, person):
        for session in sessions:
            await _end(desk, acts.session_ended(by, session.id, ground))


async def end_less_sure(desk: Desk, by: Actor, person: str, factors_version: int, here: str | None) -> None:
    """A person took a factor away, in the session `here`, which goes on. Those that were begun with two factors before
    are over; their applications are told."""
    if here is not None:
        await desk.sessions.change(here, lambda session: session.keep(factors_version))
    while sessions := await store.open_before(desk.sessions, person, factors_version=factors_version):
        for session in sessions:
            await _end(desk, acts.session_ended(by, session.id, "factor-removed"))


async def end_others(desk: Desk, by: Actor, person: str, user_version: int, here: str) -> str:
    """A person chose another password, in the session `here`, which goes on; what its browser keeps from now on, and
    whoever else may have what it kept before does not. All that were begun before are over; their applications are
    told."""
    secret = secrets.token_urlsafe(32)
    await desk.sessions.change(here, lambda session: session.stay(user_version, secret))
    while sessions := await store.open_before(desk.sessions, person, user_version=user_version):
        for session in sessions:
            await _end(desk, acts.session_ended(by, session.id, "password-changed"))
    return f"{here}.{secret}"


async def tend(desk: Desk, id_: str) -> bool:
    """A session whose time is over ends; its applications hear of it; and long after it goes, once all that it said is
    published. Whether there was anything to do."""
    now = desk.clock.now()
    session = await desk.sessions.find(id_)
    if session is None or session.wake_at is None or session.wake_at > now:
        return False
    if session.ended_at is None:
        await _end(desk, acts.session_ended(acts.IDENTITY, id_, "over"))
        return True
    if session.to_tell:
        await _tell(desk, id_)
        return True
    return await desk.sessions.collection.delete({"_id": id_, "pending": 0, "wake_at": {"$lte": now}}) > 0


async def _tell(desk: Desk, id_: str) -> None:
    """Tell the applications of a session that it is over (OpenID Connect Back-Channel Logout). One that dies meanwhile
    is followed by another, which tells again: the token's `jti` is the same then."""
    session = await desk.sessions.change(id_, lambda session: session.tell(desk.clock.now()))
    known = set()
    for code in session.to_tell:
        client = await desk.clients.find(client_id(code))
        address = client.backchannel_logout_uri if client is not None else None
        if address is None or await desk.tell(address, farewell(desk, session, code)):
            known.add(code)
        else:
            log.warning("session.untold", client=code, tries=session.tries, most=TRIES)
    await desk.sessions.change(id_, lambda session: session.told(known, desk.clock.now()))


def farewell(desk: Desk, session: Session, application: str) -> str:
    """The logout token for an application (section 2.4 there)."""
    now = int(desk.clock.now().timestamp())
    claims = {
        "iss": desk.issuer,
        "sub": session.person,
        "aud": application,
        "iat": now,
        "exp": now + int(FAREWELL_LIFE.total_seconds()),
        "jti": derived_id("farewell", session.id, application),
        "sid": session.id,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }
    return desk.keyring.sign(claims, "logout+jwt")


async def _factors_version(desk: Desk, person: str) -> int:
    factors = await desk.factors.find(factors_id(person))
    return factors.token_version if factors is not None else 0
