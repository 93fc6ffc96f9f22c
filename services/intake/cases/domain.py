"""A case: what was applied for, what is there, and where it stands.

submitted → (supplement →) accepted → decided → completed. Acceptance starts the legal clock
(行政许可法 Art. 32, 42); the one complete notice of what is missing waits until every wish for shared data is settled.
"""

from datetime import date, datetime, timedelta
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from shared.aggregate import Aggregate
from shared.clock import CITY_TIME, city_date
from shared.contracts import intake as said
from shared.errors import Conflict, Fault, Forbidden, Invalid

State = Literal["submitted", "supplement", "accepted", "decided", "completed"]
Outcome = Literal["approved", "refused"]

EARLY_LIMIT = 20
SORT_KEY = "%Y%m%dT%H%M%S.%fZ"
"""How the moment of submission is written in `sort_key`, before a slash and the id."""


def places(division: str) -> list[str]:
    """A division's code and all that it begins with: the divisions above it (GB/T 2260), down to the whole city's."""
    return [division[:n] for n in range(len(division) + 1)]


class Days(Protocol):
    """The working-day calendar."""

    def after(self, start: date, days: int) -> date:
        """The working day on which a term of `days` ends."""
        ...


class AttachedFile(BaseModel):
    """A file of the applicant."""

    model_config = ConfigDict(frozen=True)

    file: str
    sha256: str
    media_type: str
    size: int


class Material(BaseModel):
    """One material. `wished`: asked of shared data; `missing`: the applicant must give it; `there`: done."""

    code: str
    required: bool
    media_types: list[str]
    wish: said.SharedSource | None = None
    state: Literal["wished", "missing", "there", "left-out"] = "missing"
    ground: str | None = None
    file: AttachedFile | None = None
    data: dict[str, Any] | None = None
    exchange: str | None = None


class Decision(BaseModel):
    """What the department decided, why, and who signed."""

    outcome: Outcome
    reason: str
    officer: str | None
    decided_at: datetime


class Receipt(BaseModel):
    """The dated receipt of acceptance (行政许可法 Art. 32) with both limits."""

    accepted_on: date
    legal_due: date
    promised_due: date
    deemed: bool


