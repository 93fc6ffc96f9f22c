"""Proofs and their verifiers, pure. A verifier asks by an event, which whoever is to be proven records with its own
change; the answer comes later and by another way."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, get_args

from pydantic import BaseModel, ConfigDict

from shared.contracts.registry import EventModel

Kind = Literal["id-card", "phone", "social-security-card", "bank-card", "housing-fund", "driving-licence"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The proofs of 国办函〔2016〕108号: online an identity card and any two of the others."""
ID_CARD, PHONE = "id-card", "phone"
OTHERS_NEEDED = 2
REPRESENTATIVE = "legal-representative"
"""That somebody represents a company, by the register of companies."""
DOCUMENT = "document"
"""The identity document, seen at a window with its holder."""
NO_MATCH = "no-match"
ONLINE, IN_PERSON = 2, 3
"""Identity assurance levels (NIST SP 800-63A): by proofs online, by document at a window. 1: somebody said so."""


@dataclass(frozen=True, slots=True)
class Question:
    """`about`: the registration or claim that wants it proven, `subject`: of whom; `values`: what they say."""

    about: str
    subject: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Confirmed, or not on a ground. `exchange`: sharing's record of how it was asked."""

    ground: str | None = None
    exchange: str | None = None


class Proof(BaseModel):
    """One proof. `expected` (a digest), `until` and `tries` are of a code that has to be typed in."""

    model_config = ConfigDict(validate_assignment=True)

    kind: str
    state: Literal["chosen", "asked", "confirmed", "refused"] = "chosen"
    ground: str | None = None
    exchange: str | None = None
    expected: str | None = None
    until: datetime | None = None
    tries: int = 0

    def settle(self, outcome: Outcome) -> None:
        """It is answered."""
        self.state = "confirmed" if outcome.ground is None else "refused"
        self.ground, self.exchange, self.expected = outcome.ground, outcome.exchange, None


class Verifier(Protocol):
    """Confirms one kind of proof."""

    @property
    def kind(self) -> str: ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the values it is told; it is told no others."""
        ...

    @property
    def asks_last(self) -> bool:
        """Asked only once all others have confirmed, as it costs somebody a message."""
        ...

    def ask(self, proof: Proof, question: Question, now: datetime) -> EventModel:
        """The event that asks. What is needed to judge the answer is noted in the proof."""
        ...


Verifiers = Mapping[str, Verifier]
"""By kind. A kind that is not there cannot be taken."""
