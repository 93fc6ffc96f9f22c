"""Readiness: named checks, each with a deadline, reported without secrets."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from pydantic import BaseModel

Check = Callable[[], Awaitable[str | None]]
CHECK_TIMEOUT_S = 2.0
log = structlog.get_logger(__name__)


class Report(BaseModel):
    """`checks`: each name with "ok" or a reason. `parked`: keys that wait for a person; they do not make it unready."""

    ready: bool
    checks: dict[str, str]
    parked: int


class Readiness:
    """The checks of one service. A check returns `None` when all is well, else a short reason without secrets."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._parked: Callable[[], Awaitable[int]] | None = None

    def add(self, name: str, check: Check) -> None:
        """Add a check; a second one of the same name replaces the first."""
        self._checks[name] = check

    def count_parked(self, count: Callable[[], Awaitable[int]]) -> None:
        """Where the number of parked records comes from."""
        self._parked = count

    async def report(self) -> Report:
        """Run all checks at once; takes two seconds at most."""
        reasons = await asyncio.gather(*(self._reason(name, check) for name, check in self._checks.items()))
        checks = dict(zip(self._checks, reasons, strict=True))
        ready = all(reason == "ok" for reason in reasons)
        return Report(ready=ready, checks=checks, parked=await self._number_parked())

    async def _reason(self, name: str, check: Check) -> str:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                return await check() or "ok"
        except TimeoutError:
            return "does not answer"
        except Exception as error:
            # The message may quote an address or a password: the class says enough here, the log has the rest.
            log.exception("readiness.failed", check=name)
            return type(error).__name__

    async def _number_parked(self) -> int:
        if self._parked is None:
            return 0
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                return await self._parked()
        except Exception:
            log.exception("readiness.failed", check="parked")
            return 0
