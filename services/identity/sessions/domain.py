"""Sessions: their rules, pure."""

from collections.abc import Set
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from services.identity.revocable import Revocable
from shared.personal import PERSONAL

LIFE = timedelta(hours=12)
"""From signing in until one has to sign in again: what NIST SP 800-63B section 7.2 asks for at AAL2."""
KEPT = timedelta(days=30)
"""How long it can be seen that a session was there."""
TELLING = timedelta(seconds=30)
"""For so long one process tells the applications that it is over; then another may."""
TRIES = 8
"""An application that does not answer is given up then, after about twenty minutes: its tokens are long dead."""


class Session(Revocable):
    """A person signed in with a browser. Only a digest of the browser's secret is kept: it is the id."""

    whose: ClassVar[str] = "person"

    person: str
    user_version: int
    """The person's token version when it began: a session from before a revocation is over."""
    browser: Annotated[str, PERSONAL]
    """What the browser calls itself."""
    begun_at: datetime
    acr: Literal["aal1", "aal2"] = "aal1"
    """Authenticator assurance (NIST SP 800-63B): one factor or two."""
    amr: list[str] = Field(default_factory=lambda: ["pwd"])
    """By what (RFC 8176)."""
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

    def is_live(self, user_version: int, now: datetime) -> bool:
        """Whether the person is signed in by it."""
        return self.ended_at is None and now < self.until and self.user_version == user_version

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
