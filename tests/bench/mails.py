"""When mails came: the mailbox keeps each as a file named after the moment it took it."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from email import policy
from email.parser import BytesHeaderParser
from pathlib import Path

NUMBER = re.compile(r"\d{21}")
_parser = BytesHeaderParser(policy=policy.default)


class Mails:
    """The mailbox's folder from now on: mails that are there already do not count."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = set(self._folders())

    def _folders(self) -> list[str]:
        return [entry.name for entry in self._folder.iterdir()]

    def count(self) -> int:
        """How many different mails came."""
        return len(self._folders()) - len(self._before)

    async def reach(self, count: int, within: float, *, stalled: float = 10.0) -> bool:
        """Wait until so many came; false when time is up, or when none came for a while."""
        until, last, since = time.monotonic() + within, -1, time.monotonic()
        while (found := self.count()) < count:
            now = time.monotonic()
            if found != last:
                last, since = found, now
            if now > until or now - since > stalled:
                return False
            await asyncio.sleep(0.1)
        return True

    def accepted_at(self) -> Mapping[str, list[float]]:
        """Case number → when its mails were accepted (Unix time), the first one first; repeats count."""
        found: dict[str, list[float]] = {}
        for name in set(self._folders()) - self._before:
            for path in (self._folder / name).glob("*.eml"):
                number = _number(path.read_bytes())
                if number is not None:
                    found.setdefault(number, []).append(int(path.stem) / 1e9)
        return {number: sorted(times) for number, times in found.items()}


def _number(raw: bytes) -> str | None:
    found = NUMBER.search(str(_parser.parsebytes(raw)["Subject"]))
    return found[0] if found else None


def last_of(mails: Mapping[str, list[float]], count: int) -> Callable[[str], float | None]:
    """When the mail came that made it `count` for a case number; `None` where it did not."""

    def at(number: str) -> float | None:
        times = mails.get(number, [])
        return times[count - 1] if len(times) >= count else None

    return at
