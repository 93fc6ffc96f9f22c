"""Consents over HTTP: a person sees them and takes them back."""

from datetime import datetime
from math import inf
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from services.identity import policy
from services.identity.accounts.domain import CLIENT_PATTERN
from services.identity.consents import commands
from services.identity.oauth import Scope
from services.identity.web import TheDesk, acting
from shared.caller import Caller
from shared.contracts.acts import Actor
from shared.web.authentication import requires

router = APIRouter(tags=["consents"])


class ConsentView(BaseModel):
    """What an application may know, and whether it may use services for the person."""

    client: str
    name: str
    scopes: list[Scope]
    given_at: datetime


@router.get("/me/consents", summary="Which applications one lets know what, the newest first")
async def my_consents(
    caller: Annotated[Caller, Depends(requires(policy.may_keep_consents))], desk: TheDesk
) -> list[ConsentView]:
    return [
        ConsentView(client=consent.client, name=name, scopes=consent.scopes, given_at=consent.given_at)
        for consent, name in await commands.mine(desk, caller.id)
    ]


@router.delete("/me/consents/{client}", summary="Take it back: its tokens end everywhere", status_code=204)
async def withdraw(
    client: Annotated[str, Path(pattern=CLIENT_PATTERN)],
    by: Annotated[Actor, Depends(acting(requires(policy.may_keep_consents, within=inf)))],
    desk: TheDesk,
) -> Response:
    await commands.withdraw(desk, by, client)
    return Response(status_code=204)
