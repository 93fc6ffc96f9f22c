"""Before what matters people prove again who they are, on pages and in the API alike (RFC 9470): with two factors where
they have two, else with the password, of at most five minutes ago. Nobody is made to get a second one for it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from services.identity.desk import Desk
from services.identity.factors import commands
from services.identity.factors.commands import FRESH_S
from services.identity.factors.domain import Factors
from services.identity.web import Owner, TheDesk, TheOwner, sign_in_first
from shared.caller import Caller
from shared.errors import InsufficientAuthentication
from shared.policy import Act
from shared.web.authentication import requires


async def prove_first(request: Request, desk: Desk, owner: Owner, back: str = "") -> HTTPException | None:
    """What to raise where the person has to prove more before what they want; `back`: where they come to then, if not
    to the page they asked for."""
    factors, now = await commands.of(desk, owner.person.id), desk.clock.now()
    is_enough = owner.session.acr == "aal2" or not factors.are_there
    if is_enough and now - owner.session.authenticated_at <= timedelta(seconds=FRESH_S):
        return None
    needed = ({"next": back} if back else {}) | ({"acr_values": "aal2"} if factors.are_there else {})
    return sign_in_first(request, max_age=str(FRESH_S), **needed)


async def _sure(request: Request, desk: TheDesk, owner: TheOwner) -> Factors:
    if (missing := await prove_first(request, desk, owner)) is not None:
        raise missing
    return await commands.of(desk, owner.person.id)


Sure = Annotated[Factors, Depends(_sure)]
"""For pages: the factors of somebody who has proved enough. Whoever has not proves more first, and comes back."""


def sure(act: Act) -> Callable[..., Awaitable[Caller]]:
    """For routes, in place of `requires(act)`."""
    known = requires(act, acr="aal1", max_age=FRESH_S)

    async def caller(caller: Annotated[Caller, Depends(known)], desk: TheDesk) -> Caller:
        if caller.acr != "aal2" and (await commands.of(desk, caller.id)).are_there:
            raise InsufficientAuthentication("aal2", FRESH_S)
        return caller

    return caller
