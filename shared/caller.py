"""Who is calling: what a verified access token says, free of any framework, so that policy and commands can use it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["person", "officer", "department", "operator"]
Role = Literal["clerk", "head", "steward"]
"""What an officer does at a post: handles cases, answers for the place, keeps the data that it shares. Each is asked
for by the policy of some service."""

# What makes a JWT an access token of ours (RFC 9068): identity writes it, everybody checks it.
AUDIENCE = "tongban"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type
ALGORITHM = "ES256"


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
    roles: frozenset[str] = frozenset()
    """Of the post that an officer came with: see `Role`. A token may name one that we do not know yet."""
