"""A registration: asked → proven → opened | known, or refused or expired on the way. Pure.

Nobody is told whether an ID number has an account before it is proven to be theirs: until then every registration goes
the same way. The number itself is in the questions to its registers only; what is kept of it is a keyed digest.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from services.identity.proofs.domain import (
    DOCUMENT,
    IN_PERSON,
    ONLINE,
    PHONE,
    Outcome,
    Proof,
    Question,
    Verifier,
    Verifiers,
)
from services.identity.proofs.verifiers import CodeVerifier
from shared.aggregate import Aggregate
from shared.contracts.identity import PersonProven
from shared.errors import Conflict
from shared.ids import derived_id
from shared.personal import PERSONAL

LIFE = timedelta(minutes=30)
"""From asking to having proven it, and from then to having chosen a login name that is free."""
KEPT = timedelta(days=8)
"""How long it can be seen how it ended: longer than an answer can lie on its topic, and be published again."""
LOGINS = 10
"""So many login names that are taken one may find out about."""
PREFIX = "registration"

State = Literal["asked", "proven", "opened", "known", "refused", "expired"]


class Wanted(BaseModel):
    """The account to open. Personal: it goes when the registration ends."""

    model_config = ConfigDict(validate_assignment=True)

    login: str
    password_hash: str
    name: str
    mail: str | None = None
    phone: str | None = None
    language: Literal["zh", "en"] = "zh"


class Registration(Aggregate):
    """`person`: the account's id to be; `number`: the ID number's keyed digest; `body`: that of what was asked.

    `holder`: the account of that number in the end, whether opened now (`opened`) or there before (`known`).
    `login_taken`: all is proven, but somebody else has the login name. `clerk` and `organisation`: at a window.
    """

    whose: ClassVar[str] = "person"

    person: str
    number: str
    body: str
    account: Annotated[Wanted | None, PERSONAL] = None
    proofs: list[Proof] = Field(min_length=1)
    state: State = "asked"
    asked_at: datetime
    login_taken: bool = False
    logins: int = 1
    holder: str | None = None
    clerk: str | None = None
    organisation: str | None = None

    @classmethod
    def at_window(cls, id_: str, clerk: str, organisation: str, now: datetime, **known: object) -> Self:
        """An officer saw person and document together: nobody else is asked."""
        return cls.model_validate(
            {
                "id": id_,
                "proofs": [Proof(kind=DOCUMENT, state="confirmed")],
                "state": "proven",
                "asked_at": now,
                "wake_at": now,
                "clerk": clerk,
                "organisation": organisation,
                **known,
            }
        )

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come of it."""
        return self.state not in ("asked", "proven")

    @property
    def expects_code(self) -> bool:
        """Whether a code was sent, and has not been typed yet."""
        return not self.is_over and any(one.kind == PHONE and one.state == "asked" for one in self.proofs)

    @property
    def proven(self) -> PersonProven:
        """What can be said once it is proven."""
        return PersonProven(
            account=self.person,
            ial=ONLINE if self.clerk is None else IN_PERSON,
            proofs=[proof.kind for proof in self.proofs],
            registration=self.id,
            clerk=self.clerk,
            organisation=self.organisation,
        )

    def ask(self, verifiers: Verifiers, values: Mapping[str, Mapping[str, str]], now: datetime) -> None:
        """Ask whoever confirms the proofs, less those who are asked last; `values` by kind of proof."""
        self.wake_at = now + LIFE
        for proof in self.proofs:
            if not verifiers[proof.kind].asks_last:
                self._ask(proof, verifiers[proof.kind], values[proof.kind], now)

    def _ask(self, proof: Proof, verifier: Verifier, values: Mapping[str, str], now: datetime) -> None:
        proof.state = "asked"
        self.record(verifier.ask(proof, Question(self.id, self.person, values), now), now)

    def take(self, kind: str, outcome: Outcome, verifiers: Verifiers, now: datetime) -> None:
        """A proof is confirmed or not. What comes after the end, or a second time, changes nothing."""
        for proof in self.proofs:
            if proof.kind == kind and proof.state == "asked" and not self.is_over:
                proof.settle(outcome)
                self._go_on(verifiers, now)

    def enter_code(self, typed: str, codes: CodeVerifier, verifiers: Verifiers, now: datetime) -> bool:
        """The person types the code; whether that settles the proof, one way or the other. Raises `Conflict` where
        none is waited for."""
        proof = next((one for one in self.proofs if one.kind == PHONE and one.state == "asked"), None)
        if proof is None or self.is_over:
            raise Conflict("No code is waited for", code="no_code_expected")
        outcome = codes.judge(proof, self.id, typed, now)
        if outcome is not None:
            self.take(PHONE, outcome, verifiers, now)
        return outcome is not None

    def _go_on(self, verifiers: Verifiers, now: datetime) -> None:
        """Once nobody is waited for: the end, or those who are asked last, or it is proven."""
        states = {proof.state for proof in self.proofs}
        if "asked" in states:
            return
        if "refused" in states:
            self._end("refused", now)
        elif "chosen" in states and self.account is not None:
            known = {name: value or "" for name, value in self.account.model_dump(exclude={"password_hash"}).items()}
            for proof in self.proofs:
                if proof.state == "chosen":
                    self._ask(proof, verifiers[proof.kind], known, now)
        else:
            self.state, self.wake_at = "proven", now

    def opened(self, now: datetime) -> None:
        """The account is there, or is proven now."""
        if self.state == "proven":
            self.holder = self.person
            self._end("opened", now)

    def known(self, holder: str, now: datetime) -> None:
        """The person had an account before. They may know it: they have proven who they are."""
        if self.state == "proven":
            self.holder = holder
            self._end("known", now)

    def ask_for_login(self, now: datetime) -> None:
        """Somebody else has the login name; the person may choose another one, a few times."""
        if self.logins >= LOGINS:
            self._end("refused", now)
        else:
            self.login_taken, self.wake_at = True, now + LIFE

    def choose_login(self, login: str, now: datetime) -> None:
        """Another login name. Raises `Conflict` where none is asked for."""
        if self.state != "proven" or not self.login_taken or self.account is None:
            raise Conflict("No other login name is asked for", code="no_login_expected")
        self.account.login, self.login_taken, self.logins, self.wake_at = login, False, self.logins + 1, now

    def leave(self, now: datetime) -> None:
        """The person begins anew."""
        if not self.is_over:
            self._end("expired", now)

    def wake(self, now: datetime) -> None:
        """Its time is over."""
        self.wake_at = None
        self.leave(now)

    def _end(self, state: State, now: datetime) -> None:
        self.state, self.account, self.login_taken, self.wake_at = state, None, False, now + KEPT
        for proof in self.proofs:
            proof.expected = None


def registration_id(secret: str) -> str:
    """The id of the registration of whoever keeps this secret: only its digest is kept."""
    return derived_id(PREFIX, secret)


def person_id(registration: str) -> str:
    """The account's id that a registration leads to."""
    return derived_id("person", registration)
