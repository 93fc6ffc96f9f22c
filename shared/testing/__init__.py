"""What tests stand on: a clock to set, a bus in memory, waiting with a deadline."""

from shared.testing.bus import MemoryBus
from shared.testing.clock import FakeClock
from shared.testing.tokens import FakeIdentity
from shared.testing.waiting import eventually

__all__ = ["FakeClock", "FakeIdentity", "MemoryBus", "eventually"]
