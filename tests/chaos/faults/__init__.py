"""The faults, by number."""

from tests.chaos.faults import broker, kills, leaving, store, zombie
from tests.chaos.scene import Fault

FAULTS: tuple[Fault, ...] = (
    kills.QUIET,
    kills.EACH_MEMBER,
    broker.KILLED_AND_FROZEN,
    broker.DATA_LOST,
    store.KILLED_AND_FROZEN,
    zombie.ZOMBIE,
    leaving.ASKED_TO_LEAVE,
)
"""In the order in which a round inflicts them."""

SUBSET = ("K1", "K2", "K3", "K5", "K12")
"""Those that the test run inflicts too, briefly."""
