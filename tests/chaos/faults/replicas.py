"""K7: two replicas of each service; the first is restarted, the second killed for good, and started again."""

import signal
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import pairwise
from subprocess import Popen

from tests.chaos.city import SERVICES, Harm
from tests.chaos.evidence import Record, read_topics
from tests.chaos.scene import Fault, Scene

LIMIT_SECONDS = 3.0
CAUSES = {"case-submitted": "case-accepted", "case-accepted": "message-sent", "question-asked": "answer-delivered"}
"""An event, and the one that a service says because of it (through a department, the last)."""


def rolling(scene: Scene) -> None:
    """Service by service. The restarted first one leaves the relay's lease to the second, which is killed with it."""
    with ExitStack() as all_:
        stacks, seconds = {}, {}
        for service in SERVICES:
            stacks[service] = all_.enter_context(ExitStack())
            seconds[service] = stacks[service].enter_context(scene.city.replica(service))
        scene.load.through(scene.city.urls["intake"], seconds["intake"].url)
        scene.go_on(2)
        began = time.time()
        for service in scene.dice.sample(SERVICES, len(SERVICES)) if not scene.brief else ["sharing"]:
            _restart_first(scene, service)
            _kill(scene, service, seconds[service].process)
            stacks[service].close()
            seconds[service] = stacks[service].enter_context(scene.city.replica(service))
            scene.load.through(scene.city.urls["intake"], seconds["intake"].url)
            scene.go_on(1)
        _judge(scene, began, time.time())
        scene.load.through(scene.city.urls["intake"])


def _restart_first(scene: Scene, service: str) -> None:
    """SIGTERM and a new start by the supervisor."""
    harm = Harm("SIGTERM", service, time.time(), scene.city.pid(service))
    scene.city.harms.append(harm)
    with scene.city.stopped(service):
        pass
    scene.ready(service)
    scene.go_on(2)


def _kill(scene: Scene, service: str, process: Popen[bytes]) -> None:
    """It does not come back for longer than anybody may wait."""
    process.send_signal(signal.SIGKILL)
    harm = Harm("kill -9", f"{service}-2", time.time(), process.pid, back_at=time.time())
    scene.city.harms.append(harm)
    process.wait(10)
    scene.go_on(LIMIT_SECONDS + 2)


def _judge(scene: Scene, began: float, ended: float) -> None:
    """The longest silence of each service, and the longest that one effect was waited for."""
    scene.settle()
    all_ = list(read_topics(scene.city.bootstrap))
    records = [record for record in all_ if began <= record.at <= ended]
    for writer in ("intake", "sharing", "notifications"):
        gap, at = _longest_gap([began, *sorted(r.at for r in records if r.writer == writer), ended])
        nearest = max((h for h in scene.city.harms if h.at <= at), key=lambda h: h.at, default=None)
        after = f", {at - nearest.at:.1f} s after {nearest.what} of {nearest.victim}" if nearest else ""
        told = f"{writer}: no gap over {LIMIT_SECONDS:.0f} s; the longest was {gap:.1f} s{after}"
        scene.goal(told, met=gap <= LIMIT_SECONDS, timed=True)
    for cause, effect in CAUSES.items():
        waits = sorted(_waits(all_, cause, effect, began, ended))
        shown = f"median {waits[len(waits) // 2]:.2f} s, longest {waits[-1]:.1f} s of {len(waits)}"
        scene.goal(f"each {effect} comes after its {cause}: {shown}", met=waits[-1] < float("inf"))


def _longest_gap(moments: list[float]) -> tuple[float, float]:
    """Seconds, and when it began."""
    return max((after - before, before) for before, after in pairwise(moments))


def _waits(records: Iterable[Record], cause: str, effect: str, began: float, ended: float) -> Iterable[float]:
    """For each case (or exchange) of that time, from one to the other; for ever where it never came."""
    first: dict[str, dict[str, float]] = defaultdict(dict)
    for record in records:
        about = record.key
        if record.kind == "message-sent":
            if record.data is None or record.data.get("template") != "case-accepted":
                continue
            about = str(record.data["case"])
        first[record.kind].setdefault(about, record.at)
    caused = {about: at for about, at in first[cause].items() if began <= at <= ended}
    return [first[effect].get(about, float("inf")) - at for about, at in caused.items()]


ROLLING = Fault("K7", "two replicas: one restarted, the other killed, in turn", rolling)
