"""The use cases of a case, one function each."""

import asyncio
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.intake import policy
from services.intake.cases.domain import SORT_KEY, AttachedFile, Case, Material, Outcome, places
from services.intake.desk import Desk
from services.intake.files.commands import check_references
from services.intake.files.domain import File
from services.intake.items.domain import item_id
from services.intake.items.forms import form_faults
from services.intake.rules import commands as rules
from shared.caller import Caller
from shared.clock import city_date
from shared.contracts import department as dept
from shared.contracts import intake as said
from shared.contracts import sharing
from shared.errors import Conflict, Fault, Forbidden, IdempotencyKeyReused, Invalid, NotFound
from shared.messaging.envelope import Event
from shared.rejection import Ground, reject
from shared.store import AlreadyThere

NOT_ACCEPTED = "not_accepted"
GROUNDS: dict[str, Ground] = {
    "not_found": "unknown",
    "not_the_owner": "not-the-owner",
    NOT_ACCEPTED: "not-accepted",
    "finished": "finished",
}
NOTICE_DAYS = 5
"""Working days for the one notice, where the rule pack says nothing (行政许可法 Art. 32)."""


class GivenFile(BaseModel):
    """A file uploaded before, for one material."""

    model_config = ConfigDict(extra="forbid", strict=True)

    material: str = Field(min_length=1, max_length=64)
    # Patterns are told, and not checked here: what does not fit is named together with everything else.
    file: str = Field(min_length=1, max_length=200, json_schema_extra={"pattern": r"^file-[a-z0-9]{26}$"})
    sha256: str = Field(min_length=1, max_length=200, json_schema_extra={"pattern": r"^[0-9a-f]{64}$"})


class Application(BaseModel):
    """What a person applies for, where, with which form and files: all in one request, taken whole or not at all."""

    model_config = ConfigDict(extra="forbid", strict=True)

    item: str = Field(min_length=1, max_length=64)
    division: str = Field(
        min_length=1,
        max_length=200,
        description="where it is handled",
        json_schema_extra={"pattern": r"^\d{2}(\d{2}(\d{2}(\d{3}(\d{3})?)?)?)?$"},
    )
    form: dict[str, Any]
    materials: list[GivenFile] = Field(default_factory=list, max_length=50)


async def submit_case(desk: Desk, caller: Caller, id_: str, digest: str, application: Application) -> tuple[Case, bool]:
    """Take an application; the case and whether it is new. Raises `Invalid` with every fault, storing nothing.

    The same id again gives the case that is there, or `IdempotencyKeyReused` where the body differs.
    """
    try:
        guide, files = await _checked(desk, caller, application)
    except Invalid:
        if (there := await desk.cases.find(id_)) is not None:  # what was right when it was taken may be gone by now
            return _same(there, digest), False
        raise
    now = desk.clock.now()
    case = Case(
        id=id_,
        number=await desk.numbers.next(application.division, city_date(now)),
        item=guide.code,
        department=guide.department,
        applicant=caller.id,
        agent=caller.actor,
        mandate=caller.mandate.id if caller.mandate else None,
        division=application.division,
        places=places(application.division),
        form=application.form,
        materials=[_material(m, application.materials, files) for m in guide.materials],
        legal_days=guide.legal_days,
        promised_days=guide.promised_days,
        body_sha256=digest,
        submitted_at=now,
        sort_key=f"{now:{SORT_KEY}}/{id_}",
    )
    calendar, pack = await asyncio.gather(rules.calendar(desk), rules.rules(desk))
    await _take_use(desk, caller, id_)
    case.submit(calendar, pack.value("permit.supplement_notice", city_date(now), NOTICE_DAYS), now)
    try:
        await desk.cases.add(case)
        return case, True
    except AlreadyThere:  # the same request came before
        return _same(await desk.cases.get(id_), digest), False


async def _take_use(desk: Desk, caller: Caller, case_id: str) -> None:
    """A mandate may be for so many cases. Raises `Forbidden` when they are begun."""
    mandate = caller.mandate
    if mandate is None or mandate.most_cases is None:
        return
    if not await desk.uses.take(mandate.id, case_id, mandate.most_cases):
        raise Forbidden("All cases that the mandate allows are begun", code="mandate_used_up")


def _same(case: Case, digest: str) -> Case:
    if case.body_sha256 != digest:
        raise IdempotencyKeyReused
    return case


async def _checked(desk: Desk, caller: Caller, application: Application) -> tuple[said.ItemPublished, dict[str, File]]:
    item = await desk.guides.find(item_id(application.item))
    guide = item.guide if item is not None else None
    faults: list[Fault] = []
    if guide is None:
        faults.append(Fault("/item", "unknown_item", "There is no such service item"))
    else:
        faults += form_faults(guide.form, application.form)
    if not caller.may_handle(application.item):
        faults.append(Fault("/item", "mandate_does_not_cover", "the mandate is for other items"))
    faults += _division_faults(desk, guide, application.division)
    known = {material.code: material for material in guide.materials} if guide is not None else {}
    faults += _material_faults(known, application.materials, strict=guide is not None)
    references = [
        (f"/materials/{n}", given.file, given.sha256, _accepted(known.get(given.material)))
        for n, given in enumerate(application.materials)
    ]
    files, file_faults = await check_references(desk, caller.id, references)
    if faults + file_faults or guide is None:
        raise Invalid("The application cannot be taken", faults=tuple(faults + file_faults))
    return guide, files


