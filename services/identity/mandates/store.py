"""How mandates are found."""

from services.identity.mandates.domain import Mandate
from shared.store import Repository
from shared.store.collection import Index

INDEXES = (Index([("agent", 1)]), Index([("principal", 1)]), Index([("under", 1)]))
MOST = 500


async def of(mandates: Repository[Mandate], field: str, value: str) -> list[Mandate]:
    """Mandates by their `agent`, `principal` or `under`, the newest first."""
    found = await mandates.collection.find({field: value}, limit=MOST)
    return sorted(map(mandates.load, found), key=lambda mandate: mandate.offered_at, reverse=True)
