"""Lists by time, the newest first, for stores that use an index only where it holds the whole filter."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from shared.aggregate import Aggregate
from shared.store.collection import Filter
from shared.store.repository import Repository

A = TypeVar("A", bound=Aggregate)

BATCH = 100


async def newest(
    repository: Repository[A],
    wanted: Filter,
    by: str,
    limit: int,
    *,
    before: tuple[datetime, str] | None = None,
    keep: Callable[[A], bool] = lambda _: True,
) -> list[A]:
    """At most `limit` aggregates that match, the newest `by` time first, of one moment the greatest id.

    An index holds the fields of `wanted` and `by`, and nothing else is asked of the store: what comes `before` a
    moment and id (the last one seen), and whom to `keep`, is looked at here. `wanted` should match few.
    """
    found: list[A] = []
    batch = BATCH
    while True:
        stretch = {} if before is None else {by: {"$lte": before[0]}}
        documents = await repository.collection.find({**wanted, **stretch}, sort=[(by, -1), ("_id", -1)], limit=batch)
        new = [d for d in documents if before is None or (d[by], d["_id"]) < before]
        found += [one for one in map(repository.load, new) if keep(one)]
        if len(found) >= limit or len(documents) < batch:
            return found[:limit]
        if new:
            before = new[-1][by], new[-1]["_id"]
        else:  # more of one moment than a batch holds
            batch *= 2
