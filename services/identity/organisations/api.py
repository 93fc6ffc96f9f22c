"""Divisions, organisations and the duty list over HTTP: anybody reads them, an operator keeps them."""

from math import inf
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel

from services.identity import policy
from services.identity.organisations import commands, store
from services.identity.organisations.domain import Division, Organisation
from services.identity.web import ActingOperator, TheDesk, acting
from shared.contracts.acts import Actor
from shared.contracts.identity import DivisionPublished, DutyKind, OrganisationPublished
from shared.errors import Fault, Invalid
from shared.web.authentication import public, requires
from shared.web.exact import nothing_unknown
from shared.web.paging import Cursor, Page, Paging
from shared.web.preconditions import IfMatch, tell_kept

router = APIRouter(tags=["organisations"])
open_to_all = Depends(public("which departments and divisions there are is public, 政府信息公开条例 Art. 20"))
DivisionCode = Annotated[str, Path(pattern=r"^\d{2,12}$")]
# Who only takes away may do so also while nobody knows what was revoked of late.
Stopper = Annotated[Actor, Depends(acting(requires(policy.may_administer, within=inf)))]
OrganisationCode = Annotated[str, Path(pattern=r"^[a-z][a-z0-9]{1,15}$")]


class OwnedDuty(BaseModel):
    """A matter, data resource or information system, and the organisation that owns it."""

    kind: DutyKind
    code: str
    owner: str


@router.get("/divisions", summary="The division tree, row by row", dependencies=[open_to_all])
async def list_divisions(desk: TheDesk, window: Paging) -> Page[DivisionPublished]:
    rows = await store.listed(desk.divisions, window)
    return window.page(rows, _place, lambda known: known.row)


@router.get("/organisations", summary="The departments and their duties", dependencies=[open_to_all])
async def list_organisations(desk: TheDesk, window: Paging) -> Page[OrganisationPublished]:
    rows = await store.listed(desk.organisations, window)
    return window.page(rows, _place, lambda known: known.row)


@router.get("/duties", summary="Who owns which matter, resource or system", dependencies=[open_to_all])
async def list_duties(
    desk: TheDesk,
    window: Paging,
    kind: DutyKind | None = None,
    code: Annotated[str | None, Query(max_length=200)] = None,
    owner: Annotated[str | None, Query(max_length=16)] = None,
) -> Page[OwnedDuty]:
    rows = await desk.duties.listed(window, kind, code, owner)
    return window.page(
        rows,
        lambda row: Cursor(key="", id=store.claim_id(row[0])),
        lambda row: OwnedDuty(kind=row[0][0], code=row[0][1], owner=row[1]),
    )


@router.put(
    "/divisions/{code}",
    summary="Publish a division; the same one again changes nothing",
    dependencies=[Depends(nothing_unknown(DivisionPublished))],
)
async def publish_division(
    code: DivisionCode, row: DivisionPublished, by: ActingOperator, desk: TheDesk, expected: IfMatch, response: Response
) -> DivisionPublished:
    _same_code(code, row.code)
    tell_kept(response, *await commands.publish_division(desk, by, row, expected))
    return row


@router.put(
    "/organisations/{code}",
    summary="Publish an organisation; the first time admits it to the network",
    dependencies=[Depends(nothing_unknown(OrganisationPublished))],
)
async def publish_organisation(
    code: OrganisationCode,
    row: OrganisationPublished,
    by: ActingOperator,
    desk: TheDesk,
    expected: IfMatch,
    response: Response,
) -> OrganisationPublished:
    _same_code(code, row.code)
    tell_kept(response, *await commands.publish_organisation(desk, by, row, expected))
    return row


@router.put("/organisations/{code}/suspension", summary="Nobody acts for it from now on, everywhere", status_code=204)
async def suspend(code: OrganisationCode, by: Stopper, desk: TheDesk) -> Response:
    await commands.suspend(desk, by, code)
    return Response(status_code=204)


@router.delete("/organisations/{code}/suspension", summary="Its officers and programs go on", status_code=204)
async def resume(code: OrganisationCode, by: ActingOperator, desk: TheDesk) -> Response:
    await commands.resume(desk, by, code)
    return Response(status_code=204)


def _same_code(in_address: str, in_body: str) -> None:
    if in_address != in_body:
        raise Invalid("The code differs from the address", faults=(Fault("/code", "differs", f"not {in_address}"),))


def _place(row: Division | Organisation) -> Cursor:
    return Cursor(key="", id=row.id)
