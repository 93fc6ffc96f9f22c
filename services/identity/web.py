"""What the routes of identity take from the app."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path, Request

from services.identity import policy
from services.identity.desk import Desk
from shared.accounts import PERSON_PATTERN
from shared.audit.actors import Doing, of_caller, visitor
from shared.caller import Caller
from shared.contracts.acts import Actor
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


def place_of(request: Request, desk: Desk) -> str:
    """Where a request comes from, as records may say it."""
    return desk.audit.places.of(request.client.host if request.client is not None else "")


async def _place(request: Request, desk: TheDesk) -> str:
    return place_of(request, desk)


async def _visitor(place: Annotated[str, Depends(_place)]) -> Actor:
    return visitor(place)


def acting(rule: Callable[..., Awaitable[Caller]]) -> Callable[..., Awaitable[Actor]]:
    """Who acts, as a record says it, where `rule` lets the caller in: `Depends(acting(requires(policy.may_…)))`."""

    async def actor(caller: Annotated[Caller, Depends(rule)], place: Annotated[str, Depends(_place)]) -> Actor:
        return of_caller(caller, place)

    return actor


def doing(rule: Callable[..., Awaitable[Caller]]) -> Callable[..., Awaitable[Doing]]:
    """`acting`, for commands that look at the caller as well."""

    async def both(caller: Annotated[Caller, Depends(rule)], place: Annotated[str, Depends(_place)]) -> Doing:
        return Doing(caller, of_caller(caller, place))

    return both


Visitor = Annotated[Actor, Depends(_visitor)]
"""Whoever it is: on pages where people prove who they are."""
Operator = Annotated[Caller, Depends(requires(policy.may_administer, within=PRIVILEGED_SECONDS))]
ActingOperator = Annotated[Actor, Depends(acting(requires(policy.may_administer, within=PRIVILEGED_SECONDS)))]
