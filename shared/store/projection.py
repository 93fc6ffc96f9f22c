"""Read models: rows that follow a topic, made idempotent by the sequence they were made from."""

from typing import Any

from shared.store.collection import Collection, DuplicateKey, Index

BY_SEQUENCE = Index([("_id", 1), ("at", 1)])
"""Of every read model: the embedded store goes through the whole collection for {_id, at} without it."""


async def project(collection: Collection, subject: str, sequence: int, fields: dict[str, Any]) -> bool:
    """Write the row of `subject` as of `sequence`; false when a later one is there already."""
    try:
        return await collection.update(
            {"_id": subject, "at": {"$lt": sequence}}, {"$set": {**fields, "at": sequence}}, upsert=True
        )
    except DuplicateKey:  # the upsert met the row that is already as far or further
        return False
