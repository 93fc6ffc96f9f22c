"""Passwords over HTTP: a person changes their own."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.identity import policy
from services.identity.factors.step_up import sure
from services.identity.passwords import commands
from services.identity.passwords.commands import PasswordWish
from services.identity.web import Address, TheDesk, doing
from shared.audit.actors import Doing

router = APIRouter(tags=["passwords"])
Sure = Annotated[Doing, Depends(doing(sure(policy.may_change_password)))]


@router.post("/me/password", summary="Change one's password: one is signed out everywhere else", status_code=204)
async def change_password(wish: PasswordWish, who: Sure, address: Address, desk: TheDesk) -> Response:
    """The application goes on by its refresh token. The browser in which one signed in for it does not: what it keeps
    may have been copied, and there is no other way to it than a page of ours."""
    person = await desk.people.get(who.caller.id)
    await commands.change(desk, who.by, person, who.caller.session or "", wish, address)
    return Response(status_code=204)