def _division_faults(desk: Desk, guide: said.ItemPublished | None, division: str) -> list[Fault]:
    """A case goes where the item's department works: elsewhere no officer could see it (codes nest by prefix)."""
    if division not in desk.divisions:
        return [Fault("/division", "unknown_division", "There is no such division")]
    department = desk.organisations.get(guide.department) if guide is not None else None
    if department is not None and not division.startswith(department.division):
        return [Fault("/division", "not_served", f"{department.code} does not handle this item there")]
    return []


def _accepted(material: said.MaterialGuide | None) -> list[str]:
    return material.media_types if material is not None else ["application/pdf", "image/jpeg", "image/png"]


def _material_faults(known: dict[str, said.MaterialGuide], given: list[GivenFile], *, strict: bool) -> list[Fault]:
    names = [one.material for one in given]
    faults = [
        Fault(f"/materials/{n}/material", "duplicate", "is given twice")
        for n, name in enumerate(names)
        if name in names[:n]
    ]
    if strict:
        faults += [
            Fault(f"/materials/{n}/material", "unknown_material", "is not a material of this item")
            for n, name in enumerate(names)
            if name not in known
        ]
        # What sharing gives is not asked for (Order 716 Art. 7); what only the applicant has must come now.
        faults += [
            Fault("/materials", "missing_material", f"{code} is required")
            for code, material in known.items()
            if material.required and material.shared is None and code not in names
        ]
    return faults


def _material(guide: said.MaterialGuide, given: list[GivenFile], files: dict[str, File]) -> Material:
    material = Material(
        code=guide.code, required=guide.required, media_types=guide.media_types, wish=guide.shared, state="left-out"
    )
    file = next((files[one.file] for one in given if one.material == guide.code), None)
    if file is not None:
        material.state, material.file = "there", attached(file)
    elif guide.shared is not None:
        material.state = "wished"
    return material


def attached(file: File) -> AttachedFile:
    """A file as a case refers to it."""
    return AttachedFile(file=file.id, sha256=file.sha256, media_type=file.media_type, size=file.size)


async def supply_material(desk: Desk, caller: Caller, case_id: str, given: GivenFile, version: int | None) -> Case:
    """The applicant gives what the notice asked for. Raises `NotFound`, `Invalid`, `Conflict`."""
    case = await desk.cases.find(case_id)
    if case is None or not policy.sees(caller, case):
        raise NotFound("There is no such case")
    accepted = next((m.media_types for m in case.materials if m.code == given.material), _accepted(None))
    files, faults = await check_references(desk, caller.id, [("", given.file, given.sha256, accepted)])
    if faults:
        raise Invalid("The file cannot be taken", faults=tuple(faults))
    calendar, file = await rules.calendar(desk), attached(files[given.file])
    return await desk.cases.change(
        case_id, lambda c: c.supply(given.material, file, calendar, desk.clock.now(), caller.actor), version=version
    )


async def take_answer(desk: Desk, event: Event[sharing.AnswerDelivered]) -> None:
    """Sharing delivered a material."""
    answer, calendar = event.data, await rules.calendar(desk)
    await desk.cases.change(
        answer.case,
        lambda c: c.take_answer(answer.material, answer.exchange, answer.data, calendar, desk.clock.now()),
        cause=event,
    )


async def take_refusal(desk: Desk, event: Event[sharing.AnswerRefused]) -> None:
    """Sharing cannot deliver a material."""
    answer, calendar = event.data, await rules.calendar(desk)
    await desk.cases.change(
        answer.case,
        lambda c: c.take_refusal(answer.material, answer.exchange, answer.ground, calendar, desk.clock.now()),
        cause=event,
    )


async def take_decision(desk: Desk, event: Event[dept.CaseDecided]) -> None:
    """A department says on its topic how it decided; what it may not say is rejected and recorded.

    That it came too early is remembered by the case: when the same statement is delivered again after the acceptance,
    it must not be taken after all.
    """
    said_ = event.data

    def decide(case: Case) -> None:
        now = desk.clock.now()
        try:
            case.decide(event.member, said_.outcome, said_.reason, said_.officer, now)
        except Conflict as exc:
            if exc.code != NOT_ACCEPTED:
                raise
            case.came_too_early(event.id)
        else:
            case.complete(now)

    try:
        case = await desk.cases.change(said_.case, decide, cause=event)
    except (NotFound, Forbidden, Conflict) as exc:
        ground = exc.code
    else:
        if event.id not in case.too_early:
            return
        ground = NOT_ACCEPTED
    await reject(desk.rejections, event, said_.case, GROUNDS[ground], said.StatementRejected, desk.clock.now())


async def decide_case(
    desk: Desk, caller: Caller, case_id: str, outcome: Outcome, reason: str, version: int | None
) -> Case:
    """An officer decides through the API. Raises `NotFound` for a case that is not the officer's, `Conflict`."""
    case = await desk.cases.find(case_id)
    if case is None or not policy.sees(caller, case):
        raise NotFound("There is no such case")

    def decide(found: Case) -> None:
        now = desk.clock.now()
        found.decide(caller.org or "", outcome, reason, caller.id, now)
        found.complete(now)

    return await desk.cases.change(case_id, decide, version=version)


async def deem_accepted(desk: Desk, case_id: str) -> None:
    """The time for the notice is over (行政许可法 Art. 32)."""
    calendar = await rules.calendar(desk)
    await desk.cases.change(case_id, lambda c: c.deem_accepted(calendar, desk.clock.now()))
