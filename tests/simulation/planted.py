"""Mistakes that are easily made, made on purpose: the simulation has to find each of them.

Each names the promises that it may break. Renaming what is patched here breaks the test loudly: the patch fails, or
what is found is another promise.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from services.notifications.messages.domain import Message
from shared.messaging.handling import Handling
from shared.messaging.lane import Batch, Lane
from shared.messaging.parked import Parked
from shared.messaging.relay import Relay
from shared.messaging.turns import Turns, Work
from shared.store.collection import Document, Filter, Unavailable
from shared.store.repository import Repository
from tests.simulation.bus import Outlet
from tests.simulation.store import StoreCollection

LETTERS_GO_OUT = ("go_on", "file", "time_passes", "seem_dead")
WRITES_ARE_REPEATED = ("go_on", "answer", "remind", "trouble_store")
READERS_DIE = ("go_on", "time_passes", "answer", "kill")
KEYS_ARE_PARKED = ("go_on", "time_passes", "answer", "poison", "release")


@dataclass(frozen=True)
class Mistake:
    """`make` makes it for a while; the simulation then finds one of these promises broken.

    `among`: what happens in the histories it is sought in, where among all that may happen it would take long.
    """

    make: Callable[[], AbstractContextManager[None]]
    breaks: Sequence[str]
    among: Sequence[str]


def _mistake(*breaks: str, among: Sequence[str] = ()) -> Callable[[Callable[[], Iterator[None]]], Mistake]:
    return lambda made: Mistake(contextmanager(made), breaks, among)


@_mistake("all told", "told in order")
def mark_before_produce() -> Iterator[None]:
    """The relay notes that entries are sent, and sends them then: who dies between has lost them."""
    publish = Relay._publish

    async def hasty(self: Relay, repository: Repository[Any], document: Document) -> Any:
        marked = {"$set": {"sent": document["seq"], "pending": 0}}
        await repository.collection.update({"_id": document["_id"], "v": document["v"]}, marked)
        return await publish(self, repository, document)

    with patch.object(Relay, "_publish", hasty):
        yield


@_mistake("all told", "told in order")
def mark_what_is_there_now() -> Iterator[None]:
    """The relay marks the document as it finds it: what was written since it looked is never told."""
    compute = StoreCollection.compute

    async def careless(self: StoreCollection, filter_: Filter, fields: Mapping[str, Any]) -> int:
        return await compute(self, filter_, {**fields, "pending": 0})

    with patch.object(StoreCollection, "compute", careless):
        yield


@_mistake("told in order", "all told")
def unordered_relay() -> Iterator[None]:
    """A document's entries are sent all at once, and land as it happens."""
    send = Relay._send

    async def at_once(self: Relay, id_: str, sequence: int, entry: Document) -> None:
        sending = asyncio.create_task(send(self, id_, sequence, entry))
        await asyncio.wait([sending], timeout=0)

    with patch.object(Relay, "_send", at_once):
        yield


@_mistake("all told", "told in order", among=("go_on", "file", "answer", "trouble_broker"))
def refused_is_sent() -> Iterator[None]:
    """The producer is asked, and nobody looks at the broker's answer."""
    publish = Outlet.publish

    async def deaf(self: Outlet, *record: Any) -> None:
        try:
            await publish(self, *record)
        except ConnectionError:
            return

    with patch.object(Outlet, "publish", deaf):
        yield


@_mistake("nothing lost", "done in order, once", "journal whole", "told in order", "repeats counted")
def no_version_filter() -> Iterator[None]:
    """Whoever writes last wins: what the other wrote meanwhile is gone."""
    update = StoreCollection.update

    async def careless(self: StoreCollection, filter_: Filter, *args: Any, **options: Any) -> bool:
        return await update(self, {k: v for k, v in filter_.items() if k != "v"}, *args, **options)

    with patch.object(StoreCollection, "update", careless):
        yield


