"""Factors over HTTP: a person sees their own and takes them away, an operator those of somebody who has lost them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from services.identity import policy
from services.identity.factors import commands
from services.identity.web import ActingOperator, PersonPath, TheDesk, doing
from shared.audit.actors import Doing
from shared.caller import Caller
from shared.web.authentication import requires

router = APIRouter(tags=["factors"])
SignedIn = Annotated[Caller, Depends(requires(policy.may_keep_factors))]
Sure = Annotated[Doing, Depends(doing(requires(policy.may_keep_factors, acr="aal2", max_age=commands.FRESH_S)))]
"""Whoever changes how a person proves who they are has proved it of late, with two factors."""


class PasskeyView(BaseModel):
    """A passkey, without its key."""

    id: str
    name: str
    added_at: datetime
    used_at: datetime | None


class FactorsView(BaseModel):
    """What a person proves with beside the password."""

    app_since: datetime | None
    passkeys: list[PasskeyView]
    recovery_codes: int


@router.get("/me/factors", summary="How one proves who one is, beside the password")
async def my_factors(caller: SignedIn, desk: TheDesk) -> FactorsView:
    factors = await commands.of(desk, caller.id)
    shown = set(PasskeyView.model_fields)
    return FactorsView(
        app_since=factors.app.added_at if factors.app else None,
        passkeys=[PasskeyView(**one.model_dump(include=shown)) for one in factors.passkeys],
        recovery_codes=len(factors.recovery),
    )


@router.delete("/me/factors/app", summary="Take the authenticator app away", status_code=204)
async def remove_app(who: Sure, desk: TheDesk) -> Response:
    await commands.remove(desk, who.by, who.caller.id, who.caller.session, None)
    return Response(status_code=204)


@router.delete("/me/factors/passkeys/{passkey}", summary="Take a passkey away", status_code=204)
async def remove_passkey(
    passkey: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,1400}$")], who: Sure, desk: TheDesk
) -> Response:
    await commands.remove(desk, who.by, who.caller.id, who.caller.session, passkey)
    return Response(status_code=204)


@router.delete("/people/{id}/factors", summary="Take all away from somebody who has lost them", status_code=204)
async def clear_somebodys_factors(
    id: PersonPath,  # noqa: A002 - the name in the address
    by: ActingOperator,
    desk: TheDesk,
) -> Response:
    await commands.clear(desk, by, id)
    return Response(status_code=204)
