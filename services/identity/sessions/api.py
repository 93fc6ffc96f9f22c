"""Sessions over HTTP: a person sees and ends their own, an operator ends somebody's."""

from datetime import datetime
from math import inf
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from services.identity import policy
from services.identity.sessions import commands
from services.identity.web import PersonPath, TheDesk, acting
from shared.caller import Caller
from shared.contracts.acts import Actor
from shared.web.authentication import requires

router = APIRouter(tags=["sessions"])
SignedIn = Annotated[Caller, Depends(requires(policy.signs_in))]
# Who only takes away may do so also while nobody knows what was revoked of late.
Leaving = Annotated[Actor, Depends(acting(requires(policy.signs_in, within=inf)))]
SessionId = Annotated[str, Path(pattern=r"^session-[a-z2-7]{26}$")]


class SessionView(BaseModel):
    """Where one is signed in. `current`: by the token of this request."""

    id: str
    browser: str
    begun_at: datetime
    until: datetime
    current: bool


class Ended(BaseModel):
    """How many sessions were ended."""

    sessions: int


@router.get("/me/sessions", summary="Where one is signed in, the newest first")
async def my_sessions(caller: SignedIn, desk: TheDesk) -> list[SessionView]:
    return [
        SessionView(
            id=one.id, browser=one.browser, begun_at=one.begun_at, until=one.until, current=one.id == caller.session
        )
        for one in await commands.mine(desk, caller.id)
    ]


@router.delete("/me/sessions/{session}", summary="Sign out there", status_code=204)
async def end_session(session: SessionId, by: Leaving, desk: TheDesk) -> Response:
    await commands.end(desk, by, session)
    return Response(status_code=204)


@router.delete("/me/sessions", summary="Sign out everywhere, here too")
async def end_all_sessions(by: Leaving, desk: TheDesk) -> Ended:
    return Ended(sessions=await commands.end_all(desk, by, by.account or ""))


@router.delete("/people/{id}/sessions", summary="Sign somebody out everywhere")
async def end_somebodys_sessions(
    id: PersonPath,  # noqa: A002 - the name in the address
    by: Annotated[Actor, Depends(acting(requires(policy.may_administer, within=inf)))],
    desk: TheDesk,
) -> Ended:
    return Ended(sessions=await commands.end_all(desk, by, id))
