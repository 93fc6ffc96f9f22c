"""Asking for grants, declaring them for the city, and answering them."""

from collections.abc import Callable

from services.sharing import policy
from services.sharing.desk import Desk
from services.sharing.grants.domain import Declaration, Grant, Terms, faults_of
from services.sharing.resources.store import offer_of
from shared.caller import Caller
from shared.clock import city_date
from shared.errors import Forbidden, IdempotencyKeyReused, Invalid, NotFound
from shared.store import AlreadyThere


async def request_grant(desk: Desk, consumer: str, id_: str, terms: Terms, body_sha256: str) -> tuple[Grant, bool]:
    """A department asks; the grant and whether it is new, for the same request again finds what it made.

    Raises `Invalid` with every fault, `IdempotencyKeyReused` where the id was used for another request.
    """
    if (found := await desk.grants.find(id_)) is None:
        grant = await _asked(desk, id_, consumer, terms)
        grant.body_sha256 = body_sha256
        try:
            await desk.grants.add(grant)
            return grant, True
        except AlreadyThere:  # the same request at the same moment
            found = await desk.grants.get(id_)
    if found.body_sha256 != body_sha256:
        raise IdempotencyKeyReused
    return found, False


async def declare_grant(desk: Desk, id_: str, wanted: Declaration) -> tuple[Grant, bool]:
    """Make a grant as the city's file says; the grant and whether anything changed.

    Raises `Invalid` with every fault, and what `Grant.declare` raises.
    """
    changed, now = [True], desk.clock.now()
    if await desk.grants.find(id_) is None:
        grant = await _asked(desk, id_, wanted.consumer, wanted.terms)
        if grant.state == "requested":
            grant.declare(wanted, now)
        try:
            await desk.grants.add(grant)
            return grant, True
        except AlreadyThere:  # somebody else was quicker
            pass
    grant = await desk.grants.change(id_, lambda g: changed.append(g.declare(wanted, now)))
    return grant, changed[-1]


async def _asked(desk: Desk, id_: str, consumer: str, terms: Terms) -> Grant:
    """A new grant, asked for, and answered where the resource's class answers; raises `Invalid` with every fault."""
    offer, item, now = await offer_of(desk.resources, terms.resource), desk.items.get(terms.purpose), desk.clock.now()
    faults = faults_of(consumer, terms, offer, item, city_date(now))
    if faults or offer is None:
        raise Invalid("The grant cannot be asked for", faults=tuple(faults))
    grant = Grant(id=id_, consumer=consumer, owner=offer.owner, terms=terms, requested_at=now)
    grant.request(offer, now)
    return grant


async def show_grant(desk: Desk, caller: Caller, id_: str) -> Grant:
    """The grant, for those who share under it; `NotFound` for everybody else."""
    grant = await desk.grants.find(id_)
    if grant is None or not policy.may_see_grant(caller, grant):
        raise NotFound("There is no such grant")
    return grant


async def consent_to(desk: Desk, caller: Caller, id_: str, version: int | None) -> Grant:
    """The owner consents."""
    return await _decide(desk, caller, id_, version, lambda g: g.give(caller.id, desk.clock.now()))


async def refuse_grant(desk: Desk, caller: Caller, id_: str, ground: str, version: int | None) -> Grant:
    """The owner refuses, and says on which ground."""
    return await _decide(desk, caller, id_, version, lambda g: g.refuse(caller.id, ground, desk.clock.now()))


async def revoke_grant(desk: Desk, caller: Caller, id_: str, ground: str, version: int | None) -> Grant:
    """The owner withdraws what it granted."""
    return await _decide(desk, caller, id_, version, lambda g: g.revoke(caller.id, ground, desk.clock.now()))


async def _decide(
    desk: Desk, caller: Caller, id_: str, version: int | None, decision: Callable[[Grant], None]
) -> Grant:
    grant = await show_grant(desk, caller, id_)
    if not policy.acts_for(caller, grant.owner):
        raise Forbidden("Only the owner of the data decides")
    return await desk.grants.change(id_, decision, version=version)
