"""Giving mandates, taking them on, ending them, and acting with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import structlog
from pydantic import BaseModel, ConfigDict, Field

from services.identity.audit import acts
from services.identity.desk import Desk
from services.identity.mandates import store
from services.identity.mandates.domain import LONGEST, Ground, Kind, Mandate, Terms, faults_of_chain
from shared.accounts import PersonId
from shared.audit.noting import noting
from shared.caller import Power
from shared.clock import city_date
from shared.contracts.acts import Actor
from shared.day import LAST
from shared.errors import DomainError, Fault, IdempotencyKeyReused, Invalid, NotFound
from shared.ids import derived_id
from shared.store import AlreadyThere

EVERYTHING: Sequence[Power] = ("apply", "see", "supply")
MOST_OFFERS, A_DAY = 20, timedelta(days=1)
"""So many mandates somebody offers in a day: each mails the other side."""
log = structlog.get_logger(__name__)


class TooManyOffers(DomainError):
    """Enough for today; `wait` in whole seconds."""

    status = 429
    code = "too_many_attempts"

    def __init__(self, wait: int) -> None:
        super().__init__("Too many mandates were offered today")
        self.wait = wait


class MandateWish(BaseModel):
    """Who shall act for the caller; with `under`, for whom the caller acts by that mandate."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    agent: PersonId
    under: str | None = Field(default=None, max_length=64)
    terms: Terms


@dataclass(frozen=True, slots=True)
class Acting:
    """A mandate that holds now, and the one that it rests on."""

    mandate: Mandate
    above: Mandate | None

    @property
    def chain(self) -> list[Mandate]:
        """From the one that acts upwards."""
        return [self.mandate] if self.above is None else [self.mandate, self.above]


async def offer(desk: Desk, by: Actor, id_: str, wish: MandateWish, digest: str) -> tuple[Mandate, bool]:
    """Offer somebody a mandate; the mandate and whether it is new. Whether there is such an account nobody is told: an
    offer to none waits and lapses like one that is not answered. Raises `Invalid` with every fault, `TooManyOffers` and
    `IdempotencyKeyReused`."""
    now, person = desk.clock.now(), by.account or ""
    if (known := await desk.mandates.find(id_)) is not None:
        return _same(known, digest), False
    faults, principal = [], person
    if wish.under is not None:
        above = await desk.mandates.find(wish.under)
        if above is None or above.agent != person:
            faults.append(Fault("/under", "unknown_mandate", "you have no such mandate"))
        else:
            principal = above.principal
            faults += faults_of_chain(above, wish.terms, now)
    if wish.terms.until < city_date(now):
        faults.append(Fault("/terms/until", "past", "is over"))
    if wish.terms.until - wish.terms.since > LONGEST:
        faults.append(Fault("/terms/until", "too_long", "is more than three years after since"))
    if wish.agent in (person, principal):
        faults.append(Fault("/agent", "oneself", "nobody needs a mandate for this"))
    if faults:
        raise Invalid("The mandate cannot be offered", faults=tuple(faults))
    if not await desk.tries.take(desk.lookup.digest("tries-offer", person), MOST_OFFERS, A_DAY, now):
        raise TooManyOffers(desk.tries.wait(A_DAY, now))
    mandate = Mandate(
        id=id_,
        principal=principal,
        agent=wish.agent,
        kind="agent",
        source="grant",
        terms=wish.terms,
        under=wish.under,
        by=person,
        wish_sha256=digest,
        offered_at=now,
    )
    mandate.offer(now)
    mandate.record(acts.mandate_offered(by, id_), now)
    try:
        await desk.mandates.add(mandate)
    except AlreadyThere:  # the same request at the same moment
        return _same(await desk.mandates.get(id_), digest), False
    return mandate, True


def _same(mandate: Mandate, digest: str) -> Mandate:
    if mandate.wish_sha256 != digest:
        raise IdempotencyKeyReused
    return mandate


async def accept(desk: Desk, by: Actor, id_: str) -> Mandate:
    """The agent agrees. Raises `NotFound` for anybody else, `Invalid` where it rests on one that holds no more."""
    person, now = by.account or "", desk.clock.now()
    mandate = await _concerning(desk, person, id_)
    if mandate.under is not None:
        above = await desk.mandates.find(mandate.under)
        if above is None or not above.covers(now):
            raise Invalid("The mandate that it rests on holds no more", code="mandate_ended")
    act = acts.mandate_accepted(by, id_)
    return await desk.mandates.change(id_, noting(lambda mandate: mandate.accept(person, now), act, now))


async def end(desk: Desk, by: Actor, id_: str) -> Mandate:
    """Whoever it concerns ends it, with those that rest on it. Raises `NotFound` for anybody else, `Forbidden`."""
    person, now = by.account or "", desk.clock.now()
    await _concerning(desk, person, id_)
    act = acts.mandate_ended(by, id_, "by-hand")
    ended = await desk.mandates.change(id_, noting(lambda mandate: mandate.end_by(person, now), act, now))
    await _end_under(desk, by, id_)
    return ended


