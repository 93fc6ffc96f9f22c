"""An act is noted in the write that does it: no act without its record, no record of an act that never happened."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from shared.aggregate import Aggregate
from shared.contracts.acts import NotedAct

A = TypeVar("A", bound=Aggregate)

KERNEL = frozenset({"id", "v", "seq", "wake_at", "token_version"})
NAMES = {"password_hash": "password", "secret_hash": "secret"}
"""Fields that go by another name in records."""


def noting(
    change: Callable[[A], object], act: NotedAct | Callable[[Sequence[str]], NotedAct], now: datetime
) -> Callable[[A], None]:
    """`change` for `Repository.change`, with the act recorded beside, unless nothing changed.

    `act` may be a function that gets the names of the fields that changed.
    """

    def noted(aggregate: A) -> None:
        before = aggregate.model_dump()
        change(aggregate)
        fields = [name for name, value in aggregate.model_dump().items() if before[name] != value]
        if fields:
            told = sorted(NAMES.get(name, name) for name in fields if name not in KERNEL)
            aggregate.record(act if isinstance(act, NotedAct) else act(told), now)

    return noted
