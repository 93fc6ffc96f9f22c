"""The load generator of sign-ins: a process of its own in which people come at fixed moments, each with a browser.

Open loop as `generator`, and as there a plan comes on stdin and what came of it goes to stdout. One shot is a whole
sign-in, from the page to the access token.
"""

import asyncio
import json
import resource
import sys
import time
from typing import Any

import uvloop

from tests.bench.browser import LOST, Browser, Issuer, Line, Refused
from tests.bench.generator import moments


class Street:
    """The browsers that sign people in, on as many kept connections as the plan allows."""

    def __init__(self, plan: dict[str, Any], shots: list[list[Any]]) -> None:
        self._plan, self._shots = plan, shots
        self._issuer = Issuer(**plan["issuer"])
        self._places = asyncio.Semaphore(plan["connections"])
        self._idle: list[Line] = []
        self.why: dict[str, int] = {}

    async def come(self, shot: int, zero: float) -> None:
        """One person signs in."""
        login, password = self._plan["people"][shot % len(self._plan["people"])]
        async with self._places:
            self._shots[shot][1] = time.monotonic() - zero
            line = None
            try:
                line = await self._line()
                await Browser(line, self._issuer).sign_in(login, password)
                status = 200
            except Refused as refused:
                status = refused.status if refused.status >= 400 else LOST
                self._note(refused)
            except OSError as error:
                status = LOST
                self._note(error)
            finally:
                if line is not None and line.open:
                    self._idle.append(line)
        self._shots[shot][2:4] = [time.monotonic() - zero, status]

    async def _line(self) -> Line:
        while self._idle:
            if (line := self._idle.pop()).open:
                return line
        return await Line.to(self._issuer.url)

    def _note(self, error: Exception) -> None:
        self.why[str(error)] = self.why.get(str(error), 0) + 1


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Let everybody come, wait for them until the deadline; moments in seconds from `zero` (Unix time)."""
    meant = moments(plan)
    shots: list[list[Any]] = [[at, None, None, LOST, None, None] for at in meant]
    street = Street(plan, shots)
    zero, began = time.time(), time.monotonic()
    before = resource.getrusage(resource.RUSAGE_SELF)
    coming = []
    for shot, at in enumerate(meant):
        if (wait := began + at - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        coming.append(asyncio.create_task(street.come(shot, began)))
    _, late = await asyncio.wait(coming, timeout=plan["patience"])
    for task in late:
        task.cancel()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    for why, times in sorted(street.why.items(), key=lambda one: -one[1])[:3]:
        sys.stderr.write(f"  {times} sign-ins ended: {why}\n")
    return {"zero": zero, "cpu": cpu, "seconds": time.monotonic() - began, "shots": shots}


if __name__ == "__main__":
    json.dump(uvloop.run(run(json.load(sys.stdin))), sys.stdout)
