"""Keeping what was noted: into the chain, sealed each hour, dropped by its age."""

from contextlib import suppress
from datetime import date, datetime, timedelta

import structlog

from services.identity.audit import acts, store
from services.identity.audit.domain import EVERY, Seal, seal_id
from services.identity.desk import Desk
from shared.audit.noting import noting
from shared.contracts.acts import Actor
from shared.contracts.identity import ActNoted
from shared.messaging.envelope import Event
from shared.store import AlreadyThere

log = structlog.get_logger(__name__)


async def keep(desk: Desk, event: Event[ActNoted]) -> None:
    """A noted act goes into the chain, once."""
    await desk.audit.book.append(event)


async def ensure_seal(desk: Desk) -> None:
    """Today has one."""
    day, now = desk.audit.book.today, desk.clock.now()
    with suppress(AlreadyThere):
        await desk.audit.seals.add(Seal(id=seal_id(day), day=day, wake_at=now + EVERY))


async def tend_seal(desk: Desk, id_: str) -> bool:
    """A day's seal is renewed until the next day has begun, and drops the day when it is old. Whether it was due."""
    now, audit = desk.clock.now(), desk.audit
    seal = await audit.seals.find(id_)
    if seal is None or seal.wake_at is None or seal.wake_at > now:
        return False
    if seal.closed:
        await _age(desk, seal, now)
        return True
    if seal.day < audit.book.today:
        await ensure_seal(desk)
    end = await audit.book.head()
    last = end if end.day == seal.day else await audit.book.last_of(seal.day)
    count, hash_ = (last.n, last.hash) if last is not None else (0, "")
    # Nothing is put into a day once the chain has gone on to another.
    await audit.seals.change(id_, lambda one: one.seal(count, hash_, closed=end.day > one.day, now=now))
    return True


async def _age(desk: Desk, seal: Seal, now: datetime) -> None:
    """First the records, then the word that they are gone: what is broken off is done again."""
    audit = desk.audit
    if seal.count and seal.ends_at + timedelta(days=audit.keeps_days) <= now:
        dropped = await audit.book.drop(seal.day)
        log.info("audit.dropped", day=seal.day, records=dropped)
        act = acts.audit_dropped(acts.IDENTITY, seal.day, seal.count)
        await audit.seals.change(seal.id, noting(lambda one: one.drop(now), act, now))
    else:
        await audit.seals.change(seal.id, lambda one: one.keep(audit.keeps_days))


async def read(desk: Desk, by: Actor, wanted: store.Wanted, before: str | None, limit: int) -> list[store.Kept]:
    """Records that match, the newest first. Looking is an act itself, noted once for a list of many pages."""
    found = await store.newest(desk.audit.book, wanted, before, limit)
    if before is None:
        # What was asked for may be anything; what is in a record already is no one's secret.
        named = (wanted.on or wanted.by or "all") if found else "nothing-found"
        await desk.audit.sheets.note(acts.audit_read(by, named))
    return found


async def first_day(desk: Desk, since: date | None) -> str:
    """The day to begin with: the first of which records may be there, `since` or later."""
    begin = since.isoformat() if since is not None else ""
    return min(
        (day for day in await store.days(desk.audit.seals) if day >= begin), default=max(begin, desk.audit.book.today)
    )
