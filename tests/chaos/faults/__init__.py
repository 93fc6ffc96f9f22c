"""The faults, by number."""

from tests.chaos.faults import (
    broker,
    clocks,
    crashpoints,
    disk,
    kills,
    leaving,
    mail,
    poison,
    replicas,
    store,
    zombie,
)
from tests.chaos.scene import Fault

FAULTS: tuple[Fault, ...] = (
    kills.QUIET,
    kills.EACH_MEMBER,
    crashpoints.AT_EACH_POINT,
    broker.KILLED_AND_FROZEN,
    broker.DATA_LOST,
    store.KILLED_AND_FROZEN,
    zombie.ZOMBIE,
    replicas.ROLLING,
    disk.FULL,
    mail.EACH_MOOD,
    poison.ONE_PERCENT,
    clocks.JUMPING,
    leaving.ASKED_TO_LEAVE,
)
"""In the order in which a round inflicts them."""

SUBSET = ("K1", "K2", "K3", "K5", "K12")
"""Those that the test run inflicts too, briefly."""
