"""Sessions: their rules, pure."""

import hashlib
import hmac
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from services.identity.revocable import Revocable
from shared.caller import Assurance
from shared.personal import PERSONAL

LIFE = timedelta(hours=12)
"""From signing in until one has to sign in again: what NIST SP 800-63B section 7.2 asks for at AAL2."""
KEPT = timedelta(days=30)
"""How long it can be seen that a session was there."""
TELLING = timedelta(seconds=30)
"""For so long one process tells the applications that it is over; then another may."""
TRIES = 8
"""An application that does not answer is given up then, after about twenty minutes: its tokens are long dead."""


@dataclass(frozen=True, slots=True)
class Shown:
    """By what a person was known (RFC 8176); with two factors: under which version of the person's factors."""

    amr: tuple[str, ...] = ("pwd",)
    factors_version: int | None = None

    @property
    def acr(self) -> Assurance:
        """How sure that is."""
        return "aal1" if self.factors_version is None else "aal2"


class Session(Revocable):
    """A person signed in with a browser. Of the browser's secret, another one after each proof, a digest is kept."""

    whose: ClassVar[str] = "person"

    person: str
    user_version: int
    """The person's token version when it began: a session from before a revocation is over."""
    browser: Annotated[str, PERSONAL]
    """What the browser calls itself."""
    begun_at: datetime
    digest: str = ""
    proved_at: datetime | None = None
    """When the person last proved who they are, if that was later than at the beginning."""
    acr: Assurance = "aal1"
    amr: list[str] = Field(default_factory=lambda: ["pwd"])
    factors_version: int | None = None
    """With `aal2`: of the person's factors when two were shown. Once one of them is taken away it is over."""
    applications: list[str] = Field(default_factory=list)
    """Whom it told who is signed in, and has to tell when that is over."""
    ended_at: datetime | None = None
    to_tell: list[str] = Field(default_factory=list)
    """Of `applications` those that have to hear of the end yet."""
    tries: int = 0

    @property
    def until(self) -> datetime:
        """When it ends by itself."""
        return self.begun_at + LIFE

    @property
    def authenticated_at(self) -> datetime:
        """When the person last proved who they are."""
        return self.proved_at or self.begun_at

    def is_live(self, user_version: int, factors_version: int, now: datetime) -> bool:
        """Whether the person is signed in by it."""
        is_sure = self.factors_version in (None, factors_version)
        return self.ended_at is None and now < self.until and self.user_version == user_version and is_sure

    def is_of(self, secret: str) -> bool:
        """Whether the browser that has the secret is the one that is signed in."""
        return hmac.compare_digest(self.digest, digest(secret))

    def prove(self, shown: Shown, secret: str, now: datetime) -> None:
        """The person proved again who they are. The browser gets another secret: who may have the old one has nothing
        of it. Known more or less surely than before, all tokens that say otherwise are over: they do not name what
        the session stands on from now on."""
        if shown.acr != self.acr:
            self.revoke(f"session:{self.id}", now)
        self.proved_at, self.digest, self.amr = now, digest(secret), list(shown.amr)
        self.acr, self.factors_version = shown.acr, shown.factors_version

    def keep(self, factors_version: int) -> None:
        """The person took a factor away here, which made this version: the session knows, and goes on."""
        if self.factors_version == factors_version - 1:
            self.factors_version = factors_version

    def stay(self, user_version: int, secret: str) -> None:
        """The person chose another password here, which made this version: the session knows, and goes on. The browser
        gets another secret: who may have the old one has nothing of it."""
        if self.user_version == user_version - 1:
            self.user_version = user_version
        self.digest = digest(secret)

    def serve(self, application: str) -> None:
        """Tell an application who is signed in."""
        if application not in self.applications:
            self.applications = [*self.applications, application]

    def end(self, now: datetime) -> None:
        """No longer signed in, from now on and everywhere. Once it has ended nothing changes."""
        if self.ended_at is None:
            self.ended_at, self.to_tell = now, self.applications
            self.wake_at = now if self.to_tell else now + KEPT
            self.revoke(f"session:{self.id}", now)

    def tell(self, now: datetime) -> None:
        """Somebody takes it on to tell those who have to hear, unless another does."""
        if self.wake_at is not None and self.wake_at <= now:
            self.tries, self.wake_at = self.tries + 1, now + TELLING

    def told(self, applications: Set[str], now: datetime) -> None:
        """These know; the others are tried again later, less and less often."""
        self.to_tell = [one for one in self.to_tell if one not in applications] if self.tries < TRIES else []
        self.wake_at = now + (timedelta(seconds=5) * 2**self.tries if self.to_tell else KEPT)


def digest(secret: str) -> str:
    """What is kept of a secret of 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
