"""What the services may ask of a document store: eleven operations, the same for every driver."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

Document = dict[str, Any]
Filter = Mapping[str, Any]
Update = Mapping[str, Any]


class Unavailable(Exception):
    """The store cannot be reached or has no primary just now; trying again later is right."""


class DuplicateKey(Exception):
    """A document with this `_id`, or this value of a unique index, is there already."""


@dataclass(frozen=True)
class Index:
    """An index. `keys`: field and direction; `partial`: only documents that match are in it."""

    keys: Sequence[tuple[str, int]]
    unique: bool = False
    partial: Filter | None = None


class Collection(Protocol):
    """A collection of documents. All operations raise `Unavailable` when the store is away."""

    @property
    def name(self) -> str:
        """The collection's name."""
        ...

    async def insert(self, document: Document) -> None:
        """Insert; raises `DuplicateKey`."""
        ...

    async def get(self, id_: str, *, without: Sequence[str] = ()) -> Document | None:
        """The document, less the named top-level fields."""
        ...

    async def find(
        self, filter_: Filter, *, sort: Sequence[tuple[str, int]] = (), limit: int = 100, only: Sequence[str] = ()
    ) -> list[Document]:
        """Matching documents, whole or `only` the named top-level fields.

        Keep the number of *matches* small: some stores fetch all of them before the limit."""
        ...

    def scan(self, filter_: Filter) -> AsyncIterator[Document]:
        """All matching documents by `_id`, for rare work such as replay."""
        ...

    async def count(self, filter_: Filter) -> int:
        """How many match; for small sets only."""
        ...

    async def update(self, filter_: Filter, update: Update, *, upsert: bool = False) -> bool:
        """Update one; whether one matched (or was upserted). An upsert that meets another raises `DuplicateKey`."""
        ...

    async def update_each(self, updates: Sequence[tuple[Filter, Update]]) -> int:
        """Many single updates in one round trip, in any order; how many matched."""
        ...

    async def compute(self, filter_: Filter, fields: Mapping[str, Any]) -> int:
        """Set fields of all that match to expressions over each document, in one statement; how many matched.

        The expressions are a store's own: `"$field"`, `$cond`, `$and`, `$eq`, `$lte`."""
        ...

    async def delete(self, filter_: Filter) -> int:
        """Delete all that match; how many."""
        ...

    async def ensure(self, *indexes: Index) -> None:
        """Make the indexes that are not there."""
        ...

    async def drop(self, index: Index) -> None:
        """Take away an index that an earlier version made; none of these keys there is as well."""
        ...


@runtime_checkable
class Timed(Protocol):
    """A store with a clock, which is nobody's of us."""

    async def time(self) -> datetime:
        """What it says, in UTC. Raises `Unavailable`."""
        ...


class Database(Protocol):
    """A service's own database. No other service reads it."""

    def collection(self, name: str) -> Collection:
        """The collection of that name."""
        ...

    async def ping(self) -> None:
        """Raises `Unavailable` when the store does not answer within two seconds."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
