"""Where grants are kept and how they are found."""

from services.sharing.grants.domain import Grant, State
from shared.store import Repository
from shared.store.collection import Index

INDEXES = (
    Index([("consumer", 1), ("terms.resource", 1), ("terms.purpose", 1), ("state", 1)]),
    Index([("parties", 1), ("_id", 1)]),
)


async def for_use(grants: Repository[Grant], consumer: str, resource: str, purpose: str) -> list[Grant]:
    """What was ever granted to a consumer for one resource and purpose: few, one at a time as a rule."""
    found = await grants.collection.find(
        {
            "consumer": consumer,
            "terms.resource": resource,
            "terms.purpose": purpose,
            "state": {"$in": ["granted", "revoked", "expired"]},
        },
        limit=1000,
    )
    return [grants.load(document) for document in found]


async def listed(
    grants: Repository[Grant], *, party: str | None, state: State | None, after: str, limit: int
) -> list[Grant]:
    """Grants by id behind `after`: those of a party, of everybody where it is `None`."""
    wanted: dict[str, object] = {"_id": {"$gt": after}}
    if party is not None:
        wanted["parties"] = party
    if state is not None:
        wanted["state"] = state
    found = await grants.collection.find(wanted, sort=[("_id", 1)], limit=limit)
    return [grants.load(document) for document in found]