async def mine(desk: Desk, person: str) -> list[Mandate]:
    """All that concern a person: those to act with, and those by which others act, the newest first."""
    found = {one.id: one for field in ("agent", "principal") for one in await store.of(desk.mandates, field, person)}
    for one in [one for one in found.values() if one.agent == person and one.under is None]:
        found |= {under.id: under for under in await store.of(desk.mandates, "under", one.id)}
    return sorted(found.values(), key=lambda mandate: mandate.offered_at, reverse=True)


async def register(
    desk: Desk, by: Actor, principal: str, agent: str, kind: Kind, *, until: date = LAST
) -> tuple[Mandate, bool]:
    """A register says that the agent acts for the principal in everything; the mandate and whether anything changed."""
    now = desk.clock.now()
    id_ = await _registered_id(desk, principal, agent)
    terms = Terms(acts=list(EVERYTHING), since=min(city_date(now), until), until=until, may_delegate=True)
    mandate = Mandate(
        id=id_,
        principal=principal,
        agent=agent,
        kind=kind,
        source="register",
        terms=terms,
        by=principal,
        offered_at=now,
    )
    mandate.begin(now)
    mandate.record(act := acts.mandate_registered(by, id_), now)
    return await desk.mandates.put(mandate, noting(lambda known: known.extend(until, now), act, now))


async def represent(desk: Desk, by: Actor, company: str, representative: str) -> None:
    """The register says who represents a company: that one, and nobody who did before."""
    await register(desk, by, company, representative, "representative")
    for one in await store.of(desk.mandates, "principal", company):
        if one.source == "register" and one.agent != representative and one.state != "ended":
            await _finish(desk, by, one.id, "register")


async def unregister(desk: Desk, by: Actor, principal: str, agent: str) -> None:
    """The register says so no more."""
    for one in await store.of(desk.mandates, "principal", principal):
        if one.source == "register" and one.agent == agent and one.state != "ended":
            await _finish(desk, by, one.id, "register")


async def end_all(desk: Desk, by: Actor, person: str) -> None:
    """Who is forgotten acts for nobody, and nobody for them."""
    for field in ("agent", "principal"):
        for one in await store.of(desk.mandates, field, person):
            if one.state != "ended":
                await _finish(desk, by, one.id, "forgotten")


async def acting(desk: Desk, person: str, id_: str) -> Acting | None:
    """With what the person acts by this mandate now; `None` where they may not."""
    now = desk.clock.now()
    mandate = await desk.mandates.find(id_)
    if mandate is None or mandate.agent != person or not mandate.covers(now):
        return None
    above = await desk.mandates.find(mandate.under) if mandate.under is not None else None
    if mandate.under is not None and (above is None or not above.covers(now)):
        return None
    return Acting(mandate, above)


async def tend(desk: Desk, id_: str) -> bool:
    """An offer that nobody answered and a mandate whose time is over end; long after, they go. Whether there was
    anything to do."""
    now = desk.clock.now()
    mandate = await desk.mandates.find(id_)
    if mandate is None or mandate.wake_at is None or mandate.wake_at > now:
        return False
    if mandate.state == "ended":
        return await desk.mandates.collection.delete({"_id": id_, "pending": 0, "wake_at": {"$lte": now}}) > 0
    await _finish(desk, acts.IDENTITY, id_, "lapsed" if mandate.state == "offered" else "expired")
    return True


async def _finish(desk: Desk, by: Actor, id_: str, ground: Ground) -> None:
    now, act = desk.clock.now(), acts.mandate_ended(by, id_, ground)
    await desk.mandates.change(id_, noting(lambda mandate: mandate.end(ground, now), act, now))
    await _end_under(desk, by, id_)


async def _end_under(desk: Desk, by: Actor, id_: str) -> None:
    """What rests on it ends too. Nobody can act with it any more anyhow: its tokens name both."""
    now = desk.clock.now()
    for one in await store.of(desk.mandates, "under", id_):
        act = acts.mandate_ended(by, one.id, "above")
        await desk.mandates.change(one.id, noting(lambda mandate: mandate.end("above", now), act, now))


async def _concerning(desk: Desk, person: str, id_: str) -> Mandate:
    """A mandate that the person gave, has, or is represented by. Raises `NotFound`."""
    mandate = await desk.mandates.find(id_)
    concerned = set()
    if mandate is not None:
        concerned = {mandate.agent, mandate.principal, mandate.by}
        if mandate.principal not in (mandate.by, person):  # a company's, or handed on: who has the one above
            concerned |= {one.agent for one in await store.of(desk.mandates, "principal", mandate.principal)
                          if one.source == "register" and one.state == "live"}  # fmt: skip
    if mandate is None or person not in concerned:
        raise NotFound("There is no such mandate")
    return mandate


async def _registered_id(desk: Desk, principal: str, agent: str) -> str:
    """Of the mandate that holds, or of the next one: ended ones stay as they are."""
    before = [
        one for one in await store.of(desk.mandates, "principal", principal)
        if one.source == "register" and one.agent == agent
    ]  # fmt: skip
    live = next((one for one in before if one.state != "ended"), None)
    return live.id if live is not None else derived_id("mandate", principal, agent, str(len(before)))
