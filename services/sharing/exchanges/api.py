"""Exchanges over HTTP: who saw whose data, for what, on which basis, and when."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel

from services.sharing import policy
from services.sharing.desk import Desk
from services.sharing.exchanges import commands
from services.sharing.exchanges.domain import Exchange, State
from services.sharing.web import TheDesk
from shared.caller import Caller
from shared.contracts import Text
from shared.web.authentication import requires
from shared.web.paging import Cursor, Page, Paging

router = APIRouter(prefix="/exchanges", tags=["exchanges"])
Asker = Annotated[Caller, Depends(requires(policy.may_ask_about_exchanges))]


class Named(BaseModel):
    """A code with its name in both languages, where it is known."""

    code: str
    name: Text | None


class ExchangeView(BaseModel):
    """The record of an exchange. The data itself is not kept: `…_sha256` prove what it was (`null`: there was none).

    `compared`: what was given to the owner, who said only whether it is so; `case`, `item` and `material` are then
    what identity asked about, for which purpose, and the kind of proof.
    """

    id: str
    state: State
    ground: str | None
    asker: str
    case: str
    item: Named
    material: str
    subject: str
    consumer: Named
    owner: Named | None
    resource: Named
    fields: list[str]
    compared: list[str]
    purpose: str
    basis: str | None
    grant: str | None
    grant_version: int | None
    answer_sha256: str | None
    delivered_sha256: str | None
    wished_at: datetime
    asked_at: datetime | None
    answer_by: datetime | None
    answered_at: datetime | None
    closed_at: datetime | None

    @classmethod
    def of(cls, exchange: Exchange, desk: Desk) -> "ExchangeView":
        """The view of an exchange, with the names that the tables have now."""

        def organisation(code: str) -> Named:
            row = desk.organisations.get(code)
            return Named(code=code, name=row.name if row is not None else None)

        item = desk.items.get(exchange.item)
        named = {
            "item": Named(code=exchange.item, name=item.name if item is not None else None),
            "consumer": organisation(exchange.consumer),
            "owner": organisation(exchange.owner) if exchange.owner is not None else None,
            "resource": Named(code=exchange.resource, name=exchange.resource_name),
        }
        return cls.model_validate({**exchange.model_dump(), **named})


@router.get("", summary="Who saw my data (`subject=me`), or what was shared for a case")
async def list_exchanges(
    caller: Asker,
    window: Paging,
    desk: TheDesk,
    subject: Annotated[Literal["me"] | None, Query()] = None,
    case: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[ExchangeView]:
    rows = await commands.list_exchanges(
        desk,
        caller,
        mine=subject == "me",
        case=case,
        before=window.after.moment() if window.after is not None else None,
        limit=window.limit + 1,
    )
    return window.page(rows, place=_place, show=lambda row: ExchangeView.of(row, desk))


@router.get("/{exchange}", summary="One exchange")
async def show_exchange(exchange: Annotated[str, Path(max_length=200)], caller: Asker, desk: TheDesk) -> ExchangeView:
    return ExchangeView.of(await commands.show_exchange(desk, caller, exchange), desk)


def _place(row: Exchange) -> Cursor:
    return Cursor.of(row.wished_at, row.id)
