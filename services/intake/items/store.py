"""Where items are kept and how they are found."""

from services.intake.items.domain import Item
from shared.contracts.intake import ItemPublished
from shared.store import Repository


async def all_guides(items: Repository[Item]) -> list[ItemPublished]:
    """The guides in force by code; a city has some hundreds."""
    found = [items.load(document) for document in await items.collection.find({}, sort=[("_id", 1)], limit=5000)]
    return [item.guide for item in found if item.guide is not None]
