"""K10: one record in a hundred on the topics that services read is poison of some kind."""

import time
import uuid
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from deploy.local.trouble import Trouble
from tests.chaos.evidence import Record, read_topics
from tests.chaos.scene import Fault, Scene
from tests.city.poison import JUDGED_BY_ALL, POISON, READ, READERS, headers
from tests.city.running import until

PAIRS = 2
WINDOW_SECONDS = 10.0
SHARE = 0.01
LOGS = [(type_, topic) for type_, topic in READ if topic.endswith((".events", ".out", ".to.intake"))]
"""Event types of topics with a lane behind; a table has its rows from a person, not from the load."""


@dataclass(frozen=True)
class Dose:
    """One poisonous record: who has to park it, and why."""

    topic: str
    key: str
    reason: str
    readers: frozenset[str]


def one_percent(scene: Scene) -> None:
    """Windows without and with poison in turn; the cases' way through both is compared."""
    doses: list[Dose] = []
    windows: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for poisoned in (False, True) * (1 if scene.brief else PAIRS):
        began = time.time()
        while (left := began + WINDOW_SECONDS - time.time()) > 0:
            if poisoned:
                doses.append(_dose(scene, len(doses)))
            # A case makes about thirty records on these topics and those it is answered on.
            time.sleep(max(0.0, min(left, 1 / (scene.rate * 30 * SHARE))))
        windows[poisoned].append((began, time.time()))
    scene.settle()
    _all_parked(scene, doses)
    records = list(read_topics(scene.city.bootstrap))
    _compare(scene, records, windows)
    poison = {dose.key for dose in doses}
    among = [r for r in records if any(begin <= r.at <= end for begin, end in windows[True])]
    share = 100 * sum(r.key in poison for r in among) / max(1, len(among))
    scene.note(f"{len(doses)} poisonous records, {share:.1f} % of all")
    for service, topic, key in _parked(scene):
        if key in poison:
            scene.city.operator.ask(service, "POST", "/ops/parked/drop", params={"topic": topic, "key": key})


def _dose(scene: Scene, number: int) -> Dose:
    """Write the next kind; 10 MB are for the test of the poison itself."""
    kinds = [kind for kind in POISON if kind != "10 MB"]
    kind, type_, topic = kinds[number % len(kinds)], *LOGS[scene.dice.randrange(len(LOGS))]
    writer, readers = READ[type_, topic]
    value, changes, reason = POISON[kind]
    key = f"poison-{uuid.UUID(int=scene.dice.getrandbits(128)).hex}"
    scene.planted.append(key)
    scene.city.write(writer, topic, key.encode(), value, headers(type_, key, changes))
    return Dose(topic, key, reason, READERS[topic] if kind in JUDGED_BY_ALL else readers)


def _all_parked(scene: Scene, doses: list[Dose]) -> None:
    wanted = {(service, dose.topic, dose.key): dose.reason for dose in doses for service in dose.readers}

    def found() -> bool:
        return wanted.keys() <= _parked(scene).keys()

    with suppress(AssertionError):  # the goal below says how many are not
        until(found, within=30, what="all poison is parked")
    there = _parked(scene)
    right = sum(there.get(at) == reason for at, reason in wanted.items())
    scene.goal(f"{right} of {len(wanted)} poisonous records parked with their reason", met=right == len(wanted))


def _parked(scene: Scene) -> dict[tuple[str, str, str], str]:
    found: dict[tuple[str, str, str], str] = {}
    for service in frozenset().union(*READERS.values()):
        try:
            keys = scene.city.operator.get(service, "/ops/parked")
        except Trouble as trouble:
            raise AssertionError(str(trouble)) from trouble
        found |= {(service, one["topic"], one["key"]): one["reason"] for one in keys}
    return found


def _compare(scene: Scene, records: Iterable[Record], windows: dict[bool, list[tuple[float, float]]]) -> None:
    """p99 of the time from case-submitted to case-completed, as the broker stamped them; endless if it never was."""
    steps: dict[str, dict[str, float]] = defaultdict(dict)
    for record in records:
        if record.kind in ("case-submitted", "case-completed"):
            steps[record.key].setdefault(record.kind, record.at)
    p99: dict[bool, float] = {}
    for poisoned, spans in windows.items():
        times = sorted(
            at.get("case-completed", float("inf")) - at["case-submitted"]
            for at in steps.values()
            if any(begin <= at.get("case-submitted", 0.0) <= end for begin, end in spans)
        )
        p99[poisoned] = times[min(len(times) - 1, int(len(times) * 0.99))] if times else float("inf")
    ratio = p99[True] / p99[False]
    told = f"{p99[True]:.2f} s with, {p99[False]:.2f} s without"
    scene.goal(f"healthy cases' p99 ≤ 2 ×: {ratio:.2f} × ({told})", met=ratio <= 2, timed=True)


ONE_PERCENT = Fault("K10", "poison at 1 % of the records", one_percent)
