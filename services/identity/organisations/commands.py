"""Publishing divisions and organisations."""

from services.identity.audit import acts
from services.identity.desk import Desk
from services.identity.organisations.domain import (
    Division,
    Organisation,
    division_faults,
    division_id,
    organisation_id,
)
from shared.audit.noting import noting
from shared.contracts.acts import Actor
from shared.contracts.identity import DivisionPublished, OrganisationPublished
from shared.errors import Fault, Invalid, PreconditionFailed


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
    for duty in _duties(before.row if before else None).keys() - _duties(row).keys():
        await desk.duties.release(duty, row.code)
    return kept


async def _claim_duties(desk: Desk, row: OrganisationPublished) -> tuple[list[str], list[Fault]]:
    """The duties that are this organisation's only now, and a fault for each that is somebody else's."""
    claimed, taken = [], []
    for duty, pointer in _duties(row).items():
        outcome = await desk.duties.claim(duty, row.code)
        if outcome:
            claimed.append(duty)
        elif outcome is False:
            taken.append(Fault(pointer, "duty_taken", "another organisation owns it"))
    return claimed, taken


def _duties(row: OrganisationPublished | None) -> dict[str, str]:
    """Each duty of a row as the id of its claim, with the JSON pointer to where the row names it."""
    if row is None:
        return {}
    matters = {f"matter:{code}": f"/matters/{n}" for n, code in enumerate(row.matters)}
    return matters | {f"resource:{code}": f"/resources/{n}" for n, code in enumerate(row.resources)}
