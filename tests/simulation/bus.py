"""The broker: a log for each partition, one group that reads them, and what goes wrong at the next record or commit."""

import asyncio
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Literal

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, RequestTimedOutError

from shared.messaging.envelope import Record
from shared.messaging.lane import Lane
from tests.simulation.loop import Process

EAST, WEST, POLICE, LETTERS = "east.petitions", "west.petitions", "police.out", "notifications.events"
READ = (TopicPartition(EAST, 0), TopicPartition(EAST, 1), TopicPartition(POLICE, 0))
"""What the group of West reads."""
FETCH = 3
POLL_SECONDS = 0.2
Trouble = Literal["refused", "answer lost", "lands late"]


@dataclass
class Bus:
    """`generation` counts the rebalances of the group: who belongs to an older one commits nothing any more."""

    logs: dict[TopicPartition, list[Record]] = field(default_factory=lambda: defaultdict(list))
    committed: dict[TopicPartition, int] = field(default_factory=lambda: dict.fromkeys(READ, 0))
    owner: dict[TopicPartition, Process | None] = field(default_factory=lambda: dict.fromkeys(READ))
    generation: int = 0
    trouble: Trouble | None = None
    read: dict[TopicPartition, int] = field(default_factory=lambda: dict.fromkeys(READ, 0))
    """How far the present owners have handled."""

    def append(self, topic: str, key: str, headers: dict[str, str], value: bytes) -> None:
        partition = TopicPartition(topic, zlib.crc32(key.encode()) % 2 if topic == EAST else 0)
        pairs = [(name, text.encode()) for name, text in headers.items()]
        log = self.logs[partition]
        log.append(Record(topic, partition.partition, len(log), key.encode(), pairs, value))

    def ids(self, topic: str, key: str) -> list[str]:
        """The `ce_id`s that were written about a subject, each where it came first."""
        records = [r for at, log in self.logs.items() if at.topic == topic for r in log if r.key == key.encode()]
        return list(dict.fromkeys((dict(r.headers)["ce_id"] or b"").decode() for r in records))

    def unread(self) -> list[str]:
        """Partitions whose owner has not come to the end. Its last commit may have failed: the next one mends that."""
        ends = {at: len(self.logs[at]) for at in READ}
        return [f"read {at.topic}/{at.partition}" for at, end in ends.items() if self.read[at] < end]


@dataclass
class Outlet:
    """A process's producer. `late` carries a record that the process has given up, and that lands all the same."""

    process: Process
    bus: Bus
    late: Process

    async def publish(self, topic: str, key: str, headers: dict[str, str], value: bytes) -> None:
        event = f"{headers['ce_id']} on {topic}"
        await self.process.gate(f"publish {event}")
        trouble, self.bus.trouble = self.bus.trouble, None
        if trouble == "refused":
            raise ConnectionError("the broker is away")
        if trouble == "lands late":
            self.late.spawn(lambda: self._land(event, topic, key, headers, value))
            raise TimeoutError
        self.bus.append(topic, key, headers, value)
        await self.process.gate(f"publish {event} is done")
        if trouble == "answer lost":
            raise TimeoutError

    async def _land(self, event: str, topic: str, key: str, headers: dict[str, str], value: bytes) -> None:
        await self.late.gate(f"{event} of {self.process.name} lands late")
        self.bus.append(topic, key, headers, value)

    async def rebuild(self) -> None:
        await self.process.gate("build the producer anew")
        if self.bus.trouble == "refused":
            self.bus.trouble = None
            raise ConnectionError("the broker is away")


@dataclass
class Consumer:
    """A member of the group. What it believes it owns may be somebody else's already: its next poll will tell."""

    process: Process
    bus: Bus
    lane: "SimulatedLane"
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    generation: int = -1

    async def run(self) -> None:
        """Poll and handle, for ever."""
        while True:
            await self.process.gate("poll")
            self._told()
            if self.generation != self.bus.generation:
                await self._rejoin()
            if records := self._fetched():
                await self.lane._consume(Fetched(records, self))
            else:
                await asyncio.sleep(POLL_SECONDS)

    async def _rejoin(self) -> None:
        await self.lane.on_partitions_revoked(set(self.positions))
        self.positions = {}
        await self.process.gate("join the group")
        self.generation = self.bus.generation
        self.positions = {at: self.bus.committed[at] for at in READ if self.bus.owner[at] is self.process}
        await self.lane.on_partitions_assigned(set(self.positions))

    def _told(self) -> None:
        """All that was fetched is handled. (Who has nothing under way has handled what he fetched.)"""
        if self.generation == self.bus.generation and not self.lane._batches:
            self.bus.read |= self.positions

    # -- what the lane asks for --------------------------------------------------------------------------

    def assignment(self) -> set[TopicPartition]:
        return set(self.positions)

    async def commit(self, upto: dict[TopicPartition, int]) -> None:
        generation = self.generation
        await self.process.gate(f"commit {_told(upto)}")
        trouble, self.bus.trouble = self.bus.trouble, None
        if generation != self.bus.generation:
            raise CommitFailedError("the group has gone on without this member")
        if trouble == "refused":
            raise RequestTimedOutError
        self.bus.committed |= upto
        await self.process.gate("commit is done")
        if trouble in ("answer lost", "lands late"):
            raise RequestTimedOutError

    def _fetched(self) -> list[Record]:
        records: list[Record] = []
        for at, position in self.positions.items():
            fetched = self.bus.logs[at][position : position + FETCH]
            self.positions[at] += len(fetched)
            records += fetched
        return records


@dataclass
class Fetched:
    """What FastStream hands to the lane."""

    raw_message: list[Record]
    consumer: Consumer


def _told(positions: dict[TopicPartition, int]) -> str:
    return ", ".join(f"{at.topic}/{at.partition} up to {to}" for at, to in positions.items())


class SimulatedLane(Lane):
    """Its partitions are those that its consumer believes to own."""

    def __init__(self, process: Process, bus: Bus, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.consumer = Consumer(process, bus, self)

    def _owns(self, topic: str, partition: int) -> bool:
        return TopicPartition(topic, partition) in self.consumer.positions
