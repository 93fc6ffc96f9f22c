"""The load generator: a process of its own that offers requests at fixed moments, whatever becomes of them.

Open loop: the moments are made before the first request; a late request is sent as soon as there is a connection,
and its latency counts from the moment that was meant. It speaks HTTP/1.1 on kept connections with as little work as
it can, for it shares the cores with what it measures. Standard library only. Reads a plan from stdin, writes what
came back to stdout, both JSON; `tests.bench.load` is the other side.
"""

import asyncio
import json
import random
import re
import resource
import sys
import time
from collections import deque
from typing import Any

import uvloop

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
RETRY = re.compile(rb"\r\nretry-after: *([^\r]+)", re.IGNORECASE)
MADE = re.compile(rb'"case":"([^"]+)","number":"(\d+)"')
LOST = 599
"""Stands for an answer that never came: the connection broke or time was up."""


class Connection(asyncio.Protocol):
    """One kept connection with one request at a time."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._got = bytearray()
        self._shot = -1
        self._used = self._fresh = False
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._pool.free(self)

    def ask(self, shot: int, request: bytes) -> None:
        """Send one request; the pool hears how it ended."""
        self._shot, self._fresh = shot, not self._used
        self._used = True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._got[: end + 2])
        found = LENGTH.search(head)
        whole = end + 4 + (int(found[1]) if found else 0)
        if len(self._got) < whole:
            return
        body, self._got = bytes(self._got[end + 4 : whole]), self._got[whole:]
        shot, self._shot = self._shot, -1
        self._pool.ended(shot, int(head[9:12]), head, body)
        self._pool.free(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._pool.lost(self, self._shot, again=not self._fresh and not self._got)


class Pool:
    """The connections, the requests that wait for one, and what came back."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan, self._idle = plan, list[Connection]()
        self._waiting: deque[int] = deque()
        self._opening = 0
        self._open = 0
        self.shots: list[list[Any]] = []
        self.left = 0
        self.done = asyncio.Event()
        self.zero = 0.0
        self._requests = [_request(plan, headers, body) for headers, body in plan["each"]]

    def offer(self, shot: int) -> None:
        """The moment of a request has come."""
        self._waiting.append(shot)
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self._idle:
            shot, connection = self._waiting.popleft(), self._idle.pop()
            self.shots[shot][1] = time.monotonic() - self.zero
            head, body = self._requests[shot % len(self._requests)]
            connection.ask(shot, head + f"{self._plan['key']}-{shot}".encode() + body)
        wanted = min(len(self._waiting), self._plan["connections"] - self._open)
        for _ in range(wanted - self._opening):
            self._opening += 1
            asyncio.get_running_loop().create_task(self.connect())

    async def connect(self) -> None:
        """Open one more connection."""
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: Connection(self), self._plan["host"], self._plan["port"])
            self._open += 1
        except OSError:
            await asyncio.sleep(0.05)
        finally:
            self._opening -= 1
        self._serve()

    def free(self, connection: Connection) -> None:
        """The connection can take another request."""
        self._idle.append(connection)
        self._serve()

    def lost(self, connection: Connection, shot: int, *, again: bool) -> None:
        """The connection broke, perhaps with a request on it. A server may close one that lay idle just as we write:
        such a request goes once more on another, as its key allows (RFC 9110 section 9.2.2)."""
        self._open -= 1
        if connection in self._idle:
            self._idle.remove(connection)
        if shot >= 0 and again:
            self._waiting.appendleft(shot)
        elif shot >= 0:
            self.ended(shot, LOST, b"", b"")
        self._serve()

    def ended(self, shot: int, status: int, head: bytes, body: bytes) -> None:
        """An answer is there."""
        retry = RETRY.search(head) if status >= 400 else None
        made = MADE.search(body) if status < 300 else None
        self.shots[shot][2:] = [
            time.monotonic() - self.zero,
            status,
            made[2].decode() if made else None,
            retry[1].decode() if retry else None,
        ]
        self.left -= 1
        if self.left == 0:
            self.done.set()


def _request(plan: dict[str, Any], headers: dict[str, str], body: str) -> tuple[bytes, bytes]:
    """A request less its key, which comes in between."""
    sent = body.encode()
    named = {"Host": f"{plan['host']}:{plan['port']}", **plan["headers"], **headers, "Content-Length": str(len(sent))}
    lines = [f"{plan['method']} {plan['path']} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "Idempotency-Key: "]).encode(), b"\r\n\r\n" + sent


def moments(plan: dict[str, Any]) -> list[float]:
    """When each request is meant, in seconds from the start: evenly, at random (Poisson), or all at once."""
    count, rate = plan["count"], plan["rate"]
    if plan["arrival"] == "burst":
        return [0.0] * count
    if plan["arrival"] == "even":
        return [n / rate for n in range(count)]
    chance, at, found = random.Random(plan["seed"]), 0.0, []
    for _ in range(count):
        at += chance.expovariate(rate)
        found.append(at)
    return found


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Offer everything, wait for the answers until the deadline; moments in seconds from `zero` (Unix time)."""
    pool, meant = Pool(plan), moments(plan)
    await asyncio.gather(*(pool.connect() for _ in range(plan["open_first"])))
    pool.shots = [[at, None, None, LOST, None, None] for at in meant]
    pool.left = len(meant)
    pool.zero, zero = time.monotonic(), time.time()
    before = resource.getrusage(resource.RUSAGE_SELF)
    for shot, at in enumerate(meant):
        wait = pool.zero + at - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        elif shot % 32 == 0:
            await asyncio.sleep(0)
        pool.offer(shot)
    try:
        async with asyncio.timeout(plan["patience"]):
            await pool.done.wait()
    except TimeoutError:
        pass
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"zero": zero, "cpu": cpu, "seconds": time.monotonic() - pool.zero, "shots": pool.shots}


if __name__ == "__main__":
    json.dump(uvloop.run(run(json.load(sys.stdin))), sys.stdout)
