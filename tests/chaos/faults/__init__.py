"""The faults, by number."""

from tests.chaos.faults import broker, kills, store
from tests.chaos.scene import Fault

FAULTS: tuple[Fault, ...] = (kills.QUIET, kills.EACH_SERVICE, broker.KILLED_AND_FROZEN, store.KILLED_AND_FROZEN)
"""In the order in which a round inflicts them."""
