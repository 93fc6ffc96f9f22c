"""K11: the clock of one of two replicas jumps an hour ahead and an hour back."""

import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from shared.store.lease import TERM_SECONDS
from tests.chaos.city import Harm
from tests.chaos.scene import Fault, Scene

HOUR = 3600
JUMPS = (HOUR, 0, -HOUR, 0)
SECONDS, SEEN_SECONDS = 2.0, 12.0
"""How long a jump lasts; and of the service with the timers, so that it compares its clock meanwhile."""
HOLDER = "the holder"
WORKING = ("intake", "sharing", "notifications")


def library() -> str:
    """The faketime library of the package libfaketime."""
    found = find_spec("libfaketime")
    if found is None or found.origin is None:
        raise FileNotFoundError("libfaketime is not installed")
    return str(Path(found.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1")


def jumping(scene: Scene) -> None:
    """For each service two replicas; the clock that jumps is the holder's, and of one service the other's too."""
    for service in WORKING if not scene.brief else ("notifications",):
        clock = scene.city.city.settings.state / "tmp" / f"clock-{service}"
        clock.write_text("+0\n")
        fake = {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        with scene.city.stand_in(service, **fake) as first:
            scene.ready(service)
            with scene.city.replica(service):
                _jump(scene, service, clock, first.pid, HOLDER)
        scene.ready(service)
        if service == WORKING[-1]:
            clock.write_text("+0\n")
            with scene.city.replica(service, 2, **fake) as second:
                _jump(scene, service, clock, second.process.pid, "the other")


def _jump(scene: Scene, service: str, clock: Path, pid: int, who: str) -> None:
    scene.go_on(2)
    long = service == WORKING[-1] and who == HOLDER
    began, seconds = datetime.now(UTC), SEEN_SECONDS if long else SECONDS
    with MongoClient[dict[str, Any]](scene.city.city.platform.store.uri) as store:
        watch = LeaseWatch(store[f"tongban_{service}"]["leases"])
        for jump in JUMPS:
            scene.city.harms.append(Harm(f"clock {jump:+d} s", service, time.time(), pid, back_at=time.time()))
            clock.write_text(f"{jump:+d}\n")
            until = time.monotonic() + (seconds if jump else SECONDS)
            while time.monotonic() < until:
                watch.look()
                time.sleep(0.02)
    told = f"taken {watch.stolen} times from a holder that renewed it, {watch.inherited} times from a silent one"
    scene.goal(f"{service}, {who}'s clock jumps: the lease was {told}", met=watch.stolen == 0)
    if long:
        _timers(scene, began, who)


def _timers(scene: Scene, began: datetime, who: str) -> None:
    """Mails are timers, due at once: each that fell due while the clock was wrong fired, and once."""
    ended = datetime.now(UTC)
    scene.go_on(3)
    with MongoClient[dict[str, Any]](scene.city.city.platform.store.uri) as store:
        queued = {"queued_at": {"$gte": began, "$lte": ended}}
        attempts = [one["attempts"] for one in store["tongban_notifications"]["messages"].find(queued)]
    right = attempts.count(1)
    told = f"{right} of {len(attempts)} timers that fell due meanwhile fired, each once"
    scene.goal(f"notifications, {who}'s clock jumps: {told}", met=right == len(attempts) > 0)
    log = scene.city.city.settings.state / "log"
    logs = "".join(path.read_text(errors="replace") for path in log.glob("notifications-*.log"))
    seen = logs.count("runtime.clocks-differ")
    scene.goal(f"notifications said {seen} times that its clock differs from the store's", met=seen > 0)


class LeaseWatch:
    """Sees a lease change hands: rightly after a term of silence or when it was given up, else it is held twice."""

    def __init__(self, leases: Any) -> None:
        self._leases = leases
        self._last: tuple[Any, Any] | None = None
        self._since = self._looked = time.monotonic()
        self._blind = 0.0
        self.stolen = self.inherited = 0

    def look(self) -> None:
        """Look now. `_blind`: the longest time between two looks, which is how wrong the times may be."""
        found = self._leases.find_one({"_id": "relay"}) or {}
        now = time.monotonic()
        self._blind, self._looked = max(self._blind, now - self._looked), now
        turn = found.get("holder"), found.get("turn")
        if self._last is not None and turn != self._last:
            before, _ = self._last
            if before is not None and turn[0] not in (before, None):
                silent = now - self._since + self._blind >= TERM_SECONDS
                self.inherited, self.stolen = self.inherited + silent, self.stolen + (not silent)
        if turn != self._last:
            self._last, self._since = turn, now


JUMPING = Fault("K11", "clock of one process ±1 h", jumping)
