"""What intake says: the service items on offer, and the facts of each case.

Facts on `intake.events` carry no personal data beyond opaque ids; the case itself travels on
`intake.to.<department>` to the one department that handles it.
"""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from shared.contracts.registry import EventModel, Text, published

EVENTS = "intake.events"


class SharedSource(EventModel):
    """Where a material comes from when the applicant is not asked for it (Order 716 Art. 7, 免提交)."""

    resource: str
    fields: list[str] = Field(min_length=1)
    purpose: str


class MaterialGuide(EventModel):
    """One material of an item: uploaded by the applicant, or taken from shared data."""

    code: str
    name: Text
    required: bool = True
    media_types: list[str] = Field(default=["application/pdf", "image/jpeg", "image/png"])
    shared: SharedSource | None = None


@published("tongban.intake.item-published.v1", on="intake.items", table=True)
class ItemPublished(EventModel):
    """A service item with its guide (办事指南). Days are working days from acceptance.

    `legal_days`: limit set by law; `promised_days`: the shorter public promise (Order 722 Art. 36).
    """

    code: str
    name: Text
    department: str
    kind: Literal["permit", "confirmation", "grant", "service"]
    basis: list[str]
    conditions: list[Text]
    process: list[Text]
    fee: Text
    visits: int = Field(ge=0)
    form: dict[str, Any]
    materials: list[MaterialGuide]
    legal_days: int
    promised_days: int


@published("tongban.intake.case-submitted.v1", on=EVENTS)
class CaseSubmitted(EventModel):
    """An application came in (申办). `agent` applied for the applicant, by `mandate`."""

    case: str
    number: str
    item: str
    department: str
    applicant: str
    agent: str | None = None
    mandate: str | None = None
    division: str
    submitted_at: datetime


@published("tongban.intake.material-wished.v1", on=EVENTS)
class MaterialWished(EventModel):
    """Intake wishes for a material from shared data on behalf of the department that handles the case."""

    case: str
    item: str
    material: str
    consumer: str
    resource: str
    fields: list[str] = Field(min_length=1)
    purpose: str
    subject: str


@published("tongban.intake.material-received.v1", on=EVENTS)
class MaterialReceived(EventModel):
    """A material is there: from the applicant (`agent`: by whom), or from shared data by the named exchange."""

    case: str
    material: str
    source: Literal["applicant", "shared"]
    agent: str | None = None
    exchange: str | None = None


class MissingMaterial(EventModel):
    """A material the applicant must now give, and why sharing could not (a ground code)."""

    material: str
    ground: str


@published("tongban.intake.supplement-requested.v1", on=EVENTS)
class SupplementRequested(EventModel):
    """The one complete notice of what is missing (一次告知补正, 行政许可法 Art. 32)."""

    case: str
    number: str
    item: str
    applicant: str
    agent: str | None = None
    missing: list[MissingMaterial] = Field(min_length=1)


@published("tongban.intake.case-accepted.v1", on=EVENTS)
class CaseAccepted(EventModel):
    """The case is accepted (受理); the legal clock runs from `accepted_on`.

    `deemed`: accepted by law because no notice was given in time (行政许可法 Art. 32).
    """

    case: str
    number: str
    item: str
    department: str
    applicant: str
    agent: str | None = None
    accepted_on: date
    legal_due: date
    promised_due: date
    deemed: bool = False


class FileReference(EventModel):
    """A file in the content-addressed object store."""

    file: str
    sha256: str
    media_type: str
    size: int


class MaterialPackage(EventModel):
    """A material as handed to the department: a file of the applicant, or shared data."""

    code: str
    source: Literal["applicant", "shared"]
    file: FileReference | None = None
    data: dict[str, Any] | None = None


@published("tongban.intake.case-assigned.v1", on="intake.to.{department}", personal=True)
class CaseAssigned(EventModel):
    """The work for one department: the application with all its materials."""

    case: str
    number: str
    item: str
    applicant: str
    division: str
    form: dict[str, Any]
    materials: list[MaterialPackage]
    accepted_on: date
    legal_due: date
    promised_due: date


@published("tongban.intake.case-decided.v1", on=EVENTS)
class CaseDecided(EventModel):
    """The department decided. The reason is in the case, for those who may see it."""

    case: str
    number: str
    item: str
    department: str
    applicant: str
    agent: str | None = None
    outcome: Literal["approved", "refused"]
    decided_on: date


@published("tongban.intake.case-completed.v1", on=EVENTS)
class CaseCompleted(EventModel):
    """The case is closed (办结)."""

    case: str
    number: str
    completed_on: date


@published("tongban.intake.statement-rejected.v1", on=EVENTS)
class StatementRejected(EventModel):
    """A department said something that it may not say, or about nothing that is open. Nothing changed."""

    member: str
    statement: str
    about: str | None
    ground: str
