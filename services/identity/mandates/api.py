"""Mandates over HTTP: people give, take on and end them; an operator keeps those of registers."""

from datetime import datetime
from math import inf
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict

from services.identity import policy
from services.identity.factors.step_up import sure
from services.identity.mandates import commands
from services.identity.mandates.commands import MandateWish
from services.identity.mandates.domain import Ground, Kind, Mandate, Source, State, Terms
from services.identity.web import ActingOperator, PersonPath, TheDesk, acting, doing
from shared.audit.actors import Doing
from shared.caller import Caller
from shared.contracts.acts import Actor
from shared.day import LAST, Day
from shared.errors import Fault, Invalid
from shared.web.authentication import requires
from shared.web.idempotency import IdempotencyKey, body_digest, derive
from shared.web.preconditions import etag, tell_kept

router = APIRouter(tags=["mandates"])
Person = Annotated[Caller, Depends(requires(policy.may_keep_mandates))]
Sure = Annotated[Doing, Depends(doing(sure(policy.may_keep_mandates)))]
"""Whoever gives power over their affairs, or takes on somebody else's, has proved of late who they are; ending it takes
nothing but being signed in."""
MandateId = Annotated[str, Path(pattern=r"^mandate-[a-z2-7]{26}$")]


class MandateView(BaseModel):
    """A mandate as those see it whom it concerns. `role`: what the caller is in it."""

    id: str
    role: Literal["agent", "principal", "giver"]
    principal: str
    agent: str
    by: str
    kind: Kind
    source: Source
    under: str | None
    terms: Terms
    state: State
    offered_at: datetime
    accepted_at: datetime | None
    ended_at: datetime | None
    ground: Ground | None

    @classmethod
    def of(cls, mandate: Mandate, person: str) -> "MandateView":
        role: Literal["agent", "principal", "giver"] = "giver"
        if person in (mandate.agent, mandate.principal):
            role = "agent" if person == mandate.agent else "principal"
        return cls(role=role, state=mandate.state, **mandate.model_dump(include=set(cls.model_fields)))


class Registered(BaseModel):
    """Until when the register says so; left out: without an end."""

    model_config = ConfigDict(extra="forbid", strict=True)

    until: Day = LAST


@router.post("/mandates", status_code=201, summary="Let somebody act for you, once they agree")
async def offer(wish: MandateWish, key: IdempotencyKey, who: Sure, desk: TheDesk, response: Response) -> MandateView:
    caller = who.caller
    mandate, new = await commands.offer(desk, who.by, derive("mandate", caller, key), wish, body_digest(wish))
    response.status_code = 201 if new else 200
    response.headers["Location"], response.headers["ETag"] = f"/mandates/{mandate.id}", etag(mandate.v)
    return MandateView.of(mandate, caller.id)


@router.get("/me/mandates", summary="By what one acts for others, and others for oneself, the newest first")
async def my_mandates(caller: Person, desk: TheDesk) -> list[MandateView]:
    return [MandateView.of(mandate, caller.id) for mandate in await commands.mine(desk, caller.id)]


@router.post("/mandates/{mandate}/accept", summary="Agree to act for somebody")
async def accept(mandate: MandateId, who: Sure, desk: TheDesk) -> MandateView:
    return MandateView.of(await commands.accept(desk, who.by, mandate), who.caller.id)


@router.delete("/mandates/{mandate}", summary="Decline it, give it up or take it back: it ends everywhere at once")
async def end(
    mandate: MandateId,
    who: Annotated[Doing, Depends(doing(requires(policy.may_keep_mandates, within=inf)))],
    desk: TheDesk,
) -> MandateView:
    return MandateView.of(await commands.end(desk, who.by, mandate), who.caller.id)


@router.put("/people/{ward}/guardians/{guardian}", summary="The register says who is somebody's guardian (监护人)")
async def keep_guardian(
    ward: PersonPath, guardian: PersonPath, wish: Registered, by: ActingOperator, desk: TheDesk, response: Response
) -> MandateView:
    faults = [
        Fault(pointer, "unknown_person", "there is no such account")
        for pointer, person in (("/ward", ward), ("/guardian", guardian))
        if await desk.people.find(person) is None
    ]
    if ward == guardian:
        faults.append(Fault("/guardian", "oneself", "nobody is their own guardian"))
    if faults:
        raise Invalid("The guardian cannot be kept", faults=tuple(faults))
    mandate, changed = await commands.register(desk, by, ward, guardian, "guardian", until=wish.until)
    tell_kept(response, mandate, changed)
    return MandateView.of(mandate, guardian)


@router.delete("/people/{ward}/guardians/{guardian}", summary="The register says so no more", status_code=204)
async def end_guardian(
    ward: PersonPath,
    guardian: PersonPath,
    by: Annotated[Actor, Depends(acting(requires(policy.may_administer, within=inf)))],
    desk: TheDesk,
) -> Response:
    await commands.unregister(desk, by, ward, guardian)
    return Response(status_code=204)
