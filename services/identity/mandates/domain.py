"""Mandates: their rules, pure (民法典 Art. 161 ff.: agency by grant or by law; Art. 169: sub-agents need consent)."""

import re
from datetime import date, datetime, timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.identity.revocable import Revocable
from shared.caller import Power
from shared.clock import city_date
from shared.contracts.identity import MandateEnded, MandateGranted, MandateOffered
from shared.day import Day, city_midnight
from shared.errors import Conflict, Fault, Forbidden

OFFER_LIFE = timedelta(days=30)
"""How long an offer waits for its answer."""
KEPT = timedelta(days=400)
"""How long it can be seen that a mandate was there; longer than its events lie on their topic."""
LONGEST = timedelta(days=3 * 366)
"""From the first to the last day of what somebody grants; a register knows no end."""
ITEM_PATTERN = r"[a-z0-9][a-z0-9-]{0,63}"

Kind = Literal["representative", "guardian", "agent"]
Source = Literal["register", "grant"]
State = Literal["offered", "live", "ended"]
Ground = Literal["declined", "lapsed", "withdrawn", "given-up", "expired", "register", "above", "forgotten"]
"""Why it ended: its agent did not want it or did not answer; who gave it took it back; its agent gave it up; its time
is over; the register says otherwise by now; the mandate that it rests on ended; one of both was
forgotten."""


class Terms(BaseModel):
    """What a mandate allows. No items: all service items. `until` is its last day, in the city's time."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    acts: list[Power] = Field(min_length=1)
    items: list[str] = Field(default=[], max_length=50)
    most_cases: int | None = Field(default=None, ge=1, le=10_000, description="how many cases may be begun with it")
    since: Day
    until: Day
    may_delegate: bool = False

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if self.until < self.since:
            raise ValueError("until is before since")
        if any(not re.fullmatch(ITEM_PATTERN, item) for item in self.items):
            raise ValueError("items are codes of service items")
        if len(set(self.acts)) < len(self.acts) or len(set(self.items)) < len(self.items):
            raise ValueError("acts and items name each once")
        return self

    def faults_under(self, above: "Terms") -> list[Fault]:
        """Where these go further than those they rest on: nobody hands on more than they have."""
        wider = {
            "acts": not set(self.acts) <= set(above.acts),
            "items": bool(above.items) and (not self.items or not set(self.items) <= set(above.items)),
            "most_cases": above.most_cases is not None and (self.most_cases or above.most_cases + 1) > above.most_cases,
            "since": self.since < above.since,
            "until": self.until > above.until,
            "may_delegate": self.may_delegate,
        }
        return [Fault(f"/{name}", "too_wide", "more than you have") for name, is_wide in wider.items() if is_wide]


class Mandate(Revocable):
    """`principal` is represented by `agent`. Tokens that are used with it carry its version, and that of `under`."""

    principal: str
    agent: str
    kind: Kind
    source: Source
    terms: Terms
    under: str | None = None
    """The mandate that it rests on: the agent's agent. There is no third step."""
    by: str
    """Who gave it: the principal, or whoever has the mandate above."""
    wish_sha256: str = ""
    """Of what was asked for, so that the same request again is known."""
    offered_at: datetime
    accepted_at: datetime | None = None
    ended_at: datetime | None = None
    ground: Ground | None = None

    @property
    def state(self) -> State:
        """Where it stands; a live one has begun only from `terms.since` on."""
        if self.ended_at is not None:
            return "ended"
        return "offered" if self.accepted_at is None else "live"

    def offer(self, now: datetime) -> None:
        """Wait for the agent's consent."""
        self.wake_at = min(now + OFFER_LIFE, _end_of(self.terms.until))
        self.record(MandateOffered(mandate=self.id, principal=self.principal, agent=self.agent, by=self.by), now)

    def accept(self, agent: str, now: datetime) -> None:
        """Both sides want it. Once accepted nothing changes."""
        self._is_for(agent)
        if self.state == "ended":
            raise Conflict("The offer is over", code="mandate_ended")
        if self.accepted_at is None:
            self.begin(now)

    def begin(self, now: datetime) -> None:
        """It holds: by consent, or because the register says so."""
        self.accepted_at, self.wake_at = now, _end_of(self.terms.until)
        self.record(
            MandateGranted(
                mandate=self.id,
                principal=self.principal,
                agent=self.agent,
                by=self.by,
                source=self.source,
                acts=sorted(self.terms.acts),
                items=sorted(self.terms.items),
                since=self.terms.since,
                until=self.terms.until,
            ),
            now,
        )

    def extend(self, until: date, now: datetime) -> None:
        """The register names another last day; the same again changes nothing. An earlier one narrows it."""
        if until == self.terms.until or self.state != "live":
            return
        if until < self.terms.until:
            self.revoke(f"mandate:{self.id}", now)
        self.terms = self.terms.model_copy(update={"until": until})
        self.begin(now)

    def end_by(self, person: str, now: datetime) -> None:
        """Either side ends it, whenever they want (民法典 Art. 173). Raises `Forbidden` for what the register says."""
        if self.source == "register":
            raise Forbidden("It rests on a register: it ends there", code="mandate_of_register")
        if person == self.agent:
            self.end("declined" if self.accepted_at is None else "given-up", now)
        else:
            self.end("withdrawn", now)

    def end(self, ground: Ground, now: datetime) -> None:
        """It holds no more, from now on and everywhere. Once it has ended nothing changes."""
        if self.ended_at is None:
            self.ended_at, self.ground, self.wake_at = now, ground, now + KEPT
            self.revoke(f"mandate:{self.id}", now)
            self.record(
                MandateEnded(mandate=self.id, principal=self.principal, agent=self.agent, by=self.by, ground=ground),
                now,
            )

    def covers(self, now: datetime) -> bool:
        """Whether one may act with it today."""
        return self.state == "live" and self.terms.since <= city_date(now) <= self.terms.until

    def _is_for(self, agent: str) -> None:
        if agent != self.agent:
            raise Forbidden("It is offered to somebody else")


def faults_of_chain(above: Mandate, terms: Terms, now: datetime) -> list[Fault]:
    """What is wrong with resting a mandate with these terms on another."""
    if not above.covers(now):
        return [Fault("/under", "not_live", "it does not hold today")]
    if above.under is not None or not above.terms.may_delegate:
        return [Fault("/under", "no_delegation", "it may not be handed on")]
    return terms.faults_under(above.terms)


def _end_of(day: date) -> datetime:
    """The first moment after a day of the city."""
    return city_midnight(day + timedelta(days=1))
