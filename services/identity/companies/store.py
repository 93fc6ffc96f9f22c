"""How companies and claims are found."""

from services.identity.companies.domain import Claim, Company
from shared.store import Repository
from shared.store.collection import Index

COMPANY_INDEXES = (Index([("representative", 1), ("_id", 1)]),)
CLAIM_INDEXES = (Index([("person", 1), ("asked_at", -1)]),)
MOST = 100


async def represented(companies: Repository[Company], person: str) -> list[Company]:
    """The companies that a person represents, by code; a hundred at most."""
    found = await companies.collection.find({"representative": person}, sort=[("_id", 1)], limit=MOST)
    return [companies.load(document) for document in found]


async def claims_of(claims: Repository[Claim], person: str) -> list[Claim]:
    """A person's claims of the last days, the newest first; a hundred at most."""
    found = await claims.collection.find({"person": person}, sort=[("asked_at", -1)], limit=MOST)
    return [await claims.opened(document) for document in found]
