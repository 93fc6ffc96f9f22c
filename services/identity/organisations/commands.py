"""Publishing divisions and organisations."""

import structlog

from services.identity.audit import acts
from services.identity.desk import Desk
from services.identity.organisations.domain import (
    Division,
    Duty,
    Organisation,
    division_id,
    duties,
    organisation_id,
)
from shared.audit.noting import noting
from shared.contracts.acts import Actor
from shared.contracts.identity import DivisionPublished, OrganisationPublished
from shared.divisions import division_faults
from shared.errors import Fault, Invalid, PreconditionFailed

log = structlog.get_logger(__name__)


async def publish_division(desk: Desk, by: Actor, row: DivisionPublished, version: int | None) -> tuple[Division, bool]:
    """Put a division's row in force; the division and whether anything changed.

    Raises `Invalid` with every fault, and `PreconditionFailed`.
    """
    known = await desk.divisions.find(division_id(row.code))
    PreconditionFailed.unless_current(version, known.v if known else 0)
    above = None if row.parent is None else await desk.divisions.find(division_id(row.parent))
    if faults := division_faults(row, above.row if above else None):
        raise Invalid("The division does not fit into the tree", faults=tuple(faults))
    now, division = desk.clock.now(), Division(id=division_id(row.code), row=row)
    division.open(now)
    division.record(act := acts.division_published(by, division.id), now)
    return await desk.divisions.put(division, noting(lambda one: one.revise(row, now), act, now), version=version)


async def publish_organisation(
    desk: Desk, by: Actor, row: OrganisationPublished, version: int | None
) -> tuple[Organisation, bool]:
    """Put an organisation's row in force; the organisation and whether anything changed.

    Raises `Invalid` with every fault, also where a duty is another's.

    A version that is not the current one raises `PreconditionFailed` before any duty is claimed.
    """
    before = await desk.organisations.find(organisation_id(row.code))
    PreconditionFailed.unless_current(version, before.v if before else 0)
    faults = []
    if await desk.divisions.find(division_id(row.division)) is None:
        faults.append(Fault("/division", "unknown_division", "there is no such division"))
    claimed, taken = await _claim_duties(desk, row)
    if faults or taken:
        for duty in claimed:
            await desk.duties.release(duty, row.code)
        raise Invalid("The organisation cannot be published", faults=(*faults, *taken))
    now, organisation = desk.clock.now(), Organisation(id=organisation_id(row.code), row=row)
    organisation.open(now)
    organisation.record(act := acts.organisation_published(by, organisation.id), now)
    kept = await desk.organisations.put(
        organisation, noting(lambda one: one.revise(row, now), act, now), version=version
    )
    for duty in duties(before.row if before else None).keys() - duties(row).keys():
        await desk.duties.release(duty, row.code)
    await desk.duties.release_lost(row.code, duties(row), now)
    return kept


async def suspend(desk: Desk, by: Actor, code: str) -> Organisation:
    """Nobody acts for an organisation any more, from now on and everywhere. Raises `NotFound`."""
    id_, now = organisation_id(code), desk.clock.now()
    act = acts.organisation_suspended(by, id_)
    log.warning("organisation.suspended", code=code)
    return await desk.organisations.change(id_, noting(lambda known: known.suspend(now), act, now))


async def resume(desk: Desk, by: Actor, code: str) -> Organisation:
    """It goes on. Raises `NotFound`."""
    id_, now = organisation_id(code), desk.clock.now()
    act = acts.organisation_resumed(by, id_)
    log.warning("organisation.resumed", code=code)
    return await desk.organisations.change(id_, noting(lambda known: known.resume(now), act, now))


async def _claim_duties(desk: Desk, row: OrganisationPublished) -> tuple[list[Duty], list[Fault]]:
    """The duties that are this organisation's only now, and a fault for each that is somebody else's."""
    claimed, taken = [], []
    for duty, pointer in duties(row).items():
        outcome = await desk.duties.claim(duty, row.code, desk.clock.now())
        if outcome:
            claimed.append(duty)
        elif outcome is False:
            taken.append(Fault(pointer, "duty_taken", "another organisation owns it"))
    return claimed, taken
