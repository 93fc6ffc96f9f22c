"""One side of a comparison (ours, or the limit), and rounds of it: how fast at most, how slow at half of that."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from tests.bench.load import Offered, Target
from tests.bench.mails import Mails, last_of
from tests.bench.meter import Meter, Usage

MAILS = 2
"""Mails of one case: accepted, and decided."""
DRAIN_SECONDS = 60.0
BURST_CONNECTIONS = 32


class Side(Protocol):
    """Ours, or the limit."""

    def target(self) -> Target: ...
    def meter(self) -> Meter: ...


@dataclass(frozen=True)
class Round:
    """A load and what became of it. `done_at`: seconds from the start when each case's last mail was accepted; where
    only the POST is looked at, when it was answered with a case. `None`: not in time, or the request failed."""

    side: str
    kind: Literal["most", "steady"]
    offered: Offered
    usage: Usage
    meant: tuple[float, ...]
    done_at: tuple[float | None, ...]

    @property
    def lost(self) -> int:
        """Applications that failed, or were not done when the patience was over."""
        return sum(at is None for at in self.done_at)

    def rate(self) -> float:
        """Cases done a second, from the first moment meant to the last one done."""
        done = [at for at in self.done_at if at is not None]
        return len(done) / max(done) if done else 0.0

    def latencies_ms(self) -> list[float]:
        """From the moment meant until done."""
        pairs = zip(self.meant, self.done_at, strict=True)
        return [float("inf") if at is None else (at - meant) * 1000 for meant, at in pairs]

    def behind(self) -> int:
        """How many cases were not done when the last one was meant: the backlog that was left."""
        last = max(self.meant, default=0.0)
        return sum(at is None or at > last for at in self.done_at)

    def raw(self) -> dict[str, Any]:
        """For the JSON: figures, not every case."""
        return {
            "side": self.side,
            "kind": self.kind,
            "offered": len(self.offered.shots),
            "statuses": self.offered.statuses(),
            "done": len(self.done_at) - self.lost,
            "rate": self.rate(),
            "usage": asdict(self.usage),
            "generator_cpu": self.offered.cpu,
            "latencies_ms": [round(value, 1) for value in self.latencies_ms()],
        }


def posted(side: str, kind: Literal["most", "steady"], offered: Offered, usage: Usage) -> Round:
    """A round in which a case is done when its POST is answered."""
    shots = offered.shots
    done = tuple(shot.answered if shot.taken else None for shot in shots)
    return Round(side, kind, offered, usage, tuple(shot.meant for shot in shots), done)


async def mailed(side: str, kind: Literal["most", "steady"], offered: Offered, meter: Meter, mails: Mails) -> Round:
    """A round in which a case is done when its second mail was accepted; waits for them, then reads the meter."""
    await mails.reach(MAILS * len(offered.taken), DRAIN_SECONDS)
    usage, at = meter.usage(), last_of(mails.accepted_at(), MAILS)
    came = [at(shot.number or "") if shot.taken else None for shot in offered.shots]
    done = tuple(None if moment is None else moment - offered.zero for moment in came)
    return Round(side, kind, offered, usage, tuple(shot.meant for shot in offered.shots), done)
