"""What sharing says: data resources on offer, grants, and every exchange of data, without its payload.

Questions and answers travel on `sharing.to.<member>` to the one member concerned.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field
from pydantic_core import from_json, to_json

from shared.contracts.registry import EventModel, Text, published

EVENTS = "sharing.events"
TO_MEMBER = "sharing.to.{member}"

SharingClass = Literal["unconditional", "conditional", "none"]
UpdateCycle = Literal["real-time", "day", "week", "month", "quarter", "half-year", "year", "irregular"]
"""更新周期 of the catalogue guide (政务信息资源目录编制指南)."""


def digest(data: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over the canonical JSON of an answer as it travels: UTF-8, keys sorted, no white space."""
    travelling = from_json(to_json(data, inf_nan_mode="null"))
    canonical = json.dumps(travelling, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


class DataField(EventModel):
    """One data item (信息项) of a resource."""

    name: str
    title: Text


@published("tongban.sharing.resource-published.v1", on="sharing.catalogue", table=True)
class ResourcePublished(EventModel):
    """A data resource in the catalogue (政务信息资源目录). Classes: 无条件共享, 有条件共享, 不予共享.

    `condition`: of a conditional resource. `refusal_basis`: the law that forbids sharing, of class `none`
    (政务数据共享条例). `answer_within`: seconds the owner's system has for an answer. `compares`: what must be given to
    ask, where the resource tells no data but only whether they are so: all its fields are true or false.
    """

    code: str
    name: Text
    owner: str
    sharing: SharingClass
    condition: Text | None = None
    refusal_basis: str | None = None
    fields: list[DataField] = Field(min_length=1)
    update_cycle: str
    answer_within: float = Field(gt=0)
    compares: list[DataField] = Field(default_factory=list)


@published("tongban.sharing.grant-requested.v1", on=EVENTS)
class GrantRequested(EventModel):
    """A department asks to use fields of a resource for one purpose, on a legal basis."""

    grant: str
    consumer: str
    resource: str
    owner: str
    fields: list[str] = Field(min_length=1)
    purpose: str
    basis: str
    valid_from: date
    valid_until: date


@published("tongban.sharing.grant-given.v1", on=EVENTS)
class GrantGiven(EventModel):
    """The owner consented: exchanges under the grant are allowed while it is valid."""

    grant: str
    consumer: str
    resource: str
    fields: list[str]
    purpose: str
    valid_from: date
    valid_until: date


@published("tongban.sharing.grant-refused.v1", on=EVENTS)
class GrantRefused(EventModel):
    """The owner refused, with the ground the law requires (政务数据共享条例)."""

    grant: str
    ground: str


@published("tongban.sharing.grant-revoked.v1", on=EVENTS)
class GrantRevoked(EventModel):
    """The grant was withdrawn."""

    grant: str
    ground: str


@published("tongban.sharing.grant-expired.v1", on=EVENTS)
class GrantExpired(EventModel):
    """The grant's validity ended."""

    grant: str


@published("tongban.sharing.exchange-asked.v1", on=EVENTS)
class ExchangeAsked(EventModel):
    """A question went to the owner under a grant. `case`: of intake, or whatever else the consumer wished it for."""

    exchange: str
    case: str
    grant: str
    consumer: str
    owner: str
    resource: str
    fields: list[str]
    purpose: str
    basis: str


@published("tongban.sharing.exchange-answered.v1", on=EVENTS)
class ExchangeAnswered(EventModel):
    """The owner answered and the answer, cut to the granted fields, was handed over.

    `answer_sha256` is over the owner's answer, `delivered_sha256` over what was handed on (see `digest`).
    """

    exchange: str
    case: str
    answer_sha256: str
    delivered_sha256: str
    answered_at: datetime


@published("tongban.sharing.exchange-refused.v1", on=EVENTS)
class ExchangeRefused(EventModel):
    """No data was handed over, and on which ground."""

    exchange: str
    case: str
    ground: str


@published("tongban.sharing.statement-rejected.v1", on=EVENTS)
class StatementRejected(EventModel):
    """A department said something that it may not say, or about nothing that is open. Nothing changed."""

    member: str
    statement: str
    about: str | None
    ground: str


@published("tongban.sharing.question-asked.v1", on=TO_MEMBER, personal=True)
class QuestionAsked(EventModel):
    """A question to the owner of a resource about one subject, to be answered by `answer_by`.

    `given`: where the resource compares, what it is to compare; else empty.
    """

    exchange: str
    resource: str
    fields: list[str]
    subject: str
    purpose: str
    consumer: str
    basis: str
    answer_by: datetime
    given: dict[str, str] = Field(default_factory=dict)


@published("tongban.sharing.answer-delivered.v1", on=TO_MEMBER, personal=True)
class AnswerDelivered(EventModel):
    """The answer to a wish, cut to the granted fields."""

    exchange: str
    case: str
    material: str
    owner: str
    data: dict[str, Any]
    sha256: str
    answered_at: datetime


@published("tongban.sharing.answer-refused.v1", on=TO_MEMBER, personal=True)
class AnswerRefused(EventModel):
    """A wish cannot be met, and on which ground (a code, see `docs/glossary.md`)."""

    exchange: str
    case: str
    material: str
    ground: str
