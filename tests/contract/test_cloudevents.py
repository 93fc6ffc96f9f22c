"""Our bytes are CloudEvents: the official SDK reads what we write, and we read what it writes."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, from_structured, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from shared.contracts.department import QuestionAnswered
from shared.contracts.registry import EventModel, registered
from shared.messaging.envelope import Event, Record, Unreadable, read, read_head
from shared.messaging.relay import Relay
from shared.store.lease import Lease
from shared.store.memory import MemoryDatabase
from shared.store.repository import Repository
from shared.testing.clock import FakeClock
from tests.petitions import Petition, PetitionAnswered
from tests.unit.shared.messaging.conftest import FakeBroker

SAMPLES = Path(__file__).parents[2] / "shared" / "contracts" / "samples"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def _published() -> KafkaMessage:
    """What the relay hands to Kafka for one answered petition."""
    database, clock, broker = MemoryDatabase(), FakeClock(), FakeBroker()
    petitions = Repository(database, "petitions", Petition)
    petition = Petition.file("petition-1", clock.now())
    petition.answer("办结", clock.now())
    await petitions.add(petition)
    lease = Lease(database.collection("leases"), "relay", "one")
    await Relay([petitions], broker, lease, clock, "/dalian/petitions").sweep()
    _, key, headers, value = broker.taken[1]
    return KafkaMessage({name: text.encode() for name, text in headers.items()}, key, value)


async def test_the_official_sdk_reads_what_we_write() -> None:
    event = from_binary(await _published(), JSONFormat())
    assert isinstance(event, CloudEvent)
    assert (event.get_id(), event.get_source()) == ("petition-1:2", "/dalian/petitions")
    assert (event.get_type(), event.get_subject()) == (PetitionAnswered.type, "petition-1")
    assert event.get_time() == FakeClock().now()
    assert event.get_extension("sequence") == "2"
    assert event.get_datacontenttype() == "application/json"
    assert event.get_data() == {"petition": "petition-1", "text": "办结"}


def _record(message: KafkaMessage, topic: str) -> Record:
    key = message.key.encode() if isinstance(message.key, str) else message.key
    return Record(topic, 0, 0, key, list(message.headers.items()), message.value)


def _answer(**attributes: object) -> CloudEvent:
    """An answer as a department writes it with the SDK."""
    return CloudEvent(
        attributes={
            "specversion": "1.0",
            "id": "8f14e45f",
            "source": "/dalian/hrss",
            "type": QuestionAnswered.type,
            "subject": "exchange-1",
            "time": datetime(2026, 3, 2, 9, tzinfo=UTC),
        }
        | attributes,
        data={"exchange": "exchange-1", "found": True, "data": {"status": "参保", "months_paid": 20}},
    )


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"datacontenttype": "application/json"},
        {"datacontenttype": "application/json; charset=utf-8"},
        {"partitionkey": "exchange-1", "dataschema": "https://tongban.example/answer", "sequence": "0001"},
    ],
    ids=["bare", "with its content type", "with a charset", "with extensions"],
)
def test_we_read_what_the_official_sdk_writes(attributes: dict[str, object]) -> None:
    message = to_binary(_answer(**attributes), JSONFormat(), key_mapper=lambda event: event.get_subject())
    record = _record(message, "hrss.out")
    event: Event[QuestionAnswered] = read(record, read_head(record), QuestionAnswered)
    assert (event.id, event.member, event.subject, event.sequence) == ("8f14e45f", "hrss", "exchange-1", None)
    assert event.time == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert event.data == QuestionAnswered(exchange="exchange-1", found=True, data={"status": "参保", "months_paid": 20})


def test_the_sdks_trace_extension_is_read() -> None:
    message = to_binary(_answer(traceparent=TRACE), JSONFormat(), key_mapper=lambda event: event.get_subject())
    assert read_head(_record(message, "hrss.out")).trace == TRACE


def test_structured_mode_is_refused_and_says_so() -> None:
    message = to_structured(_answer(), JSONFormat(), key_mapper=lambda event: event.get_subject())
    assert from_structured(message, JSONFormat()).get_id() == "8f14e45f"
    with pytest.raises(Unreadable) as refused:
        read_head(_record(message, "hrss.out"))
    assert refused.value.code == "no-envelope"


@pytest.mark.parametrize(("type_", "model"), sorted(registered().items()), ids=sorted(registered()))
def test_every_event_of_the_network_travels_through_the_sdk_unchanged(type_: str, model: type[EventModel]) -> None:
    sample = json.loads((SAMPLES / f"{type_}.json").read_text())
    attributes = {"specversion": "1.0", "id": "x:1", "source": "/dalian/x", "type": type_, "subject": "x"}
    event = CloudEvent(attributes | {"sequence": "1"}, data=sample)
    message = to_binary(event, JSONFormat(), key_mapper=lambda event: event.get_subject())
    record = _record(message, re.sub(r"\{\w+\}", "hrss", model.topic))
    assert read(record, read_head(record), model).data == model.model_validate_json(json.dumps(sample))
