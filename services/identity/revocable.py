"""What access tokens stand on, and what ends those that were given."""

from datetime import datetime

from shared.aggregate import Aggregate
from shared.contracts.identity import RevocationPublished


class Revocable(Aggregate):
    """Its tokens carry its version; those with a lower one are refused in every service."""

    token_version: int = 1

    def revoke(self, scope: str, now: datetime) -> None:
        """End all tokens that were given: from now on only later ones count."""
        self.token_version += 1
        self.record(RevocationPublished(scope=scope, lowest=self.token_version, at=now), now)
