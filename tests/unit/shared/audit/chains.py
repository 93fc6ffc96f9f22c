"""Chains, seals and events for the tests of the audit kit."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from shared.audit.chain import GENESIS, Head, Link, stamp
from shared.clock import city_date
from shared.contracts.acts import Actor, ChainSealed
from shared.contracts.identity import ActNoted
from shared.messaging.envelope import Event

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)


def noted(n: int, at: datetime = BEGAN) -> Event[ActNoted]:
    """The event of somebody's `n`th act."""
    act = ActNoted(act="signed-in", by=Actor(kind="person", account=f"person-{n}"), on=f"session-{n}")
    trace = f"00-{n:032x}-{n + 1:016x}-01"
    return Event(f"session-{n}:1", ActNoted.type, "identity.audit", f"session-{n}", 1, at, trace, "identity", act)


def grown(moments: Sequence[datetime]) -> list[Link]:
    """A chain with a record of each moment."""
    chain, end = list[Link](), GENESIS
    for n, moment in enumerate(moments):
        day = max(end.day, city_date(moment).isoformat())
        event = noted(n, moment)
        link = Link(
            day=day,
            n=end.n + 1 if day == end.day else 1,
            prev=end.hash,
            event=event.id,
            at=stamp(moment),
            kept_at=stamp(moment + timedelta(seconds=1)),
            trace=f"{n:032x}",
            record=event.data.model_dump(mode="json"),
        ).hashed()
        chain.append(link)
        end = link.head
    return chain


def sealed(head: Head, *, closed: bool = False) -> ChainSealed:
    """What is said of a chain that ends there; `closed`: it goes on with another day."""
    return ChainSealed(day=head.day, count=head.n, hash=head.hash, closed=closed)


def rehashed(chain: Sequence[Link]) -> list[Link]:
    """The same records as somebody would leave them who can write the store: each hash made anew."""
    forged, end = list[Link](), GENESIS
    for n, link in enumerate(chain):
        prev = link.prev if n == 0 else end.hash
        again = link.model_copy(update={"prev": prev}).hashed()
        forged.append(again)
        end = again.head
    return forged


def renumbered(chain: Sequence[Link]) -> list[Link]:
    """With numbers that go on without a gap."""
    forged, end = list[Link](), GENESIS
    for link in chain:
        n = end.n + 1 if link.day == end.day else 1
        forged.append(link.model_copy(update={"n": n}))
        end = forged[-1].head
    return forged
