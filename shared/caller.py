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
    """How surely a person was known when signing in: `aal1` (one factor) or `aal2` (two); programs have none."""
