"""Grants over HTTP."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from services.sharing import policy
from services.sharing.grants import commands, store
from services.sharing.grants.domain import Declaration, Grant, State, Terms
from services.sharing.web import TheDesk
from shared.caller import Caller
from shared.errors import Forbidden
from shared.web.authentication import PRIVILEGED_SECONDS, requires
from shared.web.idempotency import IdempotencyKey, body_digest, derive
from shared.web.paging import Cursor, Page, Paging
from shared.web.preconditions import IfMatch, etag, tell_kept

router = APIRouter(prefix="/grants", tags=["grants"])
GrantId = Annotated[str, Path(pattern=r"^grant-[a-z0-9-]{1,80}$")]
Sharer = Annotated[Caller, Depends(requires(policy.may_answer_for_grants))]


class Ground(BaseModel):
    """Why, and on which legal ground."""

    model_config = ConfigDict(strict=True, extra="forbid")
    ground: str = Field(min_length=1, max_length=2000)


class GrantView(Terms):
    """A grant as its two parties see it."""

    id: str
    state: State
    consumer: str
    owner: str
    consent: str | None
    ground: str | None
    decided_by: str | None
    requested_at: datetime
    decided_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, grant: Grant) -> "GrantView":
        """The view of a grant."""
        return cls(**grant.terms.model_dump(), **grant.model_dump(include=set(cls.model_fields)))


def _answer(grant: Grant, response: Response) -> GrantView:
    response.headers["ETag"] = etag(grant.v)
    return GrantView.of(grant)


@router.post("", status_code=201, summary="Ask for a grant", responses={200: {"description": "Asked for before"}})
async def request_grant(
    terms: Terms,
    key: IdempotencyKey,
    caller: Annotated[Caller, Depends(requires(policy.may_ask_for_grants))],
    desk: TheDesk,
    response: Response,
) -> GrantView:
    if caller.org is None:
        raise Forbidden("Only departments ask for grants")
    id_ = derive("grant", caller, key)
    grant, created = await commands.request_grant(desk, caller.org, id_, terms, body_digest(terms))
    response.status_code = 201 if created else 200
    return _answer(grant, response)


@router.put("/{grant}", summary="Declare a grant of the city; the same again changes nothing")
async def declare_grant(
    grant: GrantId,
    wanted: Declaration,
    _: Annotated[Caller, Depends(requires(policy.may_declare_grants, within=PRIVILEGED_SECONDS))],
    desk: TheDesk,
    response: Response,
) -> GrantView:
    declared, changed = await commands.declare_grant(desk, grant, wanted)
    tell_kept(response, declared, changed)
    return _answer(declared, response)


@router.get("", summary="The caller's grants, by id")
async def list_grants(
    caller: Sharer, window: Paging, desk: TheDesk, state: Annotated[State | None, Query()] = None
) -> Page[GrantView]:
    rows = await store.listed(
        desk.grants,
        party=policy.party_of(caller),
        state=state,
        after=window.after.id if window.after else "",
        limit=window.limit + 1,
    )
    return window.page(rows, place=lambda row: Cursor(key=row.id, id=row.id), show=GrantView.of)


@router.get("/{grant}", summary="One grant")
async def show_grant(grant: GrantId, caller: Sharer, desk: TheDesk, response: Response) -> GrantView:
    return _answer(await commands.show_grant(desk, caller, grant), response)


@router.post("/{grant}/consent", summary="Consent, as the owner of the data")
async def consent_to(grant: GrantId, caller: Sharer, expected: IfMatch, desk: TheDesk, response: Response) -> GrantView:
    return _answer(await commands.consent_to(desk, caller, grant, expected), response)


@router.post("/{grant}/refusal", summary="Refuse, with the ground the law requires")
async def refuse_grant(
    grant: GrantId, body: Ground, caller: Sharer, expected: IfMatch, desk: TheDesk, response: Response
) -> GrantView:
    return _answer(await commands.refuse_grant(desk, caller, grant, body.ground, expected), response)


@router.post("/{grant}/revocation", summary="Withdraw what was granted")
async def revoke_grant(
    grant: GrantId, body: Ground, caller: Sharer, expected: IfMatch, desk: TheDesk, response: Response
) -> GrantView:
    return _answer(await commands.revoke_grant(desk, caller, grant, body.ground, expected), response)
