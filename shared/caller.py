"""Who is calling: what a verified access token says, free of any framework, so that policy and commands can use it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["person", "officer", "department", "operator"]
Power = Literal["apply", "see", "supply"]
"""What a mandate can allow: to begin cases, to see them and what came of them, to supply what is missing."""
Role = Literal["clerk", "head", "steward"]
"""What an officer does at a post: handles cases, answers for the place, keeps the data that it shares. Each is asked
for by the policy of some service."""

# What makes a JWT an access token of ours (RFC 9068): identity writes it, everybody checks it.
AUDIENCE = "tongban"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type
ALGORITHM = "ES256"
SERVICES = "services"
"""The scope of using the city's services; a token without it only tells an application who somebody is."""
Assurance = Literal["aal1", "aal2"]
"""Authenticator assurance (NIST SP 800-63B): a person was known by one factor, or by two."""


@dataclass(frozen=True, slots=True)
class Mandate:
    """By what somebody acts for somebody else. No items: all of them."""

    id: str
    acts: frozenset[str]
    items: frozenset[str] = frozenset()
    most_cases: int | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller. `org` is a department code and `division` a division code where the account has them.

    Who acts for somebody else is `actor`, with a `mandate`; `id` is then the person or company that is acted for.
    """

    id: str
    kind: Kind
    org: str | None
    division: str | None
    client: str
    session: str | None = None
    """Where a person is signed in; programs have no session."""
    roles: frozenset[str] = frozenset()
    """Of the post that an officer came with: see `Role`. A token may name one that we do not know yet."""
    scope: frozenset[str] = frozenset({SERVICES})
    acr: str = ""
    """How surely a person was known when signing in: see `Assurance`; programs have none."""
    actor: str | None = None
    mandate: Mandate | None = None
    auth_time: int = 0
    """When the person last proved who they are (unix time)."""
    by_consent: bool = False
    """Whether somebody else's application asks, as far as the person let it."""

    @property
    def person(self) -> str:
        """Who sits there, whomever they act for."""
        return self.actor or self.id

    def may_handle(self, item: str) -> bool:
        """Whether this is about a service item that the caller's mandate, if there is one, is for."""
        return self.mandate is None or not self.mandate.items or item in self.mandate.items

    def is_known_by(self, wanted: Assurance) -> bool:
        """Whether the person was known at least as surely as this."""
        return self.acr in ("aal2", wanted)
