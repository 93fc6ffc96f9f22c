"""What East, West and the police do in the simulation, each on the real kernel.

East files, answers and is reminded of petitions. West hears of them: it keeps a copy of each with a journal of its own,
adds the police's advice, and sends one letter for each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from services.notifications.messages.domain import Facts, Fenced, Message, NotDue
from shared.contracts.registry import EventModel
from shared.errors import NotFound
from shared.messaging.envelope import Event
from shared.messaging.handling import Handler
from shared.messaging.notes import Notes
from shared.messaging.parked import Parked
from shared.messaging.relay import Relay
from shared.store.collection import Unavailable
from shared.store.lease import Lease, Watch
from shared.store.repository import AlreadyThere, Contention, Repository
from shared.timers import Timers
from tests.petitions import Petition, PetitionAnswered, PetitionFiled
from tests.simulation.bus import EAST, POLICE, Outlet, SimulatedLane
from tests.simulation.loop import Process, ShiftedClock
from tests.simulation.store import Store

if TYPE_CHECKING:
    from tests.simulation.world import World


HAND_OVER = "hand over"


class Advised(EventModel):
    """The police has advice on a petition: an event that carries no sequence, as those of all departments."""

    type = "tongban.police.petition-advised.v1"
    topic = POLICE

    petition: str
    text: str


class Case(Petition):
    """A petition that remembers when it was woken, and what the police said."""

    rung: list[datetime] = Field(default_factory=list)
    advice: list[str] = Field(default_factory=list)

    def wake(self, now: datetime) -> None:  # noqa: ARG002 - it rings for the time that was asked for
        if self.wake_at is not None:
            self.rung.append(self.wake_at)
        self.wake_at = None


class Office:
    """One process of a service: repositories, relay, timers; West's have a lane too."""

    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name, self.service = world, name, name[:-1]
        self.process = Process(name, world.loop, world.waiting)
        self.clock = ShiftedClock(world.clock)
        store = Store(world.disks[self.service], self.process)
        self.petitions = Repository(store, "petitions", Case, self._written)
        self.messages = Repository(store, "messages", Message, self._written)
        lease = Lease(store.collection("leases"), "relay", name)
        outlet = Outlet(self.process, world.bus, world.network)
        notes = Notes(store)
        source = f"/dalian/{self.service}"
        self.relay = Relay([self.petitions, self.messages], outlet, lease, self.clock, source, notes=notes)
        self.timers, self.watch = Timers(self.clock), Watch()
        self.timers.watch(self.petitions)
        self.timers.watch(self.messages, self.deliver)
        self.parked = Parked(store.collection("parked"), self.clock)
        handlers: dict[type[EventModel], Handler] = {
            PetitionFiled: self.hear_filed,
            PetitionAnswered: self.hear_answered,
            Advised: self.hear_advised,
        }
        topics = (EAST, POLICE)
        self.lane = SimulatedLane(self.process, world.bus, "west.main", lambda: topics, handlers, self.parked)

    def begin(self) -> None:
        """Run what a service runs."""
        self.process.spawn(self.relay.run)
        self.process.spawn(self.timers.run)
        if self.service == "west":
            self.process.spawn(self.lane.consumer.run)
            self.process.spawn(self._release)

    def _written(self, aggregate: Any) -> None:
        collection = "petitions" if isinstance(aggregate, Petition) else "messages"
        self.relay.nudge(collection)
        if aggregate.wake_at is not None and aggregate.wake_at <= self.clock.now():
            self.timers.nudge(collection, aggregate.id)

    # -- East's visitors ---------------------------------------------------------------------------------

    async def file(self, id_: str) -> None:
        """Somebody files a petition; what was acknowledged must never be lost."""
        try:
            await self.petitions.add(Case.file(id_, self.clock.now(), office="east"))
        except (AlreadyThere, Unavailable):
            return
        self.world.promises.filed(id_)

    async def answer(self, id_: str, text: str) -> None:
        """Somebody answers it."""
        try:
            await self.petitions.change(id_, lambda petition: petition.answer(text, self.clock.now()))
        except (NotFound, Contention, Unavailable):
            return
        self.world.promises.answered(id_, text)

    async def remind(self, id_: str, when: datetime) -> None:
        """Somebody wants to be reminded of it."""
        try:
            await self.petitions.change(id_, lambda petition: petition.remind_at(when))
        except (NotFound, Contention, Unavailable):
            return

    # -- what West hears ---------------------------------------------------------------------------------

    async def _heard(self, event: Event[Any], apply: Callable[[], Awaitable[object]]) -> None:
        """A poisoned event fails before its effect, or after it."""
        self.world.note(f"{self.name} hears {event.id}")
        poison = self.world.poisoned.get(event.id)
        if poison == "before":
            raise ValueError("this event cannot be understood")
        await apply()
        if self.world.poisoned.get(event.id) == "after":
            raise ValueError("this event cannot be understood to its end")

    async def hear_filed(self, event: Event[PetitionFiled]) -> None:
        """Keep a copy, and queue a letter."""
        await self._heard(event, lambda: self._copy(event))

    async def _copy(self, event: Event[PetitionFiled]) -> None:
        now, id_ = self.clock.now(), event.data.petition
        letter = Message(
            id=f"letter-{id_}",
            case=id_,
            template="case-accepted",
            person="person-li-na",
            facts=Facts(number="1", item="petition"),
            queued_at=now,
            since=now,
            wake_at=now,
        )
        with suppress(AlreadyThere):
            await self.petitions.add(Case.file(id_, now, office="west"), cause=event)
        with suppress(AlreadyThere):
            await self.messages.add(letter, cause=event)

    async def hear_answered(self, event: Event[PetitionAnswered]) -> None:
        """Note the answer in the copy."""

        def answer(petition: Case) -> None:
            petition.answer(event.data.text, self.clock.now())

        await self._heard(event, lambda: self.petitions.change(event.data.petition, answer, cause=event))

    async def hear_advised(self, event: Event[Advised]) -> None:
        """Note the advice in the copy."""

        def advise(petition: Case) -> None:
            petition.advice.append(event.data.text)

        await self._heard(event, lambda: self.petitions.change(event.data.petition, advise, cause=event))

    # -- West's letters ----------------------------------------------------------------------------------

    async def deliver(self, id_: str) -> bool:
        """As notifications does it: claim with a fence what was seen, hand over, note the outcome."""
        fence, pace = self.world.next_name("attempt"), self.world.pace
        seen = await self.messages.get(id_)
        if seen.holder is not None and self.watch.unchanged(id_, seen.fence) < pace.lease.total_seconds() / 2:
            return False  # whoever holds it may be alive
        try:
            await self.messages.change(id_, lambda m: self._claim(m, seen.fence, fence))
            await self.process.gate(f"{HAND_OVER} {id_}")
            refused = self.world.postman_refuses
            self.world.promises.handed_over(id_, fence, taken=not refused)
            await self.process.gate(f"{HAND_OVER} {id_} is done")
            await self.messages.change(id_, lambda m: self._end(m, fence, refused=refused))
        except (NotDue, Fenced):
            return True
        return True

    def _claim(self, message: Message, seen: str | None, fence: str) -> None:
        if message.fence not in (seen, fence):
            raise NotDue("Another attempt has begun")
        message.claim(self.name, fence, self.clock.now(), self.world.pace)

    def _end(self, message: Message, fence: str, *, refused: bool) -> None:
        if refused:
            message.refuse(fence, "message-refused", self.clock.now())
        else:
            message.handed_over(fence, self.clock.now())

    async def _release(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            with suppress(Unavailable):
                await self.lane.release_due()
