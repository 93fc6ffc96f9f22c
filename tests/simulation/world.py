"""Two offices with two replicas each on one bus, and everything that may happen to them.

Every write, publish, poll, commit and letter waits at a gate, before it happens and before its doer hears of it: who
goes on next, who dies there, and who only seems dead is for the test to choose.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any, Literal
from unittest.mock import patch

import structlog
from aiokafka import TopicPartition

from services.notifications.messages.domain import Pace
from shared.testing.clock import FakeClock
from tests.simulation.bus import POLICE, READ, Bus
from tests.simulation.loop import Gate, Process, SimulatedLoop
from tests.simulation.office import HAND_OVER, Advised, Office
from tests.simulation.promises import Broken, Promises
from tests.simulation.store import Disk

CLOCKED = (
    "shared.messaging.relay",
    "shared.messaging.lane",
    "shared.store.lease",
    "shared.store.repository",
    "shared.timers",
)
"""Modules of the kernel that look at the monotonic clock: theirs is the simulation's."""
LIMITS = {"JOURNAL_LIMIT": 3, "BATCH": 1}
"""So small that journals are trimmed and backlogs form."""
NAMES = ("east1", "east2", "west1", "west2")
PACE = Pace(timedelta(seconds=10), attempts=50, patience=timedelta(days=9), contact_patience=timedelta(days=9))
LEASE_SECONDS, LETTER_LEASE_SECONDS = 3, 20
"""Longer than the relay's lease; longer than a letter's, and its watch after that."""
LETTER_SECONDS, STEPS_A_SECOND, HURRIED_STEPS = 10, 30, 25
STEPS_TO_REST = 6_000
BURST = 0.7
"""How likely the process goes on that went on last."""


