"""Where exchanges are kept and how they are found. Both lists match few documents: one person's, one case's."""

from datetime import datetime

from services.sharing.exchanges.domain import Exchange
from shared.store import Repository
from shared.store.collection import Index
from shared.store.newest import newest

INDEXES = (
    Index([("subject", 1), ("wished_at", -1)]),
    Index([("case", 1), ("wished_at", -1)]),
)


async def seen(
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
    return await newest(
        exchanges,
        {"subject": subject} if case is None else {"case": case},
        "wished_at",
        limit,
        before=before,
        keep=lambda one: subject in (None, one.subject) and (party is None or party in one.parties),
    )
