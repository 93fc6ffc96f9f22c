"""A grant: requested → granted | refused, granted → revoked | expired. What has ended stays ended.

The apply-and-answer mechanism of the 政务数据共享条例: an unconditional resource is granted at once, one of class
`none` refused at once with its law, a conditional one waits for its owner.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from shared.aggregate import Aggregate
from shared.clock import city_date
from shared.contracts import sharing as said
from shared.contracts.identity import PURPOSES
from shared.contracts.intake import ItemPublished
from shared.day import Day, city_midnight
from shared.errors import Conflict, Fault

State = Literal["requested", "granted", "refused", "revoked", "expired"]
Missing = Literal["no-grant", "grant-not-valid", "fields-not-granted"]
"""Why no grant covers a wish."""

IDENTITY = "identity"
"""The one service that asks departments for purposes of its own: who people are."""
BY_RULE = "unconditional: consent by rule (无条件共享)"


class Terms(BaseModel):
    """What a consumer may use (数据项), for what, on which legal basis, on which days (both included).

    `purpose` is the code of a service item that the consumer handles, or one of identity's own.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    resource: str = Field(max_length=80)
    fields: list[str] = Field(min_length=1, max_length=200)
    purpose: str = Field(max_length=80)
    basis: str = Field(min_length=1, max_length=2000)
    valid_from: Day
    valid_until: Day


class Declaration(Terms):
    """A grant as the city's file has it. `consent`: where the owner's consent is written down, if it was given."""

    consumer: str = Field(max_length=16)
    consent: str | None = Field(default=None, min_length=1, max_length=2000)

    @property
    def terms(self) -> Terms:
        """Its terms alone."""
        return Terms(**self.model_dump(include=set(Terms.model_fields)))


class Grant(Aggregate):
    """`consent`: how the owner consented where it was not through the API. `decided_by`: an account's id."""

    consumer: str
    owner: str
    terms: Terms
    state: State = "requested"
    body_sha256: str | None = None
    consent: str | None = None
    ground: str | None = None
    decided_by: str | None = None
    requested_at: datetime
    decided_at: datetime | None = None
    ended_at: datetime | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def parties(self) -> list[str]:
        """Whom it concerns; kept in the document so that a department's grants are found by one index."""
        return [self.consumer, self.owner]

    def request(self, offer: said.ResourcePublished, now: datetime) -> None:
        """Ask. The class of the resource may answer at once."""
        asked = self.terms.model_dump()
        self.record(said.GrantRequested(grant=self.id, consumer=self.consumer, owner=self.owner, **asked), now)
        if offer.sharing == "unconditional":
            self.give(None, now, consent=BY_RULE)
        elif offer.sharing == "none":
            self.refuse(None, offer.refusal_basis or "不予共享", now)

    def give(self, by: str | None, now: datetime, *, consent: str | None = None) -> None:
        """The owner consents. Raises `Conflict` unless it is requested and its time is not over."""
        self._must_be("requested")
        if city_date(now) > self.terms.valid_until:
            raise Conflict("The time asked for is over", code="grant_out_of_date")
        self.state, self.consent, self.decided_by, self.decided_at = "granted", consent, by, now
        self.wake_at = city_midnight(self.terms.valid_until + timedelta(days=1))
        given = self.terms.model_dump(exclude={"basis"})
        self.record(said.GrantGiven(grant=self.id, consumer=self.consumer, **given), now)

    def refuse(self, by: str | None, ground: str, now: datetime) -> None:
        """The owner refuses, with the ground the law requires. Raises `Conflict` unless it is requested."""
        self._must_be("requested")
        self.state, self.ground, self.decided_by, self.decided_at = "refused", ground, by, now
        self.record(said.GrantRefused(grant=self.id, ground=ground), now)

    def revoke(self, by: str, ground: str, now: datetime) -> None:
        """The owner withdraws it. Raises `Conflict` unless it is granted."""
        self._must_be("granted")
        self.state, self.ground, self.decided_by, self.ended_at = "revoked", ground, by, now
        self.wake_at = None
        self.record(said.GrantRevoked(grant=self.id, ground=ground), now)

    def wake(self, now: datetime) -> None:
        """Its last day is over."""
        self.wake_at = None
        if self.state == "granted":
            self.state, self.ended_at = "expired", now
            self.record(said.GrantExpired(grant=self.id), now)

    def declare(self, wanted: Declaration, now: datetime) -> bool:
        """Make it as the city's file says; whether anything changed. The same file again changes nothing, and
        brings nothing back to life. Raises `Conflict` for other terms: who consented to these did not to those.
        """
        if (self.consumer, self.terms) != (wanted.consumer, wanted.terms):
            raise Conflict("Other terms need another grant under another id", code="grant_differs")
        if wanted.consent is None or self.state != "requested":
            return False
        self.give(None, now, consent=wanted.consent)
        return True

    def _must_be(self, state: State) -> None:
        if self.state != state:
            raise Conflict(f"The grant is {self.state}, not {state}", code=f"grant_not_{state}")


def choose(grants: Sequence[Grant], fields: Sequence[str], today: date) -> Grant | Missing:
    """Of a consumer's grants for one resource and purpose: the one that covers the fields today, or what is missing."""
    given = [g for g in grants if g.state in ("granted", "revoked", "expired")]
    live = [g for g in given if g.state == "granted" and g.terms.valid_from <= today <= g.terms.valid_until]
    covering = [g for g in live if set(fields) <= set(g.terms.fields)]
    if covering:
        return max(covering, key=lambda g: (g.terms.valid_until, g.id))
    if live:
        return "fields-not-granted"
    return "grant-not-valid" if given else "no-grant"


def faults_of(
    consumer: str, terms: Terms, offer: said.ResourcePublished | None, item: ItemPublished | None, today: date
) -> list[Fault]:
    """Everything wrong with what is asked, given the resource and the item named as its purpose."""
    faults = _field_faults(terms, offer)
    if offer is None:
        faults.append(Fault("/resource", "unknown", "There is no such resource"))
    elif offer.owner == consumer:
        faults.append(Fault("/resource", "own", "A department needs no grant for its own data"))
    faults += _purpose_faults(consumer, terms.purpose, item)
    if terms.valid_until < terms.valid_from:
        faults.append(Fault("/valid_until", "before_start", "It would end before it begins"))
    if terms.valid_until < today:
        faults.append(Fault("/valid_until", "past", "The day is over"))
    return faults


def _purpose_faults(consumer: str, purpose: str, item: ItemPublished | None) -> list[Fault]:
    """A department's purpose is an item it handles; identity has purposes of its own, and nobody else has those."""
    if consumer == IDENTITY and purpose in PURPOSES:
        return []
    if item is None:
        return [Fault("/purpose", "unknown", "There is no such service item")]
    if item.department != consumer:
        return [Fault("/purpose", "not_its_item", "Another department handles this item")]
    return []


def _field_faults(terms: Terms, offer: said.ResourcePublished | None) -> list[Fault]:
    faults = []
    known = {field.name for field in offer.fields} if offer is not None else set(terms.fields)
    for n, name in enumerate(terms.fields):
        if name not in known:
            faults.append(Fault(f"/fields/{n}", "unknown", "The resource has no such field"))
        if name in terms.fields[:n]:
            faults.append(Fault(f"/fields/{n}", "duplicate", "The field is listed twice"))
    return faults
