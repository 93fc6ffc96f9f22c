"""Consents: their rules, pure (个人信息保护法 Art. 14, 15: informed, voluntary, and taken back as easily as given)."""

from datetime import datetime

from services.identity.oauth import OAuthError, Scope
from services.identity.revocable import Revocable


class ConsentRequired(OAuthError):
    """The person has not agreed yet (OpenID Connect Core section 3.1.2.6)."""

    code = "consent_required"

    def __init__(self) -> None:
        super().__init__("The person has not agreed to this")


class Consent(Revocable):
    """Of one person to one application; once it is taken back, until it is given again. Tokens carry its version."""

    person: str
    client: str
    scopes: list[Scope]
    given_at: datetime
    withdrawn_at: datetime | None = None

    def covers(self, scope: str) -> bool:
        """Whether the person agreed to all of it."""
        return self.withdrawn_at is None and set(scope.split()) <= set(self.scopes)

    def give(self, scopes: list[Scope], now: datetime) -> None:
        """Agree to these scopes too; after it was taken back, to these alone."""
        before = [] if self.withdrawn_at is not None else self.scopes
        self.scopes = [*before, *(scope for scope in scopes if scope not in before)]
        self.given_at, self.withdrawn_at = now, None

    def withdraw(self, now: datetime) -> None:
        """Take it back: its tokens end everywhere. Once taken back nothing changes."""
        if self.withdrawn_at is None:
            self.withdrawn_at = now
            self.revoke(f"consent:{self.id}", now)
