"""Everything that may happen, in any order; at the end all trouble ends, and everything must have been done once."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import wraps
from random import Random
from typing import Any, ClassVar, Literal

from aiokafka import TopicPartition
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RULE_MARKER, RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.strategies import SearchStrategy

from tests.simulation.bus import READ
from tests.simulation.bus import Trouble as BrokerTrouble
from tests.simulation.store import Trouble as StoreTrouble
from tests.simulation.world import NAMES, World

IDS = st.sampled_from(["p1", "p2"])
EASTS = st.sampled_from(["east1", "east2"])
WESTS = st.sampled_from(["west1", "west2"])
ANY = st.sampled_from(NAMES)
SERVICES = st.sampled_from(["east", "west"])
PARTITIONS = st.sampled_from(READ)
STEPS = st.integers(0, 30)
ORDER = st.integers(0, 2**32).map(lambda seed: Random(seed) if seed else None)


def happens(**what: SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A rule after which the processes go on for some steps, in some order."""

    def decorate(happening: Callable[..., None]) -> Callable[..., None]:
        @wraps(happening)
        def happens_and_goes_on(self: "Kernel", steps: int, order: Random | None, **how: Any) -> None:
            happening(self, **how)
            self.world.loop.settle()
            self.world.go_on(steps, order)

        made: Callable[..., None] = rule(**what, steps=STEPS, order=ORDER)(happens_and_goes_on)  # type: ignore[call-overload]
        return made

    return decorate


class Kernel(RuleBasedStateMachine):
    """A history."""

    tally: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.tally["histories"] += 1
        self.world = World(note, self.tally)

    # -- what people do ----------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.world.file("east1", "p1")

    @happens(name=EASTS, id_=IDS)
    def file(self, name: str, id_: str) -> None:
        self.world.file(name, id_)

    @happens(name=EASTS, id_=IDS)
    def answer(self, name: str, id_: str) -> None:
        self.world.answer(name, id_)

    @happens(name=EASTS, id_=IDS, seconds=st.sampled_from([1, 8]))
    def remind(self, name: str, id_: str, seconds: int) -> None:
        self.world.remind(name, id_, seconds)

    @happens(id_=IDS, again=st.booleans())
    def advise(self, id_: str, again: bool) -> None:
        self.world.advise(id_, again=again)

    @happens()
    def release(self) -> None:
        self.world.release()

    # -- going on ----------------------------------------------------------------------------------------

    @happens()
    def go_on(self) -> None:
        """Nothing else happens."""

    @happens(seconds=st.sampled_from([0.01, 1.0, 6.0, 15.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    # -- trouble -----------------------------------------------------------------------------------------

    @happens(name=ANY)
    def kill(self, name: str) -> None:
        self.world.kill(name)

    @happens(name=ANY)
    def freeze(self, name: str) -> None:
        self.world.freeze(name)

    @happens(name=ANY, hurries=st.booleans())
    def seem_dead(self, name: str, *, hurries: bool) -> None:
        self.world.seem_dead(name, hurries=hurries)

    @happens(name=ANY, hours=st.sampled_from([-1, 0, 1]))
    def shift_clock(self, name: str, hours: int) -> None:
        self.world.shift_clock(name, hours)

    @happens(name=ANY)
    def steal_lease(self, name: str) -> None:
        self.world.steal_lease(name)

    @happens(partition=PARTITIONS, name=WESTS)
    def rebalance(self, partition: TopicPartition, name: str) -> None:
        self.world.assign(partition, name)

    @happens(partition=PARTITIONS, back=st.integers(1, 10))
    def deliver_again(self, partition: TopicPartition, back: int) -> None:
        self.world.deliver_again(partition, back)

    @happens(id_=IDS, sequence=st.integers(1, 4), when=st.sampled_from(["before", "after"]))
    def poison(self, id_: str, sequence: int, when: Literal["before", "after"]) -> None:
        self.tally["events poisoned"] += 1
        self.world.poisoned[f"{id_}:{sequence}"] = when
        self.world.note(f"{id_}:{sequence} IS POISON, {when} its effect")

    @happens()
    def cure(self) -> None:
        self.world.poisoned.clear()
        self.world.note("no event is poison any more")

    @happens(trouble=st.sampled_from(["refused", "answer lost", "lands late"]))
    def trouble_broker(self, trouble: BrokerTrouble) -> None:
        self.tally["broker troubles"] += 1
        self.world.bus.trouble = trouble
        self.world.note(f"the broker's next answer: {trouble.upper()}")

    @happens(service=SERVICES, trouble=st.sampled_from(["refused", "answer lost"]))
    def trouble_store(self, service: str, trouble: StoreTrouble) -> None:
        self.tally["store troubles"] += 1
        self.world.disks[service].trouble = trouble
        self.world.note(f"the next write in the store of {service}: {trouble.upper()}")

    @happens(service=SERVICES)
    def lose_store(self, service: str) -> None:
        database = self.world.disks[service].database
        database.down = not database.down
        self.tally["store outages"] += database.down
        self.world.note(f"the store of {service} is {'AWAY' if database.down else 'there again'}")

    @happens()
    def change_postman(self) -> None:
        self.world.postman_refuses = not self.world.postman_refuses
        self.world.note(f"the postman {'REFUSES' if self.world.postman_refuses else 'takes'} letters")

    # -- promises ----------------------------------------------------------------------------------------

    @invariant()
    def promises_hold(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        try:
            self.world.mend()
            self.world.run_to_rest()
            self.world.check()
            self.world.promises.check_all_done()
        finally:
            self.world.close()


def narrowed(happenings: Sequence[str]) -> type[Kernel]:
    """Histories in which only these things happen, by the names of their rules."""
    rules = {name for name, what in vars(Kernel).items() if hasattr(what, RULE_MARKER)}
    if unknown := set(happenings) - rules:
        raise ValueError(f"these never happen: {sorted(unknown)}")
    return type("Narrowed", (Kernel,), dict.fromkeys(rules - set(happenings)))


SETTINGS = settings(
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
    database=None,
)
