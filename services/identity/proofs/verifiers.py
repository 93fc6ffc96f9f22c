"""Who confirms which proof in this city: the one place where a verifier is plugged in."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Literal, cast

from services.identity.lookup import Lookup
from services.identity.proofs.domain import (
    ID_CARD,
    NO_MATCH,
    PHONE,
    REPRESENTATIVE,
    Kind,
    Outcome,
    Proof,
    Question,
    Verifier,
    Verifiers,
)
from shared.contracts.identity import COMPANY, REAL_NAME, CodeIssued, ProofWished
from shared.contracts.registry import EventModel

MATCHES = "matches"
"""The one field that departments are asked for."""
CODE_LIFE = timedelta(minutes=10)
CODE_TRIES = 5
NOT_TAKEN: Mapping[Kind, str] = {"bank-card": "no bank confirms cards to this city"}
"""Proofs of the rule that nobody here confirms, and why."""


@dataclass(frozen=True)
class DepartmentVerifier:
    """Asks a register's owner whether what somebody says is so: over the bus, through sharing, under a grant."""

    kind: str
    resource: str
    needs: tuple[str, ...]
    purpose: str = REAL_NAME
    asks_last: bool = False

    def ask(self, proof: Proof, question: Question, now: datetime) -> EventModel:  # noqa: ARG002 - nothing to note
        """The wish; sharing hands the answer over."""
        return ProofWished(
            about=question.about,
            proof=self.kind,
            resource=self.resource,
            fields=[MATCHES],
            purpose=self.purpose,
            subject=question.subject,
            given={name: question.values[name] for name in self.needs},
        )


def outcome_of(answer: Mapping[str, object], exchange: str) -> Outcome:
    """What a department's answer means: nothing but a yes is one."""
    return Outcome(None if answer.get(MATCHES) is True else NO_MATCH, exchange)


@dataclass(frozen=True)
class CodeVerifier:
    """Sends a code and is answered when the person types it. Only the code's keyed digest is kept."""

    lookup: Lookup
    draw: Callable[[], str] = lambda: f"{secrets.randbelow(10**6):06d}"
    kind: ClassVar[str] = PHONE
    needs: ClassVar[tuple[str, ...]] = ("mail", "language")
    asks_last: ClassVar[bool] = True

    def ask(self, proof: Proof, question: Question, now: datetime) -> EventModel:
        """The code, for notifications to send. The sample city's one channel is mail."""
        code = self.draw()
        proof.expected, proof.until, proof.tries = self._digest(question.about, code), now + CODE_LIFE, 0
        return CodeIssued(
            about=question.about,
            person=question.subject,
            mail=question.values["mail"],
            language=cast(Literal["zh", "en"], question.values["language"]),
            code=code,
            until=proof.until,
        )

    def judge(self, proof: Proof, about: str, typed: str, now: datetime) -> Outcome | None:
        """What a typed code means; `None`: it is wrong, and there are tries left."""
        if proof.until is None or now >= proof.until:
            return Outcome("code-expired")
        proof.tries += 1
        if hmac.compare_digest(self._digest(about, typed), proof.expected or ""):
            return Outcome()
        return Outcome("code-wrong") if proof.tries >= CODE_TRIES else None

    def _digest(self, about: str, code: str) -> str:
        return self.lookup.digest("code", about, code)


def of_city(codes: CodeVerifier) -> Verifiers:
    """The sample city's verifiers by kind. Nobody is told more than it needs to find the record."""
    number = ("id_number", "number")
    found: tuple[Verifier, ...] = (
        DepartmentVerifier(ID_CARD, "police.identity-card", ("id_number", "name")),
        DepartmentVerifier("social-security-card", "hrss.social-security-card", number),
        DepartmentVerifier("housing-fund", "housing.housing-fund", number),
        DepartmentVerifier("driving-licence", "police.driving-licence", number),
        codes,
    )
    return {verifier.kind: verifier for verifier in found}


COMPANIES = DepartmentVerifier(
    REPRESENTATIVE, "market.legal-representative", ("credit_code", "enterprise", "id_number"), COMPANY
)
"""Who represents a company is asked of its register."""
