"""Everything that is kept about a person, as the person gets it (个人信息保护法 Art. 45)."""

from datetime import datetime

from pydantic import BaseModel, JsonValue

from services.identity.factors.domain import Passkey

WITHHELD = frozenset({"password_hash"})
"""Kept and not told: who reads it could try passwords on it."""
OF_A_WISH = frozenset({"wish_sha256"})
"""Of a mandate, for the machine: what it was made of is told itself."""
FACTORS_WITHHELD = frozenset({"app_secret", "recovery_digests"})
"""Of the factors likewise: who reads them could sign in by them, or try codes on them."""
KERNEL = frozenset({"id", "v", "seq", "wake_at"})
"""Of every document, and about nobody."""


class SessionKept(BaseModel):
    """Where the person was or is signed in."""

    id: str
    browser: str
    begun_at: datetime
    until: datetime
    ended_at: datetime | None


class FactorsKept(BaseModel):
    """What the person proves with beside the password. A passkey's key is its public half."""

    app_since: datetime | None
    passkeys: list[Passkey]
    recovery_codes: int


class Entry(BaseModel):
    """What happened to the account, and what was said of it on which topic."""

    sequence: int
    time: datetime
    type: str
    topic: str
    data: JsonValue


class Everything(BaseModel):
    """All that identity keeps about a person. `withheld`: what is kept as well and is not told, as a secret."""

    person: str
    told_at: datetime
    account: dict[str, JsonValue]
    sessions: list[SessionKept]
    factors: FactorsKept
    mandates: list[dict[str, JsonValue]]
    consents: list[dict[str, JsonValue]]
    history: list[Entry]
    withheld: list[str]
