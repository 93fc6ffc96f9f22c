"""Records that wait on a topic, written by a client that is not ours, for the benches of the consumer."""

from collections.abc import Iterator
from datetime import UTC, datetime

from confluent_kafka import Producer

from shared.messaging.envelope import headers
from shared.telemetry import new
from tests.city.platform import Ground
from tests.petitions import PetitionAnswered

KEYS = 2_000
WINDOW = 500


def unique(count: int) -> Iterator[tuple[str, int]]:
    """Subject and sequence of `count` events: many subjects, each with some events in order."""
    for n in range(count):
        yield f"p{n % KEYS}", n // KEYS + 1


def repeated(count: int, copies: int) -> Iterator[tuple[str, int]]:
    """The same, as a relay sends them that dies `copies - 1` times before it marks a batch."""
    window: list[tuple[str, int]] = []
    for event in unique(count):
        window.append(event)
        if len(window) == WINDOW:
            yield from window * copies
            window.clear()
    yield from window * copies


def write(ground: Ground, producer: Producer, topic: str, subject: str, sequence: int, *, text: str) -> None:
    """Hand one event to the producer."""
    head = headers(
        id_=f"{subject}:{sequence}",
        source=f"/bench/{ground.service}",
        type_=PetitionAnswered.type,
        subject=subject,
        time=datetime.now(UTC),
        sequence=sequence,
        trace=new(),
    )
    value = PetitionAnswered(petition=subject, text=text).model_dump_json().encode()
    producer.produce(topic, value, key=subject.encode(), headers=list(head.items()))


def fill(ground: Ground, topic: str, events: Iterator[tuple[str, int]]) -> int:
    """Write the events; how many records."""
    producer: Producer = ground.producer(**{"linger.ms": 20, "queue.buffering.max.messages": 1_000_000})
    written = 0
    for subject, sequence in events:
        write(ground, producer, topic, subject, sequence, text="The noise is measured on Monday night. " * 4)
        producer.poll(0)
        written += 1
    producer.flush(60)
    return written
