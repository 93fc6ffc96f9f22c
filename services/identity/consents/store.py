"""How consents are found."""

from services.identity.consents.domain import Consent
from shared.store import Repository
from shared.store.collection import Index

INDEXES = (Index([("person", 1)]),)
MOST = 500


async def of(consents: Repository[Consent], person: str) -> list[Consent]:
    """What a person agreed to and did not take back, the newest first."""
    found = map(consents.load, await consents.collection.find({"person": person}, limit=MOST))
    return sorted((one for one in found if one.withdrawn_at is None), key=lambda one: one.given_at, reverse=True)
