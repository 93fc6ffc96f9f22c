"""A round: one fault after the other on one city under load; after each the city settles and everything is checked."""

import random
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.chaos.checker import KINDS, Finding, Verdict, check
from tests.chaos.city import ChaosCity, Harm
from tests.chaos.evidence import Evidence, gather
from tests.chaos.load import Load
from tests.chaos.scene import Fault, Goal, Scene
from tests.city.running import until

SETTLE_SECONDS = 90.0
LOOK_SECONDS = 0.5  # each look is some twenty questions to the store, which has other work to do
TELL_SECONDS = 10.0
OPEN: dict[str, tuple[str, dict[str, Any]]] = {
    "tongban_intake": ("cases", {"state": {"$ne": "completed"}}),
    "tongban_sharing": ("exchanges", {"state": {"$in": ["wished", "asked"]}}),
    "tongban_notifications": ("messages", {"state": {"$nin": ["sent", "failed"]}}),
}
"""What is still under way, by database."""


@dataclass
class Row:
    """What one fault did and what was found after it."""

    fault: Fault
    harms: list[Harm]
    cases: int
    seconds: float
    verdict: Verdict
    findings: list[Finding]
    """Those that were not there before."""
    goals: list[Goal]
    notes: list[str]
    mails_again: int = 0
    """Mails that came again and were counted, as the design allows."""
    alone: list[Harm] = field(default_factory=list)
    """Harms during whose recovery nothing else was harmed."""

    @property
    def passed(self) -> bool:
        return not self.findings and all(goal.met for goal in self.goals)

    def count(self, kind: str) -> int:
        return sum(finding.kind == kind for finding in self.findings)

    @property
    def recoveries(self) -> list[float]:
        """Seconds from harm to first new effect (from the thaw, where something was frozen), in order of size."""
        return sorted(recovery(harm) for harm in self.alone if harm.effect_at is not None)


class Round:
    """Runs faults on a city. `rate`: cases a second all the time."""

    def __init__(
        self, city: ChaosCity, load: Load, seed: str, rate: float, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.city, self.load, self.seed, self.rate, self.tell = city, load, seed, rate, tell
        self.planted: list[str] = []
        self._known: set[Finding] = set()
        self._mails_again = 0

    def attempt(self, fault: Fault, *, kills: int = 0) -> Row:
        """As `run`; a fault that could not be inflicted to its end is a missed goal, and the next one has its turn."""
        try:
            return self.run(fault, kills=kills)
        except Exception as exc:  # noqa: BLE001 - whatever it was, what was found so far must be told
            traceback.print_exception(exc)
            goal = Goal(f"it could be inflicted and checked: {type(exc).__name__}: {str(exc)[:300]}", met=False)
            return Row(fault, [], 0, 0.0, check(Evidence()), [], [goal], [])

    def run(self, fault: Fault, *, brief: bool = False, kills: int = 0) -> Row:
        """Inflict the fault, let the city settle, check everything."""
        scene = Scene(self.city, self.load, self.dice(fault.number), self.rate, brief, kills)
        scene.tell, scene.settle, scene.planted = self.tell, lambda: self.settle(scene), self.planted
        before, began, first = self._acknowledged(), time.monotonic(), len(self.city.harms)
        self.load.rate(self.rate)
        until(lambda: self._acknowledged() > before, within=60, what="cases are taken before the harm")
        fault.inflict(scene)
        until(self.city.all_running, within=120, what="everything is back")
        inflicted = time.monotonic()
        self.settle(scene)
        settled = time.monotonic()
        evidence = self.gather()
        verdict = check(evidence)
        steps = inflicted - began, settled - inflicted, time.monotonic() - settled
        self.tell(f"{fault.number}: harm {steps[0]:.0f} s, settled in {steps[1]:.0f} s, checked in {steps[2]:.0f} s")
        new = [finding for finding in verdict.findings if finding not in self._known]
        self._known.update(new)
        harms = self.city.harms[first:]
        row = Row(
            fault,
            harms,
            self._acknowledged() - before,
            time.monotonic() - began,
            verdict,
            new,
            scene.goals,
            scene.notes,
            verdict.mails_repeated - self._mails_again,
        )
        self._mails_again = verdict.mails_repeated
        self._measure(row, evidence)
        return row

    def dice(self, of: str) -> random.Random:
        """Dice of this seed's own, the same whatever else runs."""
        return random.Random(f"{self.seed}-{of}")

    def gather(self) -> Evidence:
        """Everything as it is now."""
        state, platform = self.city.city.settings.state, self.city.city.platform
        found = gather(self.load.log, platform.store.uri, self.city.bootstrap, state / "mail", state / "files")
        found.planted = list(self.planted)
        return found

    def _acknowledged(self) -> int:
        return len(self.load.look().acknowledged)

    # -- settling ----------------------------------------------------------------------------------------

    def settle(self, scene: Scene) -> None:
        """No new applications; wait until nothing is under way, or say what is, when it has not moved for long."""
        with suppress(AssertionError):  # the checker names what is left
            self.load.drain()
        deadline, left = time.monotonic() + SETTLE_SECONDS, ["not looked yet"]
        told = time.monotonic()
        while left and time.monotonic() < deadline:
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                self.tell(f"  still under way: {', '.join(left)}")
            before = left
            try:
                left = list(self._under_way())
            except PyMongoError as exc:
                left = [repr(exc)[:100]]
            if left != before:
                deadline = time.monotonic() + SETTLE_SECONDS
            time.sleep(LOOK_SECONDS if left else 0)
        if left:
            scene.note(f"nothing has moved for {SETTLE_SECONDS:.0f} s: {', '.join(left)}")

    def _under_way(self) -> Iterator[str]:
        uri = self.city.city.platform.store.uri
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=2000, socketTimeoutMS=20000) as store:
            for database, (name, still) in OPEN.items():
                if open_ := store[database][name].count_documents(still):
                    yield f"{open_} {name}"
                for collection in store[database].list_collection_names():
                    if waiting := store[database][collection].count_documents({"pending": {"$gt": 0}}):
                        yield f"{waiting} unsent {collection}"

    # -- recovery ----------------------------------------------------------------------------------------

    def _measure(self, row: Row, evidence: Evidence) -> None:
        """Find the first new effect after each harm, and judge by those that came alone."""
        acknowledged = sorted(self.load.look().acknowledged)
        arrived = sorted((record.at, record.writer) for record in evidence.records)
        for harm in row.harms:
            if harm.effect_at is None and harm.back_at is not None:
                harm.effect_at = _first_effect(harm, harm.back_at, arrived, acknowledged)
        limit = row.fault.recovery_s
        row.alone = [harm for harm in row.harms if not _crossed(harm, row.harms, limit or 5.0)]
        if limit is not None and row.alone:
            times = [recovery(harm) for harm in row.alone]
            worst = max(times)
            told = f"first new effect after ≤ {limit:.0f} s: the slowest of {len(times)} came after {worst:.1f} s"
            row.goals.append(Goal(told, worst <= limit, timed=True))
        if limit is not None:
            judged = f"{len(row.alone)} of {len(row.harms)} harms came alone, so that their recovery can be judged"
            row.goals.append(Goal(judged, len(row.alone) == len(row.harms), timed=True))


