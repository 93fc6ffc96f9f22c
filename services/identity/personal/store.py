"""People found by what is personal of them."""

from typing import Literal

from services.identity.accounts.domain import Person
from shared.store import Repository
from shared.web.paging import Window

Kind = Literal["login", "mail", "phone"]


async def found_by(people: Repository[Person], kind: Kind, hash_: str, window: Window) -> list[str]:
    """Ids of the people whose login, mail or phone has this keyed hash; one more than the window shows."""
    after = {} if window.after is None else {"_id": {"$gt": window.after.id}}
    wanted = {f"{kind}_hash": hash_, **after}
    found = await people.collection.find(wanted, sort=[("_id", 1)], only=("_id",), limit=window.limit + 1)
    return [str(document["_id"]) for document in found]
