"""Beginning sessions, finding and ending them."""

import secrets

from services.identity.accounts.domain import Person
from services.identity.desk import Desk
from services.identity.sessions import store
from services.identity.sessions.domain import LIFE, Session
from shared.errors import NotFound
from shared.ids import derived_id

LONGEST_BROWSER = 200


async def begin(desk: Desk, person: Person, browser: str) -> tuple[Session, str]:
    """A new session, and the secret that its browser keeps."""
    secret, now = secrets.token_urlsafe(32), desk.clock.now()
    session = Session(
        id=session_id(secret),
        person=person.id,
        user_version=person.token_version,
        browser=browser[:LONGEST_BROWSER],
        begun_at=now,
        wake_at=now + LIFE,
    )
    await desk.sessions.add(session)
    return session, secret


def session_id(secret: str) -> str:
    """The id of the session of a browser's secret."""
    return derived_id("session", secret)


async def live(desk: Desk, id_: str) -> tuple[Session, Person] | None:
    """A session in which a person is signed in now, and the person."""
    if (session := await desk.sessions.find(id_)) is None:
        return None
    person = await desk.people.find(session.person)
    if person is None or not session.is_live(person.token_version, desk.clock.now()):
        return None
    return session, person


async def mine(desk: Desk, person_id: str) -> list[Session]:
    """Where a person is signed in, the newest first."""
    person, now = await desk.people.get(person_id), desk.clock.now()
    return [one for one in await store.open_of(desk.sessions, person_id) if one.is_live(person.token_version, now)]


async def end(desk: Desk, person: str, id_: str) -> None:
    """A person ends a session of theirs. Raises `NotFound` for anybody else's; one that is over stays so."""
    session = await desk.sessions.find(id_)
    if session is None or session.person != person:
        raise NotFound("You have no such session")
    await desk.sessions.change(id_, lambda session: session.end(desk.clock.now()))


async def end_all(desk: Desk, person: str) -> int:
    """Sign a person out everywhere: all tokens at once, then each session; how many there were. Raises `NotFound`."""
    there = len(await mine(desk, person))
    await desk.people.change(person, lambda known: known.sign_out(desk.clock.now()))
    await end_open(desk, person)
    return there


async def end_open(desk: Desk, person: str) -> None:
    """End each session of a person."""
    while sessions := await store.open_of(desk.sessions, person):
        for session in sessions:
            await desk.sessions.change(session.id, lambda session: session.end(desk.clock.now()))


async def tend(desk: Desk, id_: str) -> bool:
    """A session whose time is over ends; one that ended long ago goes, once all that it said is published. Whether
    there was anything to do."""
    now = desk.clock.now()
    session = await desk.sessions.find(id_)
    if session is None or session.wake_at is None or session.wake_at > now:
        return False
    if session.ended_at is None:
        await desk.sessions.change(id_, lambda session: session.end(now))
        return True
    return await desk.sessions.collection.delete({"_id": id_, "pending": 0, "wake_at": {"$lte": now}}) > 0
