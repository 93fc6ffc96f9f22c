"""Where exchanges are kept and how they are found. Both lists match few documents: one person's, one case's."""

from datetime import datetime
from typing import Any

from services.sharing.exchanges.domain import Exchange
from shared.store import Repository
from shared.store.collection import Index

INDEXES = (
    Index([("subject", 1), ("wished_at", -1)]),
    Index([("case", 1), ("wished_at", -1)]),
)


async def newest(
    exchanges: Repository[Exchange],
    *,
    subject: str | None = None,
    case: str | None = None,
    party: str | None = None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[Exchange]:
    """Exchanges of a subject, a case, or both, newest first; those of one party where it is named.

    `before`: time and id of the last one seen.
    """
    if subject is None and case is None:
        raise ValueError("of whom, or of which case?")
    wanted: dict[str, Any] = {"subject": subject, "case": case, "parties": party}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if before is not None:
        time, id_ = before
        wanted["$or"] = [{"wished_at": {"$lt": time}}, {"wished_at": time, "_id": {"$lt": id_}}]
    found = await exchanges.collection.find(wanted, sort=[("wished_at", -1), ("_id", -1)], limit=limit)
    return [exchanges.load(document) for document in found]
