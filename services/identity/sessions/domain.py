"""Sessions: their rules, pure."""

from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from services.identity.revocable import Revocable
from shared.personal import PERSONAL

LIFE = timedelta(hours=12)
"""From signing in until one has to sign in again: what NIST SP 800-63B section 7.2 asks for at AAL2."""
KEPT = timedelta(days=30)
"""How long it can be seen that a session was there."""


class Session(Revocable):
    """A person signed in with a browser. Only a digest of the browser's secret is kept: it is the id."""

    whose: ClassVar[str] = "person"

    person: str
    user_version: int
    """The person's token version when it began: a session from before a revocation is over."""
    browser: Annotated[str, PERSONAL]
    """What the browser calls itself."""
    begun_at: datetime
    ended_at: datetime | None = None

    @property
    def until(self) -> datetime:
        """When it ends by itself."""
        return self.begun_at + LIFE

    def is_live(self, user_version: int, now: datetime) -> bool:
        """Whether the person is signed in by it."""
        return self.ended_at is None and now < self.until and self.user_version == user_version

    def end(self, now: datetime) -> None:
        """No longer signed in, from now on and everywhere. Once it has ended nothing changes."""
        if self.ended_at is None:
            self.ended_at, self.wake_at = now, now + KEPT
            self.revoke(f"session:{self.id}", now)
