"""Journals that grow old: long ones are trimmed, and what is personal in them is forgotten by law."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.store.collection import Document, DuplicateKey, Filter
from shared.store.repository import EPOCH, PERSONAL_RETENTION, Repository

JOURNAL_LIMIT = 1000
BATCH = 200


async def trim(repository: Repository[Any], id_: str) -> None:
    """Move confirmed entries of a long journal into `<name>_journal`; a crash between repeats, loses nothing."""
    found = await repository.collection.find({"_id": id_}, only=("sent", "journal"), limit=1)
    for document in found:
        old = {n: e for n, e in document["journal"].items() if int(n) <= document["sent"] and not _personal(e)}
        for n, entry in old.items():
            try:
                await repository.archive.insert({"_id": f"{id_}:{n}", "aggregate": id_, "sequence": int(n), **entry})
            except DuplicateKey:  # a crash came between this and the removal below
                continue
        if not old:
            continue
        gone = {f"journal.{n}": "" for n in old}
        await repository.collection.update({"_id": id_}, {"$unset": gone, "$set": {"trimmed": True}})


async def forget(repositories: Sequence[Repository[Any]], now: datetime) -> int:
    """Take the data out of personal entries whose time is over (their digest stays); how many entries."""
    forgotten = 0
    for repository in repositories:
        due = await repository.collection.find(
            {"forget_at": {"$gt": EPOCH, "$lte": now}}, only=("v", "sent", "journal"), limit=BATCH
        )
        updates = [_forgetting(document, now) for document in due]
        forgotten += sum(len(update["$set"]) for _, update in updates)
        await repository.collection.update_each([(f, {k: v for k, v in u.items() if v}) for f, u in updates])
    return forgotten


def _personal(entry: Document) -> bool:
    return bool(entry.get("personal")) and entry["data"] is not None


def _forgetting(document: Document, now: datetime) -> tuple[Filter, dict[str, Any]]:
    """What to forget, by the version that was read: a letter that came meanwhile must keep its own day."""
    personal = {n: e for n, e in document["journal"].items() if _personal(e)}
    over = {n for n, e in personal.items() if e["time"] + PERSONAL_RETENTION <= now and int(n) <= document["sent"]}
    later = [e["time"] + PERSONAL_RETENTION for n, e in personal.items() if n not in over]
    update: dict[str, Any] = {"$set": {f"journal.{n}.data": None for n in over}}
    if later:
        update["$max"] = {"forget_at": max(min(later), now)}
    else:
        update["$unset"] = {"forget_at": ""}
    return {"_id": document["_id"], "v": document["v"]}, update
