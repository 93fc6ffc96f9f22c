"""Templates by code."""

from services.notifications.templates.domain import Template
from shared.store import Repository


async def listed(templates: Repository[Template]) -> list[Template]:
    """All of them; there are a handful."""
    return [templates.load(document) for document in await templates.collection.find({}, sort=[("_id", 1)])]