@_mistake("all done", "done in order, once", "nothing forgotten", among=READERS_DIE)
def commit_before_effect() -> Iterator[None]:
    """The batch is committed, and handled then: who dies between has swallowed it."""
    settle = Lane._settle

    async def hasty(self: Lane, batch: Batch) -> None:
        await self._commit([batch])
        await settle(self, batch)

    with patch.object(Lane, "_settle", hasty):
        yield


@_mistake("done in order, once", among=("go_on", "time_passes", "answer", "trouble_store"))
def batches_overtake() -> Iterator[None]:
    """A key's records in one batch do not wait for those in the batch before."""
    put = Turns.put

    def beside(self: Turns[Any], key: Any, work: Work) -> None:
        put(self, (key, object()), work)

    with patch.object(Turns, "put", beside):
        yield


@_mistake("all done", "done in order, once", "nothing forgotten")
def commit_without_store() -> Iterator[None]:
    """The store is away, and the record counts as handled all the same."""
    tried = Handling.tried

    async def careless(self: Handling, record: Any) -> None:
        await tried(self, record)

    with patch.object(Handling, "tried", careless):
        yield


@_mistake("done in order, once")
def effect_without_cause() -> Iterator[None]:
    """The event is not remembered with its effect: what is delivered twice is done twice."""
    with patch("shared.store.repository.has_heard", lambda *_: False):
        yield


@_mistake("done in order, once", among=KEYS_ARE_PARKED)
def followers_pass() -> Iterator[None]:
    """A record that cannot be handled is parked alone, and what comes after it goes on."""

    async def never(self: Handling, record: Any) -> bool:
        return False

    with patch.object(Handling, "_stands", never):
        yield


@_mistake("done in order, once", "nothing forgotten", among=KEYS_ARE_PARKED)
def released_backwards() -> Iterator[None]:
    """A released key is taken up from its end."""
    records = Parked.records

    async def backwards(self: Parked, topic: str, lock: str, limit: int = 50) -> Any:
        return (await records(self, topic, lock, limit))[::-1]

    with patch.object(Parked, "records", backwards):
        yield


@_mistake("woken once")
def woken_without_looking() -> Iterator[None]:
    """What was due when the timers looked is woken, whatever has become of it since."""

    async def blind(self: Repository[Any], id_: str, now: Any) -> None:
        due = (await self.get(id_)).wake_at

        def ring(aggregate: Any) -> None:
            aggregate.wake_at = due
            aggregate.wake(now)

        await self.change(id_, ring)

    with patch.object(Repository, "wake", blind):
        yield


@_mistake("journal whole")
def trimmed_before_archived() -> Iterator[None]:
    """Old entries leave the journal before the archive has them."""
    insert = StoreCollection.insert

    async def lossy(self: StoreCollection, document: Document) -> None:
        if not self.name.endswith("_journal"):
            await insert(self, document)

    with patch.object(StoreCollection, "insert", lossy):
        yield


@_mistake("the last word counts", "repeats counted", among=LETTERS_GO_OUT)
def lease_without_fencing() -> Iterator[None]:
    """Whoever had the letter in hand decides how it ended, also long after it was taken from him."""
    end = Message._end

    def unfenced(self: Message, fence: str, *, unknown: bool) -> bool:
        return end(self, str(self.fence), unknown=unknown)

    with patch.object(Message, "_end", unfenced):
        yield


@_mistake("written once", "woken once", among=WRITES_ARE_REPEATED)
def writes_sent_again() -> Iterator[None]:
    """The driver sends a write again whose answer was lost; its writer hears of the second, and takes the first for
    somebody else's."""
    write = StoreCollection._write

    async def stubborn(self: StoreCollection, what: str, doing: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await write(self, what, doing)
        except Unavailable:
            return await write(self, f"{what} again", doing)

    with patch.object(StoreCollection, "_write", stubborn):
        yield


MISTAKES: Mapping[str, Mistake] = {
    name.replace("_", " "): made for name, made in list(globals().items()) if isinstance(made, Mistake)
}
