"""How sessions are found."""

from services.identity.sessions.domain import Session
from shared.store import Repository
from shared.store.collection import Index

INDEXES = (Index([("person", 1), ("ended_at", 1), ("begun_at", -1)]),)
MOST = 100
ALL = 10_000


async def open_of(sessions: Repository[Session], person: str) -> list[Session]:
    """A person's sessions that nobody ended, the newest first, a hundred at most."""
    filter_ = {"person": person, "ended_at": None}
    found = await sessions.collection.find(filter_, sort=[("begun_at", -1)], limit=MOST)
    return [await sessions.opened(document) for document in found]


async def open_before(sessions: Repository[Session], person: str, **versions: int) -> list[Session]:
    """Those of them that stand on an earlier version of what is named: of the account, or of its factors."""
    earlier = {name: {"$lt": version} for name, version in versions.items()}
    filter_ = {"person": person, "ended_at": None, **earlier}
    return [await sessions.opened(document) for document in await sessions.collection.find(filter_, limit=MOST)]


async def all_of(sessions: Repository[Session], person: str) -> list[Session]:
    """A person's sessions as long as they are kept, the newest first."""
    found = await sessions.collection.find({"person": person}, sort=[("begun_at", -1)], limit=ALL)
    return [await sessions.opened(document) for document in found]
