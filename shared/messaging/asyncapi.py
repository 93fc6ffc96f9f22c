"""AsyncAPI 3.0 of a service, from its manifest: what it publishes and reads, with the CloudEvents headers."""

import json
from collections.abc import Sequence
from typing import Any

from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from shared.contracts.registry import EventModel

HEADERS: dict[str, Any] = {
    "type": "object",
    "description": "CloudEvents 1.0, Kafka binary mode; the record's key equals ce_subject",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "content-type"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "description": "stable over every resend: <aggregate id>:<sequence>"},
        "ce_source": {"type": "string", "description": "/<city>/<member>"},
        "ce_type": {"type": "string"},
        "ce_subject": {"type": "string", "description": "the aggregate's id"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_sequence": {"type": "string", "pattern": "^[1-9][0-9]*$", "description": "absent on <department>.out"},
        "traceparent": {"type": "string"},
        "content-type": {"const": "application/json"},
    },
}


async def _unused(_: Any) -> None:
    """FastStream describes a subscriber by its handler; nothing is ever consumed here."""


def document(
    service: str, version: str, publishes: Sequence[type[EventModel]], reads: Sequence[type[EventModel]]
) -> dict[str, Any]:
    """The document as JSON values. A topic template such as `intake.to.{department}` is the channel's address."""
    broker = KafkaBroker("kafka:9092")
    for model in publishes:
        broker.publisher(_plain(model.topic), title=model.type, schema=model, description=model.__doc__)
    found: dict[str, Any] = json.loads(
        AsyncAPI(broker, title=service, version=version, schema_version="3.0.0").to_specification().to_json()
    )
    _describe_headers(found)
    _add_reads(found, reads)
    for channel in found["channels"].values():
        channel["address"] = next(
            (m.topic for m in (*publishes, *reads) if _plain(m.topic) == channel["address"]), channel["address"]
        )
    return found


def _plain(topic: str) -> str:
    """FastStream takes no braces in a topic's name."""
    return topic.replace("{", "").replace("}", "")


def _describe_headers(found: dict[str, Any]) -> None:
    for message in found["components"]["messages"].values():
        message["headers"] = HEADERS


def _add_reads(found: dict[str, Any], reads: Sequence[type[EventModel]]) -> None:
    """What is read is its owner's to describe: a reference by type and topic."""
    for model in reads:
        name = f"{model.type}:read"
        found["channels"][name] = {
            "address": _plain(model.topic),
            "messages": {
                "event": {"title": model.type, "summary": (model.__doc__ or "").splitlines()[0], "headers": HEADERS}
            },
            "bindings": {"kafka": {"topic": model.topic, "bindingVersion": "0.4.0"}},
        }
        found["operations"][name] = {"action": "receive", "channel": {"$ref": f"#/channels/{name}"}}