class Case(Aggregate):
    """One application by one person for one item."""

    number: str
    item: str
    department: str
    applicant: str
    agent: str | None = None
    """Who applied for the applicant, by `mandate`."""
    mandate: str | None = None
    division: str
    form: dict[str, Any]
    materials: list[Material]
    legal_days: int
    promised_days: int
    body_sha256: str
    state: State = "submitted"
    submitted_at: datetime
    sort_key: str
    places: list[str] = Field(default_factory=list)
    """The division and all above it: whose officers have the case on their list."""
    receipt: Receipt | None = None
    decision: Decision | None = None
    too_early: list[str] = Field(default_factory=list)
    """Ids of decisions that a department spoke before the case was accepted: rejected, whatever becomes of the case."""

    def submit(self, days: Days, notice_days: int, now: datetime) -> None:
        """The application came in: wish for what sharing gives, accept at once when all is there.

        Without notice or acceptance within `notice_days` working days the law deems the case accepted.
        """
        self.record(
            said.CaseSubmitted(
                case=self.id,
                number=self.number,
                item=self.item,
                department=self.department,
                applicant=self.applicant,
                agent=self.agent,
                mandate=self.mandate,
                division=self.division,
                submitted_at=now,
            ),
            now,
        )
        for material in self.materials:
            if material.wish is not None and material.state == "wished":
                self._wish(material, material.wish, now)
        self.wake_at = _end_of(days.after(city_date(now), notice_days), now)
        self._go_on(days, now)

    def _wish(self, material: Material, wish: said.SharedSource, now: datetime) -> None:
        self.record(
            said.MaterialWished(
                case=self.id,
                item=self.item,
                material=material.code,
                consumer=self.department,
                resource=wish.resource,
                fields=wish.fields,
                purpose=wish.purpose,
                subject=self.applicant,
            ),
            now,
        )

    def take_answer(self, code: str, exchange: str, data: dict[str, Any], days: Days, now: datetime) -> None:
        """Shared data came for a material. One that is settled already stays as it is."""
        material = self._material(code)
        if material.state == "wished":
            material.state, material.exchange, material.data = "there", exchange, data
            self._received(material, "shared", now)
            self._go_on(days, now)

    def take_refusal(self, code: str, exchange: str, ground: str, days: Days, now: datetime) -> None:
        """Sharing cannot give a material: the applicant must, after the one complete notice."""
        material = self._material(code)
        if material.state == "wished":
            material.state = "missing" if material.required else "left-out"
            material.ground, material.exchange = ground, exchange
            self._go_on(days, now)

    def supply(self, code: str, file: AttachedFile, days: Days, now: datetime, agent: str | None = None) -> None:
        """The applicant, or an agent, gives a material that was asked for. Raises `Conflict` when it is not missing."""
        material = self._material(code)
        if material.file is not None and material.file.sha256 == file.sha256:
            return  # the same upload again
        if self.state != "supplement" or material.state != "missing":
            raise Conflict("This material is not asked for", code="material_not_missing")
        if file.media_type not in material.media_types:
            told = f"has to be one of {', '.join(material.media_types)}"
            raise Invalid("The file does not fit", faults=(Fault("/file", "media_type", told),))
        material.state, material.file = "there", file
        self._received(material, "applicant", now, agent)
        self._go_on(days, now)

    def _received(
        self, material: Material, source: Literal["applicant", "shared"], now: datetime, agent: str | None = None
    ) -> None:
        received = said.MaterialReceived(
            case=self.id, material=material.code, source=source, agent=agent, exchange=material.exchange
        )
        self.record(received, now)

    def _material(self, code: str) -> Material:
        for material in self.materials:
            if material.code == code:
                return material
        raise Invalid("The item has no such material", faults=(Fault("/material", "unknown", "is not of this item"),))

    def _go_on(self, days: Days, now: datetime) -> None:
        """Accept when all is there; give the one notice once it can be complete."""
        if self.state not in ("submitted", "supplement") or any(m.state == "wished" for m in self.materials):
            return
        missing = [material for material in self.materials if material.state == "missing"]
        if not missing:
            self._accept(days, city_date(now), now)
        elif self.state == "submitted":
            self._ask_for(missing, now)

    def _ask_for(self, missing: list[Material], now: datetime) -> None:
        self.state, self.wake_at = "supplement", None
        told = [said.MissingMaterial(material=m.code, ground=m.ground or "not-given") for m in missing]
        self.record(
            said.SupplementRequested(
                case=self.id,
                number=self.number,
                item=self.item,
                applicant=self.applicant,
                agent=self.agent,
                missing=told,
            ),
            now,
        )

    def deem_accepted(self, days: Days, now: datetime) -> None:
        """No notice in time: accepted by law, from the day of receipt (行政许可法 Art. 32)."""
        if self.wake_at is not None and self.wake_at <= now and self.state == "submitted":
            self._accept(days, city_date(self.submitted_at), now, deemed=True)

    def _accept(self, days: Days, on: date, now: datetime, *, deemed: bool = False) -> None:
        self.state, self.wake_at = "accepted", None
        self.receipt = Receipt(
            accepted_on=on,
            legal_due=days.after(on, self.legal_days),
            promised_due=days.after(on, self.promised_days),
            deemed=deemed,
        )
        self.record(
            said.CaseAccepted(
                case=self.id,
                number=self.number,
                item=self.item,
                department=self.department,
                applicant=self.applicant,
                agent=self.agent,
                **self.receipt.model_dump(),
            ),
            now,
        )
        self._assign(self.receipt, now)

    def _assign(self, receipt: Receipt, now: datetime) -> None:
        """Hand the work to the department."""
        self.record(
            said.CaseAssigned(
                case=self.id,
                number=self.number,
                item=self.item,
                applicant=self.applicant,
                division=self.division,
                form=self.form,
                materials=[_package(m) for m in self.materials if m.state == "there"],
                **receipt.model_dump(exclude={"deemed"}),
            ),
            now,
            to=self.department,
        )

    def decide(self, department: str, outcome: Outcome, reason: str, officer: str | None, now: datetime) -> None:
        """The department decides. Raises `Forbidden` for another department, `Conflict` when it is not open."""
        if department != self.department:
            raise Forbidden("Another department handles this case", code="not_the_owner")
        if self.state in ("decided", "completed"):
            raise Conflict("The case is decided", code="finished")
        if self.state != "accepted":
            raise Conflict("The case is not accepted yet", code="not_accepted")
        self.state = "decided"
        self.decision = Decision(outcome=outcome, reason=reason, officer=officer, decided_at=now)
        self.record(
            said.CaseDecided(
                case=self.id,
                number=self.number,
                item=self.item,
                department=self.department,
                applicant=self.applicant,
                agent=self.agent,
                outcome=outcome,
                decided_on=city_date(now),
            ),
            now,
        )

    def came_too_early(self, statement: str) -> None:
        """Remember a decision that is rejected because the case is not accepted yet."""
        self.too_early = [*self.too_early, statement][-EARLY_LIMIT:]

    def complete(self, now: datetime) -> None:
        """Close the decided case (办结). Raises `Conflict` before a decision."""
        if self.state != "decided":
            raise Conflict("Only a decided case is completed", code="not_decided")
        self.state = "completed"
        self.record(said.CaseCompleted(case=self.id, number=self.number, completed_on=city_date(now)), now)


def _package(material: Material) -> said.MaterialPackage:
    file = said.FileReference(**material.file.model_dump()) if material.file is not None else None
    source: Literal["applicant", "shared"] = "applicant" if file is not None else "shared"
    return said.MaterialPackage(code=material.code, source=source, file=file, data=material.data)


def _end_of(day: date, now: datetime) -> datetime:
    """The end of that day, in the city."""
    days_ahead = (day - city_date(now)).days + 1
    midnight = datetime.combine(city_date(now), datetime.min.time(), tzinfo=CITY_TIME)
    return midnight + timedelta(days=days_ahead)
