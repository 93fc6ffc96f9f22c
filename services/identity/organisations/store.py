"""Where divisions, organisations and the ownership of duties are kept, and how they are listed."""

from typing import TypeVar

from services.identity.organisations.domain import Division, Organisation
from shared.store import Collection, DuplicateKey, Repository
from shared.web.paging import Window

Row = TypeVar("Row", Division, Organisation)


class Duties:
    """Who owns which matter or resource: one small document each, so that two owners cannot both succeed."""

    def __init__(self, collection: Collection) -> None:
        self._duties = collection

    async def claim(self, duty: str, organisation: str) -> bool | None:
        """True: claimed now. None: it was this organisation's before. False: it is somebody else's."""
        try:
            await self._duties.insert({"_id": duty, "organisation": organisation})
        except DuplicateKey:
            found = await self._duties.get(duty)
            return None if found and found["organisation"] == organisation else False
        return True

    async def release(self, duty: str, organisation: str) -> None:
        """Give a duty up, if it is this organisation's."""
        await self._duties.delete({"_id": duty, "organisation": organisation})


async def listed(repository: Repository[Row], window: Window) -> list[Row]:
    """Rows by id, one more than the window shows."""
    after = {} if window.after is None else {"_id": {"$gt": window.after.id}}
    found = await repository.collection.find(after, sort=[("_id", 1)], limit=window.limit + 1)
    return [repository.load(document) for document in found]
