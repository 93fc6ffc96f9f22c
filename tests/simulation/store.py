"""A service's database as one of its processes sees it: each operation waits at a gate, and its answer may be lost."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from shared.store.collection import Collection, Document, Filter, Index, Unavailable, Update
from shared.store.memory import MemoryDatabase
from tests.simulation.loop import Process

T = TypeVar("T")
Trouble = Literal["refused", "answer lost"]


@dataclass
class Disk:
    """What a service's processes share: the documents, and what goes wrong at the next write."""

    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    trouble: Trouble | None = None


class Store:
    """See `Database`."""

    def __init__(self, disk: Disk, process: Process) -> None:
        self._disk, self._process = disk, process

    def collection(self, name: str) -> "StoreCollection":
        return StoreCollection(self._disk.database.collection(name), self._disk, self._process)

    async def ping(self) -> None:
        await self._disk.database.ping()

    async def close(self) -> None:
        return None


class StoreCollection:
    """See `Collection`. A read passes one gate: nobody can tell a lost answer to a question from none.

    A write passes one before it happens and one before its doer hears of it. Its answer may be lost: then the doer
    hears that the store is away.
    """

    def __init__(self, inner: Collection, disk: Disk, process: Process) -> None:
        self._c, self._disk, self._process, self.name = inner, disk, process, inner.name

    async def _read(self, what: str) -> None:
        await self._process.gate(f"{self.name}: {what}")

    async def _write(self, what: str, write: Callable[[], Awaitable[T]]) -> T:
        await self._process.gate(f"{self.name}: {what}")
        trouble, self._disk.trouble = self._disk.trouble, None
        if trouble == "refused":
            raise Unavailable("refused")
        answer = await write()
        await self._process.gate(f"{self.name}: {what} is done")
        if trouble == "answer lost":
            raise Unavailable("the answer was lost")
        return answer

    async def insert(self, document: Document) -> None:
        await self._write(f"insert {document['_id']}", lambda: self._c.insert(document))

    async def get(self, id_: str, *, without: Sequence[str] = ()) -> Document | None:
        await self._read(f"get {id_}")
        return await self._c.get(id_, without=without)

    async def find(
        self, filter_: Filter, *, sort: Sequence[tuple[str, int]] = (), limit: int = 100, only: Sequence[str] = ()
    ) -> list[Document]:
        await self._read(f"find by {', '.join(sorted(filter_))}")
        return await self._c.find(filter_, sort=sort, limit=limit, only=only)

    async def scan(self, filter_: Filter) -> AsyncIterator[Document]:
        await self._read("scan")
        async for document in self._c.scan(filter_):
            yield document

    async def count(self, filter_: Filter) -> int:
        await self._read(f"count by {', '.join(sorted(filter_))}")
        return await self._c.count(filter_)

    async def update(self, filter_: Filter, update: Update, *, upsert: bool = False) -> bool:
        what = f"update {filter_['_id']}"
        return await self._write(what, lambda: self._c.update(filter_, update, upsert=upsert))

    async def update_each(self, updates: Sequence[tuple[Filter, Update]]) -> int:
        if not updates:
            return 0
        what = f"update {', '.join(sorted(str(filter_['_id']) for filter_, _ in updates))}"
        return await self._write(what, lambda: self._c.update_each(updates))

    async def compute(self, filter_: Filter, fields: Mapping[str, Any]) -> int:
        what = f"update {', '.join(sorted(filter_['_id']['$in']))}"
        return await self._write(what, lambda: self._c.compute(filter_, fields))

    async def delete(self, filter_: Filter) -> int:
        return await self._write(f"delete {filter_.get('_id', 'some')}", lambda: self._c.delete(filter_))

    async def ensure(self, *indexes: Index) -> None:
        await self._c.ensure(*indexes)

    async def drop(self, index: Index) -> None:
        await self._c.drop(index)
