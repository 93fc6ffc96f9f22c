"""What was revoked: of each scope the lowest version that is still accepted, as identity publishes it.

A token names the versions its user, session and client had when it was given; whoever ends or narrows one of them
raises the version, and from then on all tokens given before are refused in every service. A token lives five minutes,
so a row is of use no longer than that.
"""

import time
from collections.abc import Callable, Iterable
from datetime import timedelta

from prometheus_client import CollectorRegistry, Gauge, Histogram

from shared.clock import Clock
from shared.contracts.identity import CANARY, RevocationPublished
from shared.messaging.table import Table

KEPT = timedelta(hours=1)
"""Many times a token's life, for clocks differ. Rows that are older than the oldest token are of no use."""
TIDY = timedelta(minutes=5)


class Revocations(Table[RevocationPublished]):
    """The table of `identity.revocations`. `age`: seconds since it was known to hold everything that was published."""

    def __init__(self, clock: Clock, registry: CollectorRegistry, age: Callable[[], float]) -> None:
        super().__init__(RevocationPublished, lambda row: row.scope)
        self.age, self._clock = age, clock
        self._started = self._tidied = clock.now()
        self._seconds = Histogram(
            "tongban_revocation_seconds",
            "From the moment something was revoked until this process refuses it",
            registry=registry,
            buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 60),
        )
        self._canary = Gauge(
            "tongban_revocation_canary_seconds", "The same of the last canary; each minute one comes", registry=registry
        )
        self._canary_at = Gauge("tongban_revocation_canary_at", "When it came (unix time)", registry=registry)
        Gauge(
            "tongban_revocations_age_seconds",
            "How long ago the revocations were known to be complete",
            registry=registry,
        ).set_function(age)

    def put(self, subject: bytes, row: RevocationPublished, sequence: int = 0) -> None:
        """See `Table`. What was revoked since this process runs is measured."""
        before = self.get(row.scope)
        super().put(subject, row, sequence)
        if (now := self._clock.now()) >= self._tidied + TIDY:
            self._tidied = now
            self.prune(lambda row: row.at < now - KEPT)
        if row == before or self.get(row.scope) is not row or row.at < self._started:
            return  # it came again, by a replay
        late = max(0.0, (now - row.at).total_seconds())
        self._seconds.observe(late)
        if row.scope.startswith(CANARY):
            self._canary.set(late)
            self._canary_at.set(time.time())

    def refuse(self, scopes: Iterable[tuple[str, int]]) -> bool:
        """Whether one of these scopes has a version that is too low by now."""
        return any((row := self.get(scope)) is not None and version < row.lowest for scope, version in scopes)
