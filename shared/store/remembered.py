"""Aggregates that change seldom and are looked up all the time: remembered for a moment, never for long."""

import time
from collections import OrderedDict
from typing import Generic, TypeVar

from shared.aggregate import Aggregate
from shared.store.repository import Repository

A = TypeVar("A", bound=Aggregate)

SECONDS = 2.0
"""How long another replica's change may go unseen here. A change of this process is seen at once."""
MOST = 1000


class Remembered(Generic[A]):
    """Reads a repository's aggregates through a small memory. What it gives is shared: look, and change nothing."""

    def __init__(self, repository: Repository[A], seconds: float = SECONDS) -> None:
        self._repository, self._seconds = repository, seconds
        self._known: OrderedDict[str, tuple[A, float]] = OrderedDict()
        self._forgotten = 0

    async def find(self, id_: str) -> A | None:
        """The aggregate as it is, or was at most `seconds` ago; `None` is never remembered."""
        found = self._known.get(id_)
        if found is not None and time.monotonic() < found[1]:
            return found[0]
        until, forgotten = time.monotonic() + self._seconds, self._forgotten
        aggregate = await self._repository.find(id_)
        if aggregate is not None and forgotten == self._forgotten:  # else it may be from before a change
            self._known[id_] = aggregate, until
            self._known.move_to_end(id_)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        return aggregate

    def forget(self, id_: str) -> None:
        """It was changed here."""
        self._forgotten += 1
        self._known.pop(id_, None)
