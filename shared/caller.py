"""Who is calling: what a verified access token says, free of any framework, so that policy and commands can use it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["person", "officer", "department", "operator"]

# What makes a JWT an access token of ours (RFC 9068): identity writes it, everybody checks it.
AUDIENCE = "tongban"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type
ALGORITHM = "ES256"
SERVICES = "services"
"""The scope of using the city's services; a token without it only tells an application who somebody is."""
Assurance = Literal["aal1", "aal2"]
"""Authenticator assurance (NIST SP 800-63B): a person was known by one factor, or by two."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller. `org` is a department code and `division` a division code where the account has them."""

    id: str
    kind: Kind
    org: str | None
    division: str | None
    client: str
    session: str | None = None
    """Where a person is signed in; programs have no session."""
    scope: frozenset[str] = frozenset({SERVICES})
    acr: str = ""
    """How surely a person was known when signing in: see `Assurance`; programs have none."""
    auth_time: int = 0
    """When that was, the last time (unix time)."""

    def is_known_by(self, wanted: Assurance) -> bool:
        """Whether the person was known at least as surely as this."""
        return self.acr in ("aal2", wanted)
