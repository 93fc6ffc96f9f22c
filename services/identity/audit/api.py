"""What was noted, over HTTP: for operators, who can verify it without believing us (`tongban audit`)."""

from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from services.identity.audit import acts, commands, store
from services.identity.audit.domain import Seal
from services.identity.web import ActingOperator, TheDesk
from shared.clock import city_date
from shared.contracts.acts import Id
from shared.web.paging import Page

LINK = r"^\d{4}-\d\d-\d\d/\d{9,12}$"
LISTED = timedelta(days=31)
router = APIRouter(prefix="/audit", tags=["audit"])
After = Annotated[str | None, Query(pattern=LINK, description="What the page before says as next")]
Text = Annotated[Id | None, Query()]


class Audit(BaseModel):
    """`keeps_days`: for how long records are kept; `day` and `count`: where the chain ends."""

    keeps_days: int
    day: str
    count: int
    hash: str


class SealView(BaseModel):
    """How far the records of a day were sealed."""

    day: str
    count: int
    hash: str
    closed: bool
    dropped: bool


@router.get("", summary="Where the chain of noted acts ends, and how long it is kept")
async def audit(_: ActingOperator, desk: TheDesk) -> Audit:
    head = await desk.audit.book.head()
    return Audit(keeps_days=desk.audit.keeps_days, day=head.day, count=head.n, hash=head.hash)


@router.get("/records", summary="The chain, link by link, to verify it")
async def records(
    by: ActingOperator,
    desk: TheDesk,
    since: date | None = None,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=2000)] = 1000,
) -> Page[dict[str, Any]]:
    if after is None:
        await desk.audit.sheets.note(acts.audit_read(by, "chain"))
        day, n = await commands.first_day(desk, since), 0
    else:
        day, n = after[:10], int(after[11:])
    found = await desk.audit.book.page(day, n, limit)
    return Page(items=found, next=found[-1]["_id"] if len(found) == limit else None)


@router.get("/seals", summary="How far each day was sealed, as we know it ourselves")
async def seals(_: ActingOperator, desk: TheDesk) -> list[SealView]:
    return [_shown(seal) for seal in await store.all_seals(desk.audit.seals)]


@router.get("/acts", summary="What was done: by whom, on what, of which kind; the newest first")
async def list_acts(
    caller: ActingOperator,
    desk: TheDesk,
    by: Text = None,
    on: Text = None,
    act: Text = None,
    since: date | None = None,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[dict[str, Any]]:
    begin = since or city_date(desk.clock.now()) - LISTED
    found = await commands.read(desk, caller, store.Wanted(begin, by, on, act), after, limit)
    return Page(items=found, next=found[-1]["_id"] if len(found) == limit else None)


def _shown(seal: Seal) -> SealView:
    return SealView(
        day=seal.day, count=seal.count, hash=seal.hash, closed=seal.closed, dropped=seal.dropped_at is not None
    )
