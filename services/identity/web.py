"""What the routes of identity take from the app."""

from typing import Annotated

from fastapi import Depends, Request

from services.identity import policy
from services.identity.desk import Desk
from shared.caller import Caller
from shared.web.authentication import requires


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]
Operator = Annotated[Caller, Depends(requires(policy.may_administer))]
