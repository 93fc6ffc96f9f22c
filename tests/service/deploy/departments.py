"""The sample departments' own programs, run over a bus in memory: their Kafka client is one of the test's."""

import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from deploy.setup import SAMPLES, make_legacy
from shared.messaging.envelope import Record
from shared.testing import MemoryBus


@dataclass(frozen=True)
class _Message:
    """What `poll` gives."""

    record: Record

    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        return self.record.headers

    def value(self) -> bytes | None:
        return self.record.value

    def error(self) -> None:
        return None


class _Consumer:
    """Reads what was on its topics when the program began; then there is no more, and the program ends."""

    waiting: Sequence[Record] = ()
    committed: int = 0

    def __init__(self, settings: dict[str, str]) -> None:
        assert settings["group.id"].endswith(".work")

    def subscribe(self, topics: Sequence[str]) -> None:
        self._left: Iterator[Record] = iter([one for one in self.waiting if one.topic in topics])

    def poll(self) -> _Message | None:
        record = next(self._left, None)
        return _Message(record) if record is not None else None

    def commit(self, message: _Message) -> None:
        assert message.record in self.waiting
        type(self).committed += 1


@dataclass
class _Producer:
    settings: dict[str, Any]
    said: list[tuple[str, str, str, dict[str, str]]] = field(default_factory=list)

    def produce(self, topic: str, value: str, key: str, headers: dict[str, str]) -> None:
        self.said.append((topic, value, key, headers))

    def flush(self) -> int:
        return 0


@dataclass
class Departments:
    """All sample departments over one bus."""

    bus: MemoryBus
    folder: Path
    patch: pytest.MonkeyPatch
    read: int = 0

    async def work(self, *codes: str) -> None:
        """Let each program do all that waits for it; what they say is on their topics afterwards."""
        news, self.read = self.bus.records[self.read :], len(self.bus.records)
        for code in codes:
            for topic, value, key, headers in self._run(code, news):
                await self.bus.publish(topic, key, headers, value.encode())

    def _run(self, code: str, news: Sequence[Record]) -> list[tuple[str, str, str, dict[str, str]]]:
        producers: list[_Producer] = []

        def producer(settings: dict[str, Any]) -> _Producer:
            producers.append(_Producer(settings))
            return producers[-1]

        class OfToday(_Consumer):
            waiting = news

        with self._client(OfToday, producer):
            self.patch.setenv("TONGBAN_LEGACY", str(self.folder / f"{code}.db"))
            runpy.run_path(str(SAMPLES / f"{code}.py"))
        assert OfToday.committed == sum(one.topic.endswith(f".to.{code}") for one in news)
        return [said for one in producers for said in one.said]

    @contextmanager
    def _client(self, consumer: type[_Consumer], producer: Callable[[dict[str, Any]], _Producer]) -> Iterator[None]:
        client = ModuleType("confluent_kafka")
        client.__dict__.update(Consumer=consumer, Producer=producer)
        for name in ("BOOTSTRAP", "SASL_MECHANISM", "SECURITY_PROTOCOL", "USERNAME", "PASSWORD"):
            self.patch.setenv(f"TONGBAN_KAFKA_{name}", "-")
        with self.patch.context() as inside:
            inside.setitem(sys.modules, "confluent_kafka", client)
            yield


def departments(bus: MemoryBus, folder: Path, patch: pytest.MonkeyPatch) -> Departments:
    """The departments with the data they have had for years."""
    make_legacy(folder)
    return Departments(bus, folder, patch)
