"""The store's twin in memory, for tests without I/O: the operators we use, and no others.

Documents pass through BSON on their way in and out, so that times lose their microseconds and
types that the real store refuses are refused here too. The conformance suite runs against both.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from operator import ge, gt, le, lt
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
        if isinstance(document, list):
            raise TypeError(f"the twin does not look into lists: {path}")
        if not isinstance(document, Mapping) or part not in document:
            return _MISSING
        document = document[part]
    return document


def _rank(value: Any) -> int:
    """Where BSON sorts values of this type. Values of different types are never equal, nor less, nor greater."""
    if value is None or value is _MISSING:
        return 0
    for rank, kind in _KINDS:
        if isinstance(value, kind):
            return rank
    raise TypeError(f"the twin does not compare {type(value).__name__}")


_KINDS = ((6, bool), (1, (int, float)), (2, str), (3, Mapping), (4, list), (5, bytes), (7, datetime))


def _equal(value: Any, other: Any) -> bool:
    return _rank(value) == _rank(other) and (_rank(value) == 0 or bool(value == other))


def _compared(value: Any, operator: str, operand: Any) -> bool:
    if _rank(value) != _rank(operand) or _rank(value) == 0:
        return False
    return bool(_COMPARISONS[operator](value, operand))


_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {"$gt": gt, "$gte": ge, "$lt": lt, "$lte": le}


def _holds(value: Any, operator: str, operand: Any) -> bool:
    match operator:
        case "$eq":
            return _equal(value, operand) or (isinstance(value, list) and any(_equal(one, operand) for one in value))
        case "$ne":
            return not _holds(value, "$eq", operand)
        case "$in":
            return any(_holds(value, "$eq", one) for one in operand)
        case "$exists":
            return (value is not _MISSING) is bool(operand)
        case "$gt" | "$gte" | "$lt" | "$lte":
            return _compared(value, operator, operand)
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
        if not all(_holds(value, operator, operand) for operator, operand in conditions.items()):
            return False
    return True


def _parent(document: Document, path: str, *, make: bool) -> tuple[Document, str] | None:
    *way, last = path.split(".")
    for part in way:
        if part not in document and not make:
            return None
        document = document.setdefault(part, {})
        if not isinstance(document, dict):
            raise TypeError(f"cannot create a field in element {part} of {path}: it is no document")
    return document, last


def _apply(document: Document, update: Update, *, inserting: bool) -> None:
    for operator, changes in update.items():
        for path, operand in changes.items():
            if (found := _parent(document, path, make=operator != "$unset")) is not None:
                _change(*found, operator, operand, inserting=inserting)


def _change(parent: Document, last: str, operator: str, operand: Any, *, inserting: bool) -> None:
    there = parent.get(last, _MISSING)
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
            parent[last] = operand if there is _MISSING else max(there, operand, key=_order)
        case "$min":
            parent[last] = operand if there is _MISSING else min(there, operand, key=_order)
        case "$push":
            values = [*parent.get(last, []), *operand["$each"]]
            parent[last] = values[operand.get("$slice", -len(values)) :]
        case _:
            raise ValueError(f"the twin does not know {operator}")


def _computed(document: Document, expression: Any) -> Any:
    """The value of an expression of `compute` for a document."""
    if isinstance(expression, str) and expression.startswith("$"):
        return _reach(document, expression[1:])
    if not isinstance(expression, Mapping):
        return expression
    ((operator, operands),) = expression.items()
    values = [_computed(document, operand) for operand in operands]
    match operator:
        case "$eq":
            return _equal(values[0], values[1])
        case "$and":
            return all(values)
        case "$lte":
            return _order(values[0]) <= _order(values[1])
        case "$cond":
            return values[1] if values[0] else values[2]
    raise ValueError(f"the twin does not know {operator}")


def _order(value: Any) -> tuple[int, Any]:
    return _rank(value), 0 if _rank(value) == 0 else value


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
                if all(_equal(_reach(other, path), value) for path, value in wanted.items()):
                    raise DuplicateKey(f"{self.name}: {sorted(wanted)}")

    def _matching(self, filter_: Filter) -> list[Document]:
        if isinstance(id_ := filter_.get("_id"), str):
            documents = [self._documents[id_]] if id_ in self._documents else []
        else:
            documents = list(self._documents.values())
        return [document for document in documents if matches(document, filter_)]

    async def insert(self, document: Document) -> None:
        await self._database.reached()
        new = _copy(document)
        if new["_id"] in self._documents:
            raise DuplicateKey(f"{self.name}: {new['_id']}")
        self._check_unique(new)
        self._documents[new["_id"]] = new

    async def get(self, id_: str, *, without: Sequence[str] = ()) -> Document | None:
        await self._database.reached()
        found = self._matching({"_id": id_})
        return _copy({k: v for k, v in found[0].items() if k not in without}) if found else None

    async def find(
        self, filter_: Filter, *, sort: Sequence[tuple[str, int]] = (), limit: int = 100, only: Sequence[str] = ()
    ) -> list[Document]:
        await self._database.reached()
        found = self._matching(filter_)
        for path, direction in reversed(sort):
            found.sort(key=lambda document: _order(_reach(document, path)), reverse=direction < 0)
        return [_copy({k: v for k, v in d.items() if not only or k == "_id" or k in only}) for d in found[:limit]]

    async def scan(self, filter_: Filter) -> AsyncIterator[Document]:
        await self._database.reached()
        for document in sorted(self._matching(filter_), key=lambda d: str(d["_id"])):
            yield _copy(document)

    async def count(self, filter_: Filter) -> int:
        await self._database.reached()
        return len(self._matching(filter_))

    async def update(self, filter_: Filter, update: Update, *, upsert: bool = False) -> bool:
        await self._database.reached()
        return self._update(filter_, update, upsert=upsert)

    def _update(self, filter_: Filter, update: Update, *, upsert: bool = False) -> bool:
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
        await self._database.reached()
        matched, taken = 0, None
        for filter_, update in updates:
            try:
                matched += self._update(filter_, update)
            except DuplicateKey as exc:
                taken = exc
        if taken is not None:
            raise taken
        return matched

    async def compute(self, filter_: Filter, fields: Mapping[str, Any]) -> int:
        await self._database.reached()
        found = self._matching(filter_)
        for document in found:
            values = {path: _computed(document, expression) for path, expression in fields.items()}
            self._update({"_id": document["_id"]}, {"$set": {k: v for k, v in values.items() if v is not _MISSING}})
        return len(found)

    async def delete(self, filter_: Filter) -> int:
        await self._database.reached()
        found = self._matching(filter_)
        for document in found:
            del self._documents[document["_id"]]
        return len(found)

    async def ensure(self, *indexes: Index) -> None:
        await self._database.reached()
        self._unique += [index for index in indexes if index.unique and index not in self._unique]

    async def drop(self, index: Index) -> None:
        await self._database.reached()
        self._unique = [one for one in self._unique if list(one.keys) != list(index.keys)]


class MemoryDatabase:
    """A database in memory; see `Database`. `down` makes every operation raise `Unavailable`."""

    def __init__(self) -> None:
        self._collections: dict[str, MemoryCollection] = {}
        self.down = False

    async def reached(self) -> None:
        """Give others their turn, as a real store would; raises when the store plays dead."""
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("the store is down")

    def collection(self, name: str) -> MemoryCollection:
        return self._collections.setdefault(name, MemoryCollection(name, self))

    async def ping(self) -> None:
        await self.reached()

    async def close(self) -> None:
        return None
