"""What a fault gets to work with, and what it leaves: harms, goals met or missed."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from confluent_kafka import KafkaException

from tests.chaos.city import SERVICES, ChaosCity, Harm
from tests.chaos.evidence import Offsets, ends_of_topics, read_topics
from tests.chaos.load import Load
from tests.city.running import until


@dataclass(frozen=True)
class Goal:
    """Something that had to be so, as a sentence with the number that was measured.

    `timed`: it speaks of seconds, which a loaded machine may well miss.
    """

    text: str
    met: bool
    timed: bool = False


@dataclass
class Scene:
    """A city under load, and dice of the fault's own. `brief`: as few harms as show the point, for the test run."""

    city: ChaosCity
    load: Load
    dice: random.Random
    rate: float
    brief: bool = False
    kills: int = 0
    """How many kills the long round is to have; 0 in the short one."""
    settle: Callable[[], None] = lambda: None
    """No new applications; waits until nothing is under way."""
    tell: Callable[[str], None] = lambda _: None
    """Says how far it is, to who watches."""
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    planted: list[str] = field(default_factory=list)
    """Ids of statements and keys of records that the fault itself put on a topic."""

    def goal(self, text: str, *, met: bool, timed: bool = False) -> None:
        """Something that this fault has to fulfil besides losing and repeating nothing."""
        self.goals.append(Goal(text, met, timed))

    def note(self, text: str) -> None:
        """Something worth knowing, for the report."""
        self.notes.append(text)

    def ready(self, victim: str, within: float = 90.0) -> None:
        """Wait until the victim works again: a service is ready, anything else runs."""
        if victim in SERVICES:
            until(lambda: self.city.answers(self.city.urls[victim]), within=within, what=f"{victim} is ready")

    def kill(self, victim: str) -> Harm:
        """kill -9, and wait until the victim does something new."""
        ends = ends_of_topics(self.city.bootstrap)
        harm = self.city.hit(victim)
        back_at = self.city.returned(harm)
        if victim == "identity":  # it writes next to nothing under this load: what it does is give tokens
            self.city.operator_token()
            harm.effect_at = time.time()
        elif victim == "store":
            harm.effect_at = self.load.acknowledged_after(harm.at)
        else:
            harm.effect_at = self._record_of(victim, ends, back_at)
        self.ready(victim)
        return harm

    def _record_of(self, victim: str, ends: Offsets, since: float) -> float:
        """When the first record of the victim arrived since then; of the broker: any record."""

        def arrived() -> float | None:
            try:
                records = list(read_topics(self.city.bootstrap, ends))
            except KafkaException as exc:
                raise AssertionError(str(exc)) from exc
            return min((r.at for r in records if r.at >= since and victim in ("kafka", r.writer)), default=None)

        return until(arrived, within=60, what=f"{victim} writes something")

    def pause(self, low: float, high: float) -> None:
        """A random moment later; nothing is waited for."""
        time.sleep(self.dice.uniform(low, high))

    def go_on(self, seconds: float) -> None:
        """Let the load run for a while."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Fault:
    """One line of the table. `recovery_s`: how soon the first new effect of the victim must come after a harm."""

    number: str
    title: str
    inflict: Callable[[Scene], None]
    recovery_s: float | None = None
