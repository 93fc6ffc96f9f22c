"""How accounts are found."""

from services.identity.accounts.domain import Person
from shared.store import Repository
from shared.store.collection import Index

PEOPLE_INDEXES = (
    Index([("login_hash", 1)], unique=True, partial={"login_hash": {"$gt": ""}}),
    Index([("mail_hash", 1)], partial={"mail_hash": {"$gt": ""}}),
    Index([("phone_hash", 1)], partial={"phone_hash": {"$gt": ""}}),
    Index([("number", 1)], unique=True, partial={"number": {"$gt": ""}}),
)


async def by_login(people: Repository[Person], login_hash: str) -> Person | None:
    """The person whose login name has that keyed hash."""
    found = await people.collection.find({"login_hash": login_hash}, limit=1)
    return await people.opened(found[0]) if found else None


async def by_number(people: Repository[Person], number: str) -> Person | None:
    """The person of the ID number with that digest: one at most."""
    found = await people.collection.find({"number": number}, limit=1)
    return await people.opened(found[0]) if found else None


async def drop_old_indexes(people: Repository[Person]) -> None:
    """Login names were once kept in plain text, each another one; of people who are forgotten they are alike."""
    await people.collection.drop(Index([("login", 1)]))
