"""Finding people, telling them all that is kept about them, and forgetting them."""

import json

import structlog

from services.identity.accounts.domain import Person
from services.identity.audit import acts
from services.identity.consents import commands as consents
from services.identity.consents.store import all_of as all_consents
from services.identity.datakeys import commands as data_keys
from services.identity.desk import Desk
from services.identity.factors import commands as factors
from services.identity.mandates import commands as mandates
from services.identity.personal import store
from services.identity.personal.domain import (
    FACTORS_WITHHELD,
    KERNEL,
    OF_A_WISH,
    WITHHELD,
    Entry,
    Everything,
    FactorsKept,
    SessionKept,
)
from services.identity.sessions import commands as sessions
from services.identity.sessions.store import all_of
from shared.audit.noting import noting
from shared.contracts.acts import Actor
from shared.errors import Invalid
from shared.store.repository import JournalEntry
from shared.web.paging import Window

log = structlog.get_logger(__name__)


async def find_people(desk: Desk, by: Actor, asked: dict[store.Kind, str | None], window: Window) -> list[str]:
    """Ids of the people with exactly this login name, mail address or phone number; that it was asked is noted.

    Raises `Invalid` (`one_wanted`).
    """
    named = [(kind, value) for kind, value in asked.items() if value is not None]
    if len(named) != 1:
        raise Invalid("Say one of login, mail and phone", code="one_wanted")
    ((kind, value),) = named
    found = await store.found_by(desk.people, kind, desk.opened.hash(kind, value), window)
    await desk.audit.sheets.note(acts.people_searched(by, kind))
    return found


async def everything(desk: Desk, person_id: str) -> Everything:
    """All that is kept about a person. Raises `NotFound`."""
    person, proven_by = await desk.people.get(person_id), await factors.of(desk, person_id)
    return Everything(
        person=person.id,
        told_at=desk.clock.now(),
        account=person.model_dump(mode="json", exclude=set(KERNEL | WITHHELD)),
        sessions=[
            SessionKept(id=one.id, browser=one.browser, begun_at=one.begun_at, until=one.until, ended_at=one.ended_at)
            for one in await all_of(desk.sessions, person.id)
        ],
        factors=FactorsKept(
            app_since=proven_by.app.added_at if proven_by.app else None,
            passkeys=proven_by.passkeys,
            recovery_codes=len(proven_by.recovery),
        ),
        mandates=[
            one.model_dump(mode="json", exclude=set(KERNEL - {"id"} | OF_A_WISH))
            for one in await mandates.mine(desk, person.id)
        ],
        consents=[
            one.model_dump(mode="json", exclude=set(KERNEL)) for one in await all_consents(desk.consents, person.id)
        ],
        history=[_entry(entry) for entry in await desk.people.journal(person.id)],
        withheld=sorted(WITHHELD | FACTORS_WITHHELD),
    )


def _entry(entry: JournalEntry) -> Entry:
    data = json.loads(entry.data) if entry.data is not None else None
    return Entry(sequence=entry.sequence, time=entry.time, type=entry.type, topic=entry.topic, data=data)


async def forget(desk: Desk, by: Actor, id_: str) -> None:
    """Forget a person for good (个人信息保护法 Art. 47). Raises `NotFound`, and `Conflict` with every reason why not.

    The first write decides it; what follows from it is done at once, and by a timer where this process dies.
    """
    now = desk.clock.now()
    act = acts.account_forgotten(by, id_)
    person = await desk.people.change(id_, noting(lambda person: person.forget(now), act, now))
    await _follow(desk, by, person)
    log.info("person.forgotten", account=id_)


async def tend(desk: Desk, id_: str) -> bool:
    """Do what is left of forgetting a person; a day on which a post begins or ends is the person's own matter. Whether
    there was anything to do."""
    person, now = await desk.people.find(id_), desk.clock.now()
    if person is None or person.wake_at is None or person.wake_at > now:
        return False
    if person.forgotten_at is not None:
        await _follow(desk, acts.IDENTITY, person)
    else:
        await desk.people.wake(id_, now)
    return True


async def _follow(desk: Desk, by: Actor, person: Person) -> None:
    """Sessions, mandates, consents and factors end, and the data key is destroyed: with it the journal's entries about
    the person are unreadable, and every copy of the documents that was ever made."""
    await sessions.end_open(desk, by, person.id, "everywhere")
    await mandates.end_all(desk, by, person.id)
    await consents.withdraw_all(desk, by, person.id)
    await factors.clear(desk, by, person.id)
    await data_keys.destroy(desk, person.id)
    await desk.people.wake(person.id, person.wake_at or desk.clock.now())