@dataclass
class World:
    """`told` is called with each thing that happens, in words; `tally` counts them."""

    told: Callable[[str], None] = print
    tally: Counter[str] = field(default_factory=Counter)
    loop: SimulatedLoop = field(default_factory=SimulatedLoop)
    clock: FakeClock = field(default_factory=FakeClock)
    bus: Bus = field(default_factory=Bus)
    pace: Pace = PACE
    waiting: list[Gate] = field(default_factory=list)
    disks: dict[str, Disk] = field(default_factory=lambda: {"east": Disk(), "west": Disk()})
    poisoned: dict[str, Literal["before", "after"]] = field(default_factory=dict)
    postman_refuses: bool = False
    offices: dict[str, Office] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.promises = Promises(self.bus, self.disks)
        self.network = Process("the network", self.loop, self.waiting)
        self._numbers = count(1)
        self._steps = count(1)
        ours = SimpleNamespace(monotonic=self.loop.time, time=self.loop.time, perf_counter=self.loop.time)
        self._patches: list[Any] = [patch(f"{module}.time", ours) for module in CLOCKED]
        self._patches += [patch(f"shared.messaging.relay.{name}", limit) for name, limit in LIMITS.items()]
        for one in self._patches:
            one.start()
        self._logging = structlog.get_config()
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
        for name in NAMES:
            self._start(name)
        for partition, name in zip(READ, ("west1", "west2", "west1"), strict=True):
            self.bus.owner[partition] = self.offices[name].process

    def close(self) -> None:
        for office in self.offices.values():
            office.process.kill()
        self.network.kill()
        self.loop.close()
        structlog.configure(**self._logging)
        for one in self._patches:
            one.stop()

    def note(self, what: str) -> None:
        """Tell one thing that happens, numbered."""
        self.told(f"{next(self._steps):4} {what}")

    def next_name(self, of: str) -> str:
        """A name that nobody has yet."""
        return f"{of}-{next(self._numbers)}"

    # -- what people do ----------------------------------------------------------------------------------

    def file(self, name: str, id_: str) -> None:
        """Somebody files a petition at one of East's processes."""
        east = self._visited(name, f"{id_} is filed")
        east.process.spawn(lambda: east.file(id_))

    def answer(self, name: str, id_: str) -> None:
        """Somebody answers it."""
        text = self.next_name("answer")
        east = self._visited(name, f"{id_} is answered: {text}")
        east.process.spawn(lambda: east.answer(id_, text))

    def remind(self, name: str, id_: str, seconds: int) -> None:
        """Somebody wants to be reminded of it in so many seconds: each time is one of its own."""
        when = self.clock.now() + timedelta(seconds=seconds, milliseconds=next(self._numbers))
        east = self._visited(name, f"{id_} is to be woken at {when:%H:%M:%S.%f}")
        east.process.spawn(lambda: east.remind(id_, when))

    def _visited(self, name: str, what: str) -> Office:
        east = self.living(name)
        self.tally["writes"] += 1
        self.note(f"{what}, at {name}")
        return east

    def advise(self, id_: str, *, again: bool) -> None:
        """The police writes on its topic about a petition of East's; `again`: its last record once more."""
        if id_ not in self.promises.documents("east", "petitions"):
            return
        said = self.bus.ids(POLICE, id_)
        event = said[-1] if said and again else f"{id_}:{self.next_name('advice')}"
        headers = {
            "ce_specversion": "1.0",
            "ce_id": event,
            "ce_source": "/police",
            "ce_type": Advised.type,
            "ce_subject": id_,
            "content-type": "application/json",
        }
        self.tally["writes"] += 1
        self.note(f"the police writes {event}")
        body = Advised(petition=id_, text=event.partition(":")[2]).model_dump_json()
        self.bus.append(POLICE, id_, headers, body.encode())

    # -- life and death ----------------------------------------------------------------------------------

    def living(self, name: str) -> Office:
        """The process of this name; a dead one is started anew."""
        if not self.offices[name].process.alive:
            self.tally["restarts"] += 1
            self.note(f"{name} starts again")
            self._start(name)
        return self.offices[name]

    def _start(self, name: str) -> None:
        self.offices[name] = Office(self, name)
        self.offices[name].begin()
        self.loop.settle()

    def kill(self, name: str) -> None:
        """kill -9: what waits at a gate never happens."""
        process = self.offices[name].process
        if not process.alive:
            return
        self.tally["kills"] += 1
        steps = [gate.step for gate in self.waiting if gate.process is process]
        self.note(f"{name} IS KILLED before: {'; '.join(steps)}")
        process.kill()
        for partition, owner in self.bus.owner.items():
            if owner is process:
                self.bus.owner[partition] = None

    def freeze(self, name: str) -> None:
        """It seems dead, or wakes."""
        process = self.living(name).process
        process.frozen = not process.frozen
        self.tally["freezes"] += process.frozen
        self.note(f"{name} {'FREEZES' if process.frozen else 'thaws'}")

    def seem_dead(self, name: str, *, hurries: bool) -> None:
        """A process stands still until its leases are over and others have gone on, and wakes as a zombie.

        It is one with a letter in hand if there is one soon, and sleeps until another took that over. One that
        `hurries` goes on before anybody else does.
        """
        if self.promises.letters_left():
            self._go_on_until(self._with_letter, seconds=LETTER_SECONDS)
        holder = self._with_letter()
        process = holder or self.living(name).process
        self.tally["zombies"] += 1
        self.note(f"{process.name} STANDS STILL, and the others go on")
        process.frozen = True
        lease = LETTER_LEASE_SECONDS if holder else LEASE_SECONDS
        self._go_on_until(lambda: self._with_letter(but=process), seconds=lease)
        process.frozen = False
        self.note(f"{process.name} WAKES")
        for _ in range(HURRIED_STEPS if hurries else 0):
            if (gate := next((gate for gate in self.waiting if gate.process is process), None)) is not None:
                self._open(gate)

    def _with_letter(self, but: Process | None = None) -> Process | None:
        """A process that is about to hand a letter over."""
        having = (gate.process for gate in self.waiting if gate.step.startswith(HAND_OVER))
        return next((process for process in having if process is not but), None)

    def _go_on_until(self, happened: Callable[[], object], seconds: int) -> None:
        """The oldest steps happen, and so many seconds pass at most."""
        for _ in range(seconds):
            for _ in range(STEPS_A_SECOND):
                if happened() or not self.go_on(1):
                    break
            if happened():
                return
            self.pass_time(1.0)

    def shift_clock(self, name: str, hours: int) -> None:
        """Its clock jumps."""
        self.living(name).clock.wrong_by = timedelta(hours=hours)
        self.tally["clock jumps"] += 1
        self.note(f"the clock of {name} goes wrong by {hours:+} h")

    def steal_lease(self, name: str) -> None:
        """This process gets its relay's lease, whoever holds it and believes in it: two relays run for a while."""
        office = self.living(name)
        self.tally["leases stolen"] += 1
        self.note(f"{name} STEALS the relay's lease")
        for lease in self.promises.documents(office.service, "leases").values():
            lease["holder"], lease["turn"] = name, lease["turn"] + 1

    # -- the bus -----------------------------------------------------------------------------------------

    def assign(self, partition: TopicPartition, name: str) -> None:
        """The broker gives the partition to a replica; who had it may not know yet, and goes on with its batch."""
        self.bus.owner[partition] = self.living(name).process
        self.bus.generation += 1
        self.tally["rebalances"] += 1
        self.note(f"{partition.topic}/{partition.partition} GOES TO {name}")

    def deliver_again(self, partition: TopicPartition, back: int) -> None:
        """The group's last commits are lost: those records come again."""
        self.bus.committed[partition] = max(0, self.bus.committed[partition] - back)
        self.bus.generation += 1
        self.tally["rewinds"] += 1
        self.note(f"{partition.topic}/{partition.partition} COMES AGAIN from {self.bus.committed[partition]}")

    # -- going on ----------------------------------------------------------------------------------------

    def go_on(self, steps: int, order: Random | None = None) -> bool:
        """Let some of the waiting steps happen, the oldest first or in bursts of one process; whether there was one."""
        burst = ""
        for _ in range(steps):
            ready = [gate for gate in self.waiting if not gate.process.frozen]
            if not ready:
                return False
            if order is None:
                self._open(ready[0])
                continue
            mine = [gate for gate in ready if gate.process.name == burst]
            gate = order.choice(mine if mine and order.random() < BURST else ready)
            burst = gate.process.name
            self._open(gate)
        return True

    def _open(self, gate: Gate) -> None:
        self.tally["steps"] += 1
        self.note(f"{gate.process.name}: {gate.step}")
        self.waiting.remove(gate)
        gate.opened.set_result(None)
        self.loop.settle()

    def pass_time(self, seconds: float) -> None:
        self.note(f"{seconds:g} s pass")
        self.clock.forward(timedelta(seconds=seconds))
        self.loop.advance(seconds)

    def check(self) -> None:
        """At any moment: no part of a living process has broken, and the promises hold."""
        for office in self.offices.values():
            if office.process.alive and office.process.failed:
                raise Broken("parts live", f"{office.name}: {office.process.failed[0]!r}") from office.process.failed[0]
        self.promises.check()

    # -- the end -----------------------------------------------------------------------------------------

    def release(self) -> None:
        """A person releases the keys that stand still because their first record failed."""
        heads: dict[tuple[str, str], dict[str, object]] = {}
        parked = self.promises.documents("west", "parked")
        for record in sorted(parked.values(), key=lambda r: int(r["offset"]), reverse=True):
            heads[record["topic"], record["lock"]] = record
        failed = {key for key, head in heads.items() if head["reason"] != "behind" and not head["releasing"]}
        for record in parked.values():
            record["releasing"] |= (record["topic"], record["lock"]) in failed
        for topic, lock in sorted(failed):
            self.tally["releases"] += 1
            self.note(f"a person RELEASES {lock} on {topic}")

    def mend(self) -> None:
        """All trouble ends: everybody lives, no clock is wrong and no event poisoned."""
        self.note("all trouble ends")
        self.poisoned.clear()
        self.bus.trouble, self.postman_refuses = None, False
        for disk in self.disks.values():
            disk.trouble, disk.database.down = None, False
        for name in NAMES:
            office = self.living(name)
            office.process.frozen, office.clock.wrong_by = False, timedelta(0)
        for partition, owner in self.bus.owner.items():
            if owner is None or not owner.alive:
                self.assign(partition, "west1")
        self.pass_time(7200.0)  # what a wrong clock put off is due then, and all leases are over

    def run_to_rest(self) -> None:
        """Let everything happen that is due; raises `Broken` when something is never done."""
        for turn in range(STEPS_TO_REST):
            if turn % 20 == 0:
                self.check()
                if not self.promises.left():
                    return
                self.release()
            if turn % 100 == 99 or not self.go_on(1):
                due = self.loop.next_timer()
                self.pass_time(max(0.001, (due or self.loop.now + 1) - self.loop.now))
        raise Broken("nothing forgotten", f"still to do: {', '.join(self.promises.left())}")
