"""Passwords over HTTP: a person changes their own."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.identity import policy
from services.identity.factors import commands as factors
from services.identity.factors.commands import FRESH_S
from services.identity.passwords import commands
from services.identity.passwords.commands import PasswordWish
from services.identity.web import Address, TheDesk, doing
from shared.audit.actors import Doing
from shared.errors import InsufficientAuthentication
from shared.web.authentication import requires

router = APIRouter(tags=["passwords"])
OfLate = Annotated[Doing, Depends(doing(requires(policy.may_change_password, acr="aal1", max_age=FRESH_S)))]


async def _sure(who: OfLate, desk: TheDesk) -> Doing:
    """Who has proved of late who they are: with the second factor, where they have one."""
    if not who.caller.is_known_by("aal2") and (await factors.of(desk, who.caller.id)).are_there:
        raise InsufficientAuthentication("aal2", FRESH_S)
    return who


@router.post("/me/password", summary="Change one's password: one is signed out everywhere else", status_code=204)
async def change_password(
    wish: PasswordWish, who: Annotated[Doing, Depends(_sure)], address: Address, desk: TheDesk
) -> Response:
    person = await desk.people.get(who.caller.id)
    await commands.change(desk, who.by, person, who.caller.session or "", wish, address)
    return Response(status_code=204)
