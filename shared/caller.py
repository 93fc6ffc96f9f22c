"""Who is calling: what a verified access token says, free of any framework, so that policy and commands can use it."""

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["person", "officer", "department", "operator"]
KINDS: frozenset[str] = frozenset(get_args(Kind))


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller. `org` is a department code and `division` a division code where the account has them."""

    id: str
    kind: Kind
    org: str | None
    division: str | None
    client: str
