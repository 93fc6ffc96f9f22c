"""How long one waits after wrong attempts: pure rules."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from shared.aggregate import Aggregate
from shared.errors import DomainError


@dataclass(frozen=True, slots=True)
class Limit:
    """So many wrong attempts are free; then the wait doubles from a second to `longest`."""

    about: str
    free: int
    longest: timedelta
    kept: timedelta
    """For so long after the last wrong attempt all are remembered; of a `window`: after its begin."""
    is_window: bool = False
    """Counts by the clock, and a right attempt forgets nothing: others come from there as well."""

    def begin(self, now: datetime) -> int:
        """Which window it is."""
        return int(now.timestamp() // self.kept.total_seconds()) if self.is_window else 0

    def until(self, now: datetime) -> datetime:
        """When a wrong attempt of now is forgotten."""
        if not self.is_window:
            return now + self.kept
        return datetime.fromtimestamp((self.begin(now) + 1) * self.kept.total_seconds(), now.tzinfo)


PASSWORDS = Limit("password", 5, timedelta(minutes=1), timedelta(hours=1))
"""Of a login name, whether anybody has it or not."""
CODES = Limit("code", 5, timedelta(hours=1), timedelta(days=1))
"""Of a person whose password was right: six digits are guessed in a year at a minute each, not at an hour each."""
ADDRESSES = Limit("address", 100, timedelta(minutes=1), timedelta(minutes=15), is_window=True)
"""Of whatever: a whole street may come from one address."""


class WrongProof(DomainError):
    """What was shown does not prove who somebody is."""

    status: ClassVar[int] = 422
    code = "wrong_proof"


class TooManyAttempts(DomainError):
    """Too many wrong ones before; `wait` in whole seconds."""

    status: ClassVar[int] = 429
    code = "too_many_attempts"

    def __init__(self, wait: int) -> None:
        super().__init__("Too many attempts")
        self.wait = wait


class Attempts(Aggregate):
    """The wrong attempts at one thing. Its id is a keyed digest: neither names nor addresses are kept."""

    wrong: int = 0
    last: datetime | None = None

    def wait(self, limit: Limit, now: datetime, judged: int = 0) -> int:
        """Whole seconds until the next may be made; 0: now. `judged`: attempts of which it is not known yet whether
        they are wrong. Where they may use up what is free, one at a time is judged."""
        if judged and self.wrong + judged >= limit.free:
            return 1
        if self.last is None or self.wrong < limit.free:
            return 0
        delay = min(limit.longest, timedelta(seconds=2 ** min(self.wrong - limit.free, 30)))
        return max(0, -((now - self.last - delay) // timedelta(seconds=1)))
