"""How officers are found."""

from services.identity.accounts.domain import Person
from shared.store import Repository
from shared.store.collection import Index
from shared.web.paging import Window

OFFICERS = Index([("listed_under", 1), ("_id", 1)])


async def officers(people: Repository[Person], place: str, window: Window) -> list[Person]:
    """Who is on a list (see `lists`), by id, one more than the window shows."""
    after = window.after.id if window.after is not None else ""
    filter_ = {"listed_under": place, "_id": {"$gt": after}}
    found = await people.collection.find(filter_, sort=[("_id", 1)], limit=window.limit + 1)
    return [await people.opened(document) for document in found]
