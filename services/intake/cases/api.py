"""Cases over HTTP: apply, look, supply what is missing, decide."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from services.intake import policy
from services.intake.cases import commands, store
from services.intake.cases.commands import Application, GivenFile
from services.intake.cases.domain import AttachedFile, Case, Decision, Outcome, Receipt, State
from services.intake.files.api import sent
from services.intake.web import TheDesk
from shared.caller import Caller
from shared.errors import Invalid, NotFound
from shared.store.repository import JournalEntry
from shared.web.authentication import requires
from shared.web.idempotency import IdempotencyKey, body_digest, derive
from shared.web.paging import Page, Paging
from shared.web.preconditions import IfMatch, etag

router = APIRouter(prefix="/cases", tags=["cases"])
Looker = Annotated[Caller, Depends(requires(policy.may_look, "see"))]
Reader = Annotated[Caller, Depends(requires(policy.may_read_cases, "see"))]
Applicant = Annotated[Caller, Depends(requires(policy.may_apply, "apply"))]
Supplier = Annotated[Caller, Depends(requires(policy.may_apply, "supply"))]


class MaterialView(BaseModel):
    """One material and where it stands."""

    code: str
    state: Literal["wished", "missing", "there", "left-out"]
    source: Literal["applicant", "shared"]
    ground: str | None


class CaseSummary(BaseModel):
    """What a list shows: no form, no person."""

    case: str
    number: str
    item: str
    department: str
    division: str
    state: State
    submitted_at: datetime
    receipt: Receipt | None
    outcome: Outcome | None
    materials: list[MaterialView]

    @classmethod
    def of(cls, case: Case) -> "CaseSummary":
        return cls(
            case=case.id,
            outcome=case.decision.outcome if case.decision else None,
            materials=[
                MaterialView(
                    code=m.code,
                    state=m.state,
                    ground=m.ground,
                    source="shared" if m.wish and not m.file else "applicant",
                )
                for m in case.materials
            ],
            **case.model_dump(include={"number", "item", "department", "division", "state", "submitted_at", "receipt"}),
        )


class MaterialContent(BaseModel):
    """What is there for a material: the applicant's file, or shared data."""

    code: str
    file: AttachedFile | None
    data: dict[str, Any] | None


class CaseView(CaseSummary):
    """The whole case, for its applicant and its department: all that an officer decides on."""

    form: dict[str, Any]
    agent: str | None
    contents: list[MaterialContent]
    decision: Decision | None

    @classmethod
    def of(cls, case: Case) -> "CaseView":
        contents = [
            MaterialContent(code=m.code, file=m.file, data=m.data) for m in case.materials if m.state == "there"
        ]
        return cls(
            **CaseSummary.of(case).model_dump(),
            form=case.form,
            agent=case.agent,
            contents=contents,
            decision=case.decision,
        )


class TimelineEntry(BaseModel):
    """One step of a case. `data` is absent for what went to one member only."""

    sequence: int
    at: datetime
    type: str
    topic: str
    trace: str
    data: dict[str, Any] | None

    @classmethod
    def of(cls, entry: JournalEntry) -> "TimelineEntry":
        shown = entry.topic == "intake.events" and entry.data is not None
        return cls(
            **entry.model_dump(include={"sequence", "type", "topic", "trace"}),
            at=entry.time,
            data=BodyJson.model_validate_json(entry.data or "{}").model_dump() if shown else None,
        )


class BodyJson(BaseModel):
    """Any JSON object."""

    model_config = ConfigDict(extra="allow")


class DecisionBody(BaseModel):
    """An officer's decision; a refusal needs its reason (行政许可法 Art. 38)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    outcome: Outcome
    reason: str = Field(min_length=1, max_length=4000)


async def _case(desk: TheDesk, caller: Caller, case_id: str, *, progress: bool = False) -> Case:
    """The case, or 404 where the caller may not know of it."""
    case = await desk.cases.find(case_id)
    sees = policy.sees_progress if progress else policy.sees
    if case is None or not sees(caller, case):
        raise NotFound("There is no such case")
    return case


@router.post("", status_code=201, summary="Apply: form and files in one request", responses={200: {"model": CaseView}})
async def submit(
    application: Application, key: IdempotencyKey, caller: Applicant, desk: TheDesk, response: Response
) -> CaseView:
    case, new = await commands.submit_case(
        desk, caller, derive("case", caller, key), body_digest(application), application
    )
    response.status_code = 201 if new else 200
    response.headers["Location"], response.headers["ETag"] = f"/cases/{case.id}", etag(case.v)
    return CaseView.of(case)


@router.get("", summary="One's own cases, one's department's by state, or one by its number")
async def list_cases(
    caller: Looker,
    desk: TheDesk,
    window: Paging,
    number: Annotated[str | None, Query(pattern=r"^\d{21}$")] = None,
    state: State = "accepted",
) -> Page[CaseSummary]:
    if number is not None:
        case = await store.by_number(desk.cases, number)
        return Page(items=[CaseSummary.of(case)] if case is not None and policy.sees_progress(caller, case) else [])
    if caller.kind == "person":
        found = await store.of_applicant(desk.cases, caller, window)
    elif caller.org is not None:
        found = await store.of_department(
            desk.cases, caller.org, caller.division or "", state, window, desk.clock.now()
        )
    else:
        raise Invalid("Operators look cases up by number", code="number_needed")
    return window.page(found, store.place, CaseSummary.of)


@router.get("/{case}", summary="One case")
async def show(case: str, caller: Reader, desk: TheDesk, response: Response) -> CaseView:
    found = await _case(desk, caller, case)
    response.headers["ETag"] = etag(found.v)
    return CaseView.of(found)


@router.get("/{case}/timeline", summary="What happened, step by step")
async def timeline(case: str, caller: Looker, desk: TheDesk) -> list[TimelineEntry]:
    found = await _case(desk, caller, case, progress=True)
    return [TimelineEntry.of(entry) for entry in await desk.cases.journal(found.id)]


@router.post("/{case}/materials", summary="Give a material that the notice asked for")
async def supply(
    case: str, given: GivenFile, caller: Supplier, expected: IfMatch, desk: TheDesk, response: Response
) -> CaseView:
    found = await commands.supply_material(desk, caller, case, given, expected)
    response.headers["ETag"] = etag(found.v)
    return CaseView.of(found)


@router.get("/{case}/materials/{code}/file", summary="The applicant's file", response_class=StreamingResponse)
async def material_file(case: str, code: str, caller: Reader, desk: TheDesk) -> StreamingResponse:
    found = await _case(desk, caller, case)
    attached = next((m.file for m in found.materials if m.code == code), None)
    if attached is None:
        raise NotFound("There is no such file")
    return await sent(desk, await desk.files.get(attached.file))


@router.post("/{case}/decision", summary="Decide, as an officer of the department")
async def decide(
    case: str,
    body: DecisionBody,
    caller: Annotated[Caller, Depends(requires(policy.may_decide))],
    expected: IfMatch,
    desk: TheDesk,
    response: Response,
) -> CaseView:
    found = await commands.decide_case(desk, caller, case, body.outcome, body.reason, expected)
    response.headers["ETag"] = etag(found.v)
    return CaseView.of(found)
