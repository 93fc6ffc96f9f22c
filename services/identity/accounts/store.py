"""How accounts are found."""

from services.identity.accounts.domain import Person
from shared.store import Repository
from shared.store.collection import Index

PEOPLE_INDEXES = (
    Index([("login", 1)], unique=True),
    Index([("number", 1)], unique=True, partial={"number": {"$gt": ""}}),
)


async def by_login(people: Repository[Person], login: str) -> Person | None:
    """The person of that login name."""
    found = await people.collection.find({"login": login}, limit=1)
    return people.load(found[0]) if found else None


async def by_number(people: Repository[Person], number: str) -> Person | None:
    """The person of the ID number with that digest: one at most."""
    found = await people.collection.find({"number": number}, limit=1)
    return people.load(found[0]) if found else None
