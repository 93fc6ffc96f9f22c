"""What the routes of identity take from the app."""

from typing import Annotated

from fastapi import Depends, Path, Request

from services.identity import policy
from services.identity.desk import Desk
from shared.accounts import PERSON_PATTERN
from shared.caller import Caller
from shared.web.authentication import PRIVILEGED_SECONDS, requires


# A coroutine, though it awaits nothing: FastAPI takes a plain function to a thread, which costs more than its work.
async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


async def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


TheDesk = Annotated[Desk, Depends(_desk)]
PersonPath = Annotated[str, Path(pattern=PERSON_PATTERN, max_length=64)]
Address = Annotated[str, Depends(_address)]
"""Where a request comes from."""
Operator = Annotated[Caller, Depends(requires(policy.may_administer, within=PRIVILEGED_SECONDS))]
