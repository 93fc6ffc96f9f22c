"""AsyncAPI 3.0 of a service, from its manifest: what it publishes and reads, with the CloudEvents headers."""

import json
import re
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
    made = AsyncAPI(broker, title=service, version=version, schema_version="3.0.0").to_specification().to_json()
    found: dict[str, Any] = json.loads(made.replace(":Message", ".message"))  # AsyncAPI 3 allows no colon in a name
    found["servers"] = {"city": {"host": "kafka:9092", "protocol": "kafka-secure", "description": "SASL/SCRAM-SHA-512"}}
    found["components"]["messageTraits"] = {"cloudevent": {"headers": HEADERS}}
    for message in found["components"]["messages"].values():
        message.pop("correlationId", None)
        message["traits"] = [{"$ref": "#/components/messageTraits/cloudevent"}]
    for model in publishes:
        _describe_channel(found["channels"][model.type], model)
    for model in reads:
        _add_read(found, model)
    return found


def _describe_channel(channel: dict[str, Any], model: type[EventModel]) -> None:
    channel["address"] = model.topic
    channel.pop("servers", None)
    channel["bindings"] = {"kafka": {"topic": model.topic, "bindingVersion": "0.5.0"}}
    if names := re.findall(r"\{(\w+)\}", model.topic):
        channel["parameters"] = {name: {"description": "a member's code"} for name in names}


def _add_read(found: dict[str, Any], model: type[EventModel]) -> None:
    """What is read is its owner's to describe: the type and the topic are enough here."""
    name = f"{model.type}.read"
    summary = (model.__doc__ or "").splitlines()[0]
    traits = [{"$ref": "#/components/messageTraits/cloudevent"}]
    found["channels"][name] = {"messages": {"event": {"title": model.type, "summary": summary, "traits": traits}}}
    _describe_channel(found["channels"][name], model)
    found["operations"][name] = {"action": "receive", "channel": {"$ref": f"#/channels/{name}"}}


def _plain(topic: str) -> str:
    """FastStream takes no braces in a topic's name."""
    return topic.replace("{", "").replace("}", "")
