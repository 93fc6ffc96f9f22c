"""The chain: each record holds the hash of the one before it. Pure, and all that a verifier needs to know."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

DOMAIN = b"tongban audit 1\n"
"""What is hashed begins with it, so that no hash of ours stands for anything else."""


@dataclass(frozen=True, slots=True, order=True)
class Head:
    """A place in the chain: the `n`th record of a day, and its hash."""

    day: str
    n: int
    hash: str

    @property
    def id(self) -> str:
        """Of its document: ids sort as the chain goes."""
        return link_id(self.day, self.n)


GENESIS = Head("", 0, "0" * 64)
"""What the first record of all follows."""


class Link(BaseModel):
    """A record in its place. `event` names the event it was made from, `at` the moment of the act, `kept_at` when it
    came into the chain, `record` the act itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    day: str = Field(pattern=r"^\d{4}-\d\d-\d\d$")
    n: int = Field(ge=1)
    prev: str
    event: str
    at: str
    kept_at: str
    trace: str
    record: dict[str, Any]
    hash: str = ""

    @property
    def head(self) -> Head:
        """The chain's end, as long as this is the last."""
        return Head(self.day, self.n, self.hash)

    def hashed(self) -> Self:
        """The same with the hash that belongs to it."""
        return self.model_copy(update={"hash": self.digest()})

    def digest(self) -> str:
        """SHA-256 over everything but the hash."""
        return hashlib.sha256(DOMAIN + canonical(self.model_dump(exclude={"hash"}))).hexdigest()

    def fingerprint(self) -> bytes:
        """Of what came from the topic."""
        return fingerprint(self.event, self.at, self.trace, self.record)


def link_id(day: str, n: int) -> str:
    """The id of a record's document."""
    return f"{day}/{n:09}"


def fingerprint(event: str, at: str, trace: str, record: Mapping[str, Any]) -> bytes:
    """Sixteen bytes that differ where anything of a noted act does."""
    return hashlib.sha256(canonical({"event": event, "at": at, "trace": trace, "record": record})).digest()[:16]


def canonical(value: Mapping[str, Any]) -> bytes:
    """One spelling for one value: JSON with sorted names, without blanks, in ASCII.

    Of texts, whole numbers, `None`, lists and objects: floats have no one spelling, and no record holds any.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def stamp(moment: datetime) -> str:
    """A moment as records and headers have it: RFC 3339, UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
