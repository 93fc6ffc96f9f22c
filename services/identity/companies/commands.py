"""Registering companies: by who represents them, confirmed by their register; or by an operator."""

from datetime import timedelta

import structlog
from pydantic import BaseModel, ConfigDict, Field

from services.identity.audit import acts
from services.identity.companies.domain import Claim, Company, company_id
from services.identity.desk import Desk
from services.identity.mandates import commands as mandates
from services.identity.proofs.domain import ONLINE, REPRESENTATIVE, Outcome, Proof
from services.identity.proofs.verifiers import COMPANIES
from shared.audit.noting import noting
from shared.contracts.acts import Actor
from shared.contracts.sharing import AnswerDelivered, AnswerRefused
from shared.errors import DomainError, Fault, Forbidden, IdempotencyKeyReused, Invalid, PreconditionFailed
from shared.messaging.envelope import Event
from shared.numbers import credit_code_fault, plain
from shared.store import AlreadyThere

A_DAY = 10, timedelta(days=1)
"""Claims of one person."""
SAID = {"format": "has 18 characters: digits and capital letters without I, O, S, V and Z"}
log = structlog.get_logger(__name__)


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class ClaimWish(_Said):
    """What a legal representative says. The ID number is the person's own: the register is asked with it."""

    code: str = Field(max_length=100)
    name: str = Field(min_length=2, max_length=200)
    id_number: str = Field(max_length=100)


class CompanyWish(_Said):
    """What an operator puts."""

    name: str = Field(min_length=2, max_length=200)
    representative: str = Field(max_length=64)


class TooManyClaims(DomainError):
    """Enough for today."""

    status = 429
    code = "too_many_attempts"

    def __init__(self) -> None:
        super().__init__("Too many claims: try again tomorrow")


async def claim_company(desk: Desk, by: Actor, id_: str, wish: ClaimWish) -> tuple[Claim, bool]:
    """Ask the register whether the person represents the company; the claim and whether it is new.

    Raises `Forbidden` where it is not proven who the person is, `Invalid` with every fault, `TooManyClaims`.
    """
    body, now = desk.lookup.digest("claim-body", wish.model_dump_json()), desk.clock.now()
    if (known := await desk.claims.find(id_)) is not None:
        return _same(known, body), False
    person_id = by.account or ""
    person = await desk.people.get(person_id)
    if person.ial < ONLINE:
        raise Forbidden("It has to be proven first who you are", code="ial_too_low")
    if not await desk.tries.take(desk.lookup.digest("tries-claim", person_id), *A_DAY, now):
        raise TooManyClaims
    code, number = plain(wish.code), plain(wish.id_number)
    faults = _code_faults(code, "/code")
    if desk.lookup.digest("id-number", number) != person.number:
        faults.append(Fault("/id_number", "not_yours", "is not the number that you registered with"))
    if faults:
        raise Invalid("The claim cannot be taken", faults=tuple(faults))
    claim = Claim(
        id=id_, person=person_id, code=code, name=wish.name.strip(), body=body, proof=Proof(kind=REPRESENTATIVE),
        asked_at=now,
    )  # fmt: skip
    claim.ask(COMPANIES, number, now)
    claim.record(acts.company_claimed(by, id_), now)
    try:
        await desk.claims.add(claim)
    except AlreadyThere:  # the same request at the same moment
        return _same(await desk.claims.get(id_), body), False
    return claim, True


def _same(known: Claim, body: str) -> Claim:
    if known.body != body:
        raise IdempotencyKeyReused
    return known


def _code_faults(code: str, pointer: str) -> list[Fault]:
    wrong = credit_code_fault(code)
    told = SAID.get(wrong or "", "has a wrong character, or two changed places")
    return [Fault(pointer, wrong, told)] if wrong is not None else []


async def keep_company(
    desk: Desk, by: Actor, code: str, wish: CompanyWish, version: int | None
) -> tuple[Company, bool]:
    """An operator puts a company; it and whether anything changed. Raises `Invalid` with every fault."""
    known = await desk.companies.find(company_id(code))
    PreconditionFailed.unless_current(version, known.v if known else 0)
    faults = _code_faults(code, "")
    representative = await desk.people.find(wish.representative)
    if representative is None:
        faults.append(Fault("/representative", "unknown_person", "there is no such person"))
    if faults:
        raise Invalid("The company cannot be kept", faults=tuple(faults))
    return await _put(desk, by, code, wish.name, wish.representative, version)


async def _put(
    desk: Desk, by: Actor, code: str, name: str, representative: str, version: int | None
) -> tuple[Company, bool]:
    now = desk.clock.now()
    company = Company(id=company_id(code), code=code, name=name, representative=representative, registered_at=now)
    company.open(now)
    company.record(act := acts.company_kept(by, company.id), now)
    kept = await desk.companies.put(
        company, noting(lambda one: one.revise(name, representative, now), act, now), version=version
    )
    await mandates.represent(desk, by, company.id, representative)
    return kept


async def take(desk: Desk, id_: str, outcome: Outcome, event: Event[AnswerDelivered] | Event[AnswerRefused]) -> None:
    """The register said whether it is so. What follows, the claim's timer does."""
    await desk.claims.change(id_, lambda claim: claim.take(outcome, desk.clock.now()), cause=event)


async def tend(desk: Desk, id_: str) -> bool:
    """A confirmed claim makes the company; one that ended long ago goes, once all it said is published. Whether there
    was anything to do."""
    now, claim = desk.clock.now(), await desk.claims.find(id_)
    if claim is None or claim.wake_at is None or claim.wake_at > now:
        return False
    if claim.is_over:
        return await desk.claims.collection.delete({"_id": id_, "pending": 0, "wake_at": {"$lte": now}}) > 0
    if claim.state == "confirmed":
        await _put(desk, acts.IDENTITY, claim.code, claim.name, claim.person, None)
        await desk.claims.change(id_, lambda one: one.registered(now))
        log.info("company.registered", claim=id_, representative=claim.person)
    else:
        await desk.claims.wake(id_, now)
    return True
