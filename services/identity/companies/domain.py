"""Companies and the claims to represent them. Pure.

A claim is somebody's word that they are a company's legal representative; the register of companies says whether it is
so. A company is there once one claim was confirmed, or an operator put it.
"""

from datetime import datetime, timedelta
from typing import ClassVar, Literal

from services.identity.proofs.domain import Outcome, Proof, Question, Verifier
from shared.aggregate import Aggregate
from shared.contracts.identity import CompanyRegistered

CLAIM = "claim"
LIFE = timedelta(minutes=30)
"""Longer than any register may take."""
KEPT = timedelta(days=8)
"""How long one can see what became of a claim: see registrations."""

ClaimState = Literal["asked", "confirmed", "registered", "refused"]


class Claim(Aggregate):
    """`body`: the digest of what was said, the ID number among it, which is not kept."""

    whose: ClassVar[str] = "person"

    person: str
    code: str
    name: str
    body: str
    proof: Proof
    state: ClaimState = "asked"
    asked_at: datetime

    def ask(self, verifier: Verifier, id_number: str, now: datetime) -> None:
        """Ask the register of companies."""
        values = {"credit_code": self.code, "enterprise": self.name, "id_number": id_number}
        self.proof.state, self.wake_at = "asked", now + LIFE
        self.record(verifier.ask(self.proof, Question(self.id, self.person, values), now), now)

    def take(self, outcome: Outcome, now: datetime) -> None:
        """The register said whether it is so. A second answer changes nothing."""
        if self.state == "asked":
            self.proof.settle(outcome)
            if self.proof.state == "confirmed":
                self.state, self.wake_at = "confirmed", now
            else:
                self._end("refused", now)

    def registered(self, now: datetime) -> None:
        """The company is there, with this representative."""
        if self.state == "confirmed":
            self._end("registered", now)

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come of it."""
        return self.state in ("registered", "refused")

    def wake(self, now: datetime) -> None:
        """Nobody answered: not even sharing."""
        self.take(Outcome("owner-silent"), now)

    def _end(self, state: ClaimState, now: datetime) -> None:
        self.state, self.wake_at = state, now + KEPT


class Company(Aggregate):
    """`representative`: an account's id. What the register of companies says goes before what was said here."""

    code: str
    name: str
    representative: str
    registered_at: datetime

    def open(self, now: datetime) -> None:
        """The company is known from now on."""
        self.record(self._told(), now)

    def revise(self, name: str, representative: str, now: datetime) -> None:
        """Another name or another representative; the same again changes nothing."""
        if (name, representative) != (self.name, self.representative):
            self.name, self.representative = name, representative
            self.record(self._told(), now)

    def _told(self) -> CompanyRegistered:
        return CompanyRegistered(code=self.code, name=self.name, representative=self.representative)


def company_id(code: str) -> str:
    """The aggregate id of the company of that code."""
    return f"company-{code.lower()}"
