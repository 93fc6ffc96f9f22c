"""How data keys are found."""

from services.identity.datakeys.domain import DataKey
from shared.store import Repository
from shared.store.collection import Index

INDEXES = (Index([("by", 1)]),)
BACKLOG = 20_000
"""Ids read at once: a store may go through all that match, however few are wanted."""


async def closed_by_others(data_keys: Repository[DataKey], master: str, after: str) -> list[str]:
    """Ids, from `after` on, of the data keys that another master key closed."""
    wanted = {"by": {"$ne": master, "$gt": ""}, "_id": {"$gt": after}}
    found = await data_keys.collection.find(wanted, sort=[("_id", 1)], only=("_id",), limit=BACKLOG)
    return [str(document["_id"]) for document in found]


async def count_closed_by_others(data_keys: Repository[DataKey], master: str) -> int:
    """How many data keys another master key closed."""
    return await data_keys.collection.count({"by": {"$ne": master, "$gt": ""}})


async def some_of(data_keys: Repository[DataKey]) -> list[DataKey]:
    """A few that are not destroyed, where there are any."""
    return [data_keys.load(document) for document in await data_keys.collection.find({"by": {"$gt": ""}}, limit=5)]
