"""Sealing anew what is in the store: under another key, or because more is personal now than was before."""

from typing import Any

from shared.store.collection import Document
from shared.store.repository import ATTEMPTS, Contention, Repository
from shared.store.seal import Seal

BATCH = 1000


async def of_person(repository: Repository[Any], whose: str) -> list[str]:
    """Ids of the documents with this person's data."""
    found = await repository.collection.find({repository.model.whose: whose}, only=("_id",), limit=1_000_000)
    return [str(document["_id"]) for document in found]


async def misshapen(repository: Repository[Any], after: str = "") -> list[str]:
    """Ids, from `after` on, of documents that are not sealed as they would be now: from before a field was marked, or
    with hashes of another key. A thousand at most."""
    wanted = {"sealed": {"$ne": _seal(repository).shape}, "_id": {"$gt": after}}
    found = await repository.collection.find(wanted, sort=[("_id", 1)], only=("_id",), limit=BATCH)
    return [str(document["_id"]) for document in found]


async def reseal(repository: Repository[Any], id_: str) -> None:
    """Seal what is personal in a document anew, its journal too. What it says does not change, nor does `v`.

    A write that comes meanwhile wins, and this begins again. Raises `SealBroken`, `Forgotten` and `Contention`.
    """
    seal = _seal(repository)
    for _ in range(ATTEMPTS):
        if (document := await repository.collection.get(id_)) is None:
            return
        still, fields = {"_id": id_, "v": document["v"]}, await seal.anew(document)
        for n, entry in document["journal"].items():
            for name, value in (await seal.entry_anew(document, int(n), entry)).items():
                still[f"journal.{n}.data"], fields[f"journal.{n}.{name}"] = entry["data"], value
        if await repository.collection.update(still, {"$set": fields}):
            await _archived(repository, seal, document)
            return
    raise Contention(f"{repository.collection.name} {id_}")


async def _archived(repository: Repository[Any], seal: Seal, document: Document) -> None:
    if not document.get("trimmed"):
        return
    for entry in await repository.archive.find({"aggregate": document["_id"]}, limit=1_000_000):
        if fields := await seal.entry_anew(document, entry["sequence"], entry):
            await repository.archive.update({"_id": entry["_id"], "data": entry["data"]}, {"$set": fields})


def _seal(repository: Repository[Any]) -> Seal:
    if repository.seal is None:
        raise TypeError(f"{repository.collection.name} is not sealed")
    return repository.seal
