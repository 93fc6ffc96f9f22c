"""The store's twin in memory, for tests without I/O: the operators we use, and no others.

Documents pass through BSON on their way in and out, so that times lose their microseconds and
types that the real store refuses are refused here too. The conformance suite runs against both.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC
from typing import Any

import bson
from bson.codec_options import CodecOptions

from shared.store.collection import Document, DuplicateKey, Filter, Index, Unavailable, Update

_OPTIONS: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
_MISSING = object()


def _copy(document: Mapping[str, Any]) -> Document:
    return bson.decode(bson.encode(document), codec_options=_OPTIONS)


def _reach(document: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(document, Mapping) or part not in document:
            return _MISSING
        document = document[part]
    return document


def _holds(value: Any, operator: str, operand: Any) -> bool:  # noqa: PLR0911 - one line per operator
    comparable = value is not _MISSING and value is not None and type(value) is not bool
    match operator:
        case "$eq":
            return bool(value == operand) or (isinstance(value, list) and operand in value)
        case "$ne":
            return not _holds(value, "$eq", operand)
        case "$in":
            return any(_holds(value, "$eq", one) for one in operand)
        case "$exists":
            return (value is not _MISSING) is bool(operand)
        case "$gt":
            return comparable and bool(value > operand)
        case "$gte":
            return comparable and bool(value >= operand)
        case "$lt":
            return comparable and bool(value < operand)
        case "$lte":
            return comparable and bool(value <= operand)
    raise ValueError(f"the twin does not know {operator}")


def matches(document: Document, filter_: Filter) -> bool:
    """Whether the document matches a filter of the operators we use."""
    for path, wanted in filter_.items():
        if path == "$or":
            if not any(matches(document, one) for one in wanted):
                return False
            continue
        value = _reach(document, path)
        conditions = (
            wanted if isinstance(wanted, Mapping) and any(k.startswith("$") for k in wanted) else {"$eq": wanted}
        )
        if wanted is None and value is _MISSING:
            continue
        if not all(_holds(value, operator, operand) for operator, operand in conditions.items()):
            return False
    return True


def _parent(document: Document, path: str) -> tuple[Document, str]:
    *way, last = path.split(".")
    for part in way:
        document = document.setdefault(part, {})
    return document, last


def _apply(document: Document, update: Update, *, inserting: bool) -> None:
    for operator, changes in update.items():
        for path, operand in changes.items():
            parent, last = _parent(document, path)
            _change(parent, last, operator, operand, inserting=inserting)


def _change(parent: Document, last: str, operator: str, operand: Any, *, inserting: bool) -> None:
    match operator:
        case "$set":
            parent[last] = operand
        case "$setOnInsert":
            if inserting:
                parent[last] = operand
        case "$unset":
            parent.pop(last, None)
        case "$inc":
            parent[last] = parent.get(last, 0) + operand
        case "$max":
            parent[last] = operand if parent.get(last) is None else max(parent[last], operand)
        case "$min":
            parent[last] = operand if parent.get(last) is None else min(parent[last], operand)
        case "$push":
            values = [*parent.get(last, []), *operand["$each"]]
            parent[last] = values[operand.get("$slice", -len(values)) :]
        case _:
            raise ValueError(f"the twin does not know {operator}")


class MemoryCollection:
    """One collection in memory; see `Collection`."""

    def __init__(self, name: str, database: "MemoryDatabase") -> None:
        self.name = name
        self._database = database
        self._documents: dict[str, Document] = {}
        self._unique: list[Index] = []

    def _check_unique(self, candidate: Document) -> None:
        for index in self._unique:
            if index.partial is not None and not matches(candidate, index.partial):
                continue
            wanted = {path: _reach(candidate, path) for path, _ in index.keys}
            for other in self._documents.values():
                if other["_id"] == candidate["_id"] or (index.partial and not matches(other, index.partial)):
                    continue
                if all(_reach(other, path) == value for path, value in wanted.items()):
                    raise DuplicateKey(f"{self.name}: {sorted(wanted)}")

    def _matching(self, filter_: Filter) -> list[Document]:
        self._database.check()
        if isinstance(id_ := filter_.get("_id"), str):
            documents = [self._documents[id_]] if id_ in self._documents else []
        else:
            documents = list(self._documents.values())
        return [document for document in documents if matches(document, filter_)]

    async def insert(self, document: Document) -> None:
        self._database.check()
        new = _copy(document)
        if new["_id"] in self._documents:
            raise DuplicateKey(f"{self.name}: {new['_id']}")
        self._check_unique(new)
        self._documents[new["_id"]] = new

    async def get(self, id_: str, *, without: Sequence[str] = ()) -> Document | None:
        found = self._matching({"_id": id_})
        return _copy({k: v for k, v in found[0].items() if k not in without}) if found else None

    async def find(
        self, filter_: Filter, *, sort: Sequence[tuple[str, int]] = (), limit: int = 100, only: Sequence[str] = ()
    ) -> list[Document]:
        found = self._matching(filter_)
        for path, direction in reversed(sort):
            found.sort(key=lambda document: _reach(document, path), reverse=direction < 0)
        return [_copy({k: v for k, v in d.items() if not only or k == "_id" or k in only}) for d in found[:limit]]

    async def scan(self, filter_: Filter) -> AsyncIterator[Document]:
        for document in sorted(self._matching(filter_), key=lambda d: str(d["_id"])):
            yield _copy(document)

    async def count(self, filter_: Filter) -> int:
        return len(self._matching(filter_))

    async def update(self, filter_: Filter, update: Update, *, upsert: bool = False) -> bool:
        found = self._matching(filter_)
        if not found and not upsert:
            return False
        if found:
            document = _copy(found[0])
        else:
            document = {
                path: value for path, value in filter_.items() if not isinstance(value, Mapping) and "$" not in path
            }
            if document.get("_id") in self._documents:
                raise DuplicateKey(f"{self.name}: {document['_id']}")
        _apply(document, update, inserting=not found)
        self._check_unique(document)
        self._documents[document["_id"]] = _copy(document)
        return True

    async def update_each(self, updates: Sequence[tuple[Filter, Update]]) -> int:
        return sum([await self.update(filter_, update) for filter_, update in updates])

    async def delete(self, filter_: Filter) -> int:
        found = self._matching(filter_)
        for document in found:
            del self._documents[document["_id"]]
        return len(found)

    async def ensure(self, *indexes: Index) -> None:
        self._database.check()
        self._unique += [index for index in indexes if index.unique and index not in self._unique]


class MemoryDatabase:
    """A database in memory; see `Database`. `down` makes every operation raise `Unavailable`."""

    def __init__(self) -> None:
        self._collections: dict[str, MemoryCollection] = {}
        self.down = False

    def check(self) -> None:
        """Raise when the store plays dead."""
        if self.down:
            raise Unavailable("the store is down")

    def collection(self, name: str) -> MemoryCollection:
        return self._collections.setdefault(name, MemoryCollection(name, self))

    async def ping(self) -> None:
        self.check()

    async def close(self) -> None:
        return None
