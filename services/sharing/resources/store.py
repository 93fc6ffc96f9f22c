"""Where resources are kept and how they are found."""

from services.sharing.resources.domain import Resource, resource_id
from shared.contracts.sharing import ResourcePublished
from shared.store import Repository


async def offer_of(resources: Repository[Resource], code: str) -> ResourcePublished | None:
    """The offer in force."""
    found = await resources.find(resource_id(code))
    return found.offer if found is not None else None


async def offers(resources: Repository[Resource], *, after: str, limit: int) -> list[ResourcePublished]:
    """Offers by code, those behind `after`; a city has some thousands, and the list is not asked for often."""
    found = await resources.collection.find(
        {"_id": {"$gt": resource_id(after)}}, only=("offer",), sort=[("_id", 1)], limit=limit
    )
    return [ResourcePublished.model_validate(document["offer"]) for document in found]
