"""A growing delay after wrong passwords, per login name, known or not."""

from collections import OrderedDict
from datetime import datetime, timedelta

FREE = 5
LONGEST_S = 60
REMEMBERED = 10_000


class Throttle:
    """Counts in this process only: with n replicas a guesser has n times the tries, still few."""

    def __init__(self) -> None:
        self._tries: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def wait(self, login: str, now: datetime) -> int:
        """Whole seconds until the next try may be made; 0: now."""
        _, again_at = self._tries.get(login, (0, now))
        return max(0, -((now - again_at) // timedelta(seconds=1)))

    def tried(self, login: str, now: datetime) -> None:
        """Count a try before its outcome is known, so that many at once do not slip through."""
        count = self._tries.pop(login, (0, now))[0] + 1
        delay = 0 if count < FREE else min(LONGEST_S, 2 ** min(count - FREE, 10))
        self._tries[login] = (count, now + timedelta(seconds=delay))
        if len(self._tries) > REMEMBERED:
            self._tries.popitem(last=False)

    def succeeded(self, login: str) -> None:
        """Forget the tries."""
        self._tries.pop(login, None)
