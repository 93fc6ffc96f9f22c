"""An exchange: wished → asked → answered | refused, or refused at once. The record of who saw what, without the data.

The data passes through the journal to its one reader and is forgotten there with the retention of personal topics;
what stays are the fields, the purpose, the legal basis, the grant, the times and the digests.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field, computed_field

from services.sharing.grants.domain import Grant, Missing
from shared.aggregate import Aggregate, EventTooLarge
from shared.contracts import sharing as said
from shared.contracts.department import QuestionAnswered
from shared.contracts.identity import ProofWished
from shared.contracts.intake import ItemPublished, MaterialWished
from shared.contracts.registry import Text
from shared.ids import derived_id
from shared.keepable import unkeepable

State = Literal["wished", "asked", "answered", "refused"]
Ground = (
    Missing
    | Literal[
        "unknown-resource",
        "not-the-items-resource",
        "given-differs",
        "owner-silent",
        "no-record",
        "incomplete-answer",
        "answer-too-large",
        "unusable-answer",
    ]
)


Wish = MaterialWished | ProofWished
"""What a service wishes to know: intake for a case, identity for itself. The answer goes to whoever wished."""


class NotTaken(Exception):
    """An answer that may not be given, and the ground it is rejected on."""

    def __init__(self, ground: Literal["not-the-owner", "finished"]) -> None:
        super().__init__(ground)
        self.ground: Literal["not-the-owner", "finished"] = ground


class Exchange(Aggregate):
    """`wish`: the id of the event it comes from; `asker`: the service that says it. `compared`: the names of what was
    given to compare. `grant_version`: `v` of the grant when the question was asked.

    For identity `case` is a registration or claim, `item` its purpose and `material` the kind of proof.
    """

    wish: str
    asker: str = "intake"
    case: str
    item: str
    material: str
    consumer: str
    subject: str
    resource: str
    fields: list[str]
    compared: list[str] = Field(default_factory=list)
    purpose: str
    wished_at: datetime
    state: State = "wished"
    ground: str | None = None
    resource_name: Text | None = None
    owner: str | None = None
    basis: str | None = None
    grant: str | None = None
    grant_version: int | None = None
    asked_at: datetime | None = None
    answer_by: datetime | None = None
    answered_at: datetime | None = None
    closed_at: datetime | None = None
    answer_sha256: str | None = None
    delivered_sha256: str | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def parties(self) -> list[str]:
        """The departments it concerns; kept in the document for one index."""
        return [self.consumer] if self.owner is None else [self.consumer, self.owner]

    def ask(
        self, grant: Grant, offer: said.ResourcePublished, now: datetime, given: Mapping[str, str] | None = None
    ) -> None:
        """Put the question to the owner, who has the time that the resource gives. What is `given` to compare goes to
        the owner and is not kept."""
        self.state, self.asked_at = "asked", now
        self.grant, self.grant_version, self.basis = grant.id, grant.v, grant.terms.basis
        self.answer_by = self.wake_at = now + timedelta(seconds=offer.answer_within)
        question = said.QuestionAsked(
            exchange=self.id,
            resource=self.resource,
            fields=self.fields,
            subject=self.subject,
            purpose=self.purpose,
            consumer=self.consumer,
            basis=self.basis,
            answer_by=self.answer_by,
            given=dict(given or {}),
        )
        told = question.model_dump(exclude={"subject", "answer_by", "given"})
        self.record(said.ExchangeAsked(**told, case=self.case, grant=grant.id, owner=offer.owner), now)
        self.record(question, now, to=offer.owner)

    def refuse(self, ground: Ground, now: datetime) -> None:
        """No data is handed over: say so in public, and to the asker which material it is."""
        self.state, self.ground, self.closed_at, self.wake_at = "refused", ground, now, None
        self.record(said.ExchangeRefused(exchange=self.id, case=self.case, ground=ground), now)
        self.record(
            said.AnswerRefused(exchange=self.id, case=self.case, material=self.material, ground=ground),
            now,
            to=self.asker,
        )

    def take_answer(self, member: str, answer: QuestionAnswered, grant: Grant | None, now: datetime) -> None:
        """The owner's answer, cut to the fields asked for and granted still.

        `grant` is as it is now: one that was revoked meanwhile gives nothing more; one whose last day passed
        meanwhile does, for the question was asked in time. Raises `NotTaken`: not-the-owner, finished.
        """
        if member != self.owner:
            raise NotTaken("not-the-owner")
        if self.state != "asked":
            raise NotTaken("finished")
        self.answered_at, self.answer_sha256 = now, said.digest(answer.data)
        ground = self._ground_against(answer, grant)
        if ground is None and grant is not None:
            data = {name: answer.data[name] for name in self.fields if name in grant.terms.fields}
            ground = self._deliver(data, member, now)
        if ground is not None:
            self.refuse(ground, now)

    def _ground_against(self, answer: QuestionAnswered, grant: Grant | None) -> Ground | None:
        if grant is None or grant.state not in ("granted", "expired"):
            return "grant-not-valid"
        if not set(self.fields) <= set(grant.terms.fields):
            return "fields-not-granted"
        if not answer.found:
            return "no-record"
        if unkeepable(answer.data):
            return "unusable-answer"
        if not set(self.fields) <= answer.data.keys():
            return "incomplete-answer"
        tells_more = self.compared and not all(isinstance(answer.data[name], bool) for name in self.fields)
        return "unusable-answer" if tells_more else None

    def _deliver(self, data: dict[str, Any], owner: str, now: datetime) -> Ground | None:
        """Hand the data to the asker; a ground where it does not fit on a topic."""
        sha256 = said.digest(data)
        delivery = said.AnswerDelivered(
            exchange=self.id,
            case=self.case,
            material=self.material,
            owner=owner,
            data=data,
            sha256=sha256,
            answered_at=now,
        )
        try:
            self.record(delivery, now, to=self.asker)
        except EventTooLarge:
            return "answer-too-large"
        self.state, self.closed_at, self.wake_at, self.delivered_sha256 = "answered", now, None, sha256
        told = said.ExchangeAnswered(
            exchange=self.id,
            case=self.case,
            answer_sha256=self.answer_sha256 or "",
            delivered_sha256=sha256,
            answered_at=now,
        )
        self.record(told, now)
        return None

    def wake(self, now: datetime) -> None:
        """The owner did not answer in its time."""
        self.wake_at = None
        if self.state == "asked":
            self.refuse("owner-silent", now)


def of_wish(event_id: str, wish: Wish, offer: said.ResourcePublished | None, now: datetime) -> Exchange:
    """The exchange that a wish begins, under an id that derives from it."""
    asker = wish.topic.partition(".")[0]
    if isinstance(wish, ProofWished):
        told: dict[str, Any] = {"case": wish.about, "item": wish.purpose, "material": wish.proof, "consumer": asker}
    else:
        told = wish.model_dump(include={"case", "item", "material", "consumer"})
    return Exchange(
        id=derived_id("exchange", event_id),
        wish=event_id,
        asker=asker,
        **told,
        **wish.model_dump(include={"subject", "resource", "purpose"}),
        fields=list(dict.fromkeys(wish.fields)),
        compared=sorted(given_by(wish)),
        wished_at=now,
        resource_name=offer.name if offer is not None else None,
        owner=offer.owner if offer is not None else None,
    )


def given_by(wish: Wish) -> Mapping[str, str]:
    """What a wish gives to compare."""
    return wish.given if isinstance(wish, ProofWished) else {}


def gives_what_is_compared(wish: Wish, offer: said.ResourcePublished) -> bool:
    """Whether a wish gives exactly what the resource compares: who answers is told no more than that."""
    return given_by(wish).keys() == {field.name for field in offer.compares}


def belongs_to_item(wish: MaterialWished, item: ItemPublished | None) -> bool:
    """Whether the consumer handles this item, and its guide has the material from there for this purpose."""
    if item is None or item.department != wish.consumer:
        return False
    return any(
        material.code == wish.material
        and material.shared is not None
        and (material.shared.resource, material.shared.purpose) == (wish.resource, wish.purpose)
        and set(wish.fields) <= set(material.shared.fields)
        for material in item.materials
    )
