"""How consents are found."""

from services.identity.consents.domain import Consent
from shared.store import Repository
from shared.store.collection import Index

INDEXES = (Index([("person", 1)]),)
MOST = 500


async def all_of(consents: Repository[Consent], person: str) -> list[Consent]:
    """What a person ever agreed to, the newest first."""
    found = map(consents.load, await consents.collection.find({"person": person}, limit=MOST))
    return sorted(found, key=lambda one: one.given_at, reverse=True)


async def of(consents: Repository[Consent], person: str) -> list[Consent]:
    """What a person agreed to and did not take back, the newest first."""
    return [one for one in await all_of(consents, person) if one.withdrawn_at is None]