def recovery(harm: Harm) -> float:
    """Seconds until the victim did something new; for a freeze from the thaw on. Infinite: it never did."""
    if harm.effect_at is None:
        return float("inf")
    begun = harm.back_at if harm.what.startswith("freeze") and harm.back_at is not None else harm.at
    return harm.effect_at - begun


def _first_effect(
    harm: Harm, since: float, arrived: Iterable[tuple[float, str]], acknowledged: Iterable[tuple[float, float]]
) -> float | None:
    """Of the store: an acknowledgement. Of the broker: any record. Of a member: a record of its own."""
    if harm.victim == "store":
        return min((at for begun, at in acknowledged if begun >= harm.at and at >= since), default=None)
    return next((at for at, writer in arrived if at >= since and harm.victim in ("kafka", writer)), None)


def _crossed(harm: Harm, harms: Iterable[Harm], window: float) -> bool:
    """Whether somebody else was harmed while this one recovered. Of one that never did, the window counts."""

    def end(of: Harm) -> float:
        return of.at + window if of.effect_at is None else of.effect_at

    return any(other is not harm and other.at < end(harm) and end(other) > harm.at for other in harms)


def table(rows: Iterable[Row]) -> list[list[str]]:
    """Head and lines."""
    head = [
        "",
        "fault",
        "kills",
        "other harms",
        "cases",
        *KINDS,
        "mails again, counted",
        "first effect, median / max",
        "",
    ]
    return [head, *(_line(row) for row in rows)]


def _line(row: Row) -> list[str]:
    kills = sum(harm.is_kill for harm in row.harms)
    times = row.recoveries
    shown = f"{times[len(times) // 2]:.1f} / {times[-1]:.1f} s" if times else "–"
    counts = [str(row.count(kind)) for kind in KINDS]
    named = [row.fault.number, row.fault.title, str(kills), str(len(row.harms) - kills), str(row.cases)]
    return [*named, *counts, str(row.mails_again), shown, "passed" if row.passed else "missed"]
