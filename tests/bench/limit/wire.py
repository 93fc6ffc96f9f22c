"""What the processes of the limit pipeline stand on: addresses, envelopes, documents with their journal."""

import base64
import hashlib
import json
import os
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.write_concern import WriteConcern

PREFIX = "limit."
DEPARTMENTS = ("police", "hrss", "housing", "market", "court", "procuratorate")
TOPICS = (
    *("intake.events", "intake.to.police", "notifications.events"),
    *("sharing.events", "sharing.to.intake", "sharing.to.hrss", "sharing.to.housing"),
    *(f"{department}.out" for department in DEPARTMENTS),
)
PERSONAL_DAYS = timedelta(days=7)
Document = dict[str, Any]


def kafka() -> dict[str, Any]:
    """Options of an aiokafka client."""
    return {
        "bootstrap_servers": os.environ["TONGBAN_KAFKA_BOOTSTRAP"],
        "security_protocol": os.environ["TONGBAN_KAFKA_SECURITY_PROTOCOL"],
        "sasl_mechanism": os.environ["TONGBAN_KAFKA_SASL_MECHANISM"],
        "sasl_plain_username": os.environ["TONGBAN_KAFKA_USERNAME"],
        "sasl_plain_password": os.environ["TONGBAN_KAFKA_PASSWORD"],
    }


def database(service: str) -> Any:
    """The service's database; each write is acknowledged by the majority and in the journal."""
    client: Any = AsyncIOMotorClient(os.environ["TONGBAN_MONGO_URI"])
    return client.get_database(
        f"limit_{service}",
        codec_options=CodecOptions(tz_aware=True, tzinfo=UTC),
        write_concern=WriteConcern(w="majority", j=True),
    )


def derived(prefix: str, *parts: str) -> str:
    """An id that is the same for the same parts."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return f"{prefix}-{base64.b32encode(digest).decode()[:26].lower()}"


def trace() -> str:
    """A new traceparent."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def stamp(at: datetime) -> str:
    """A time as it stands in JSON."""
    return at.isoformat().replace("+00:00", "Z")


def entry(
    type_: str, topic: str, data: Document, at: datetime, traceparent: str, *, personal: bool = False
) -> Document:
    """A journal entry."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    found = {"type": type_, "topic": topic, "time": at, "trace": traceparent, "data": body}
    found["sha256"] = hashlib.sha256(body.encode()).hexdigest()
    return found | {"personal": True} if personal else found


def born(id_: str, state: Document, entries: list[Document], heard: Document) -> Document:
    """A new document with its journal."""
    document = {"_id": id_, "v": 1, "seq": len(entries), "sent": 0, "pending": len(entries), **state}
    document |= {"journal": {str(n): one for n, one in enumerate(entries, 1)}, "heard": heard, "seen": []}
    personal = [one["time"] + PERSONAL_DAYS for one in entries if "personal" in one]
    return document | {"forget_at": personal[0]} if personal else document


def changed(document: Document, state: Document, entries: list[Document], heard: Document, seen: list[str]) -> Document:
    """The update that gives a document new state and entries, and remembers what they are the effect of."""
    seq = document["seq"]
    update: Document = {"$inc": {"v": 1, "pending": len(entries)}}
    update["$set"] = {
        **state,
        "seq": seq + len(entries),
        **{f"journal.{seq + n}": one for n, one in enumerate(entries, 1)},
        **{f"heard.{source}": sequence for source, sequence in heard.items()},
    }
    if seen:
        update["$push"] = {"seen": {"$each": seen, "$slice": -100}}
    if "wake_at" in state and state["wake_at"] is None:
        del update["$set"]["wake_at"]
        update["$unset"] = {"wake_at": ""}
    personal = [one["time"] + PERSONAL_DAYS for one in entries if "personal" in one]
    if personal:
        update["$min"] = {"forget_at": personal[0]}
    return update


def source_of(topic: str, subject: str) -> str:
    """The key under which a document remembers how far it has heard a source."""
    return f"{topic}/{subject}".replace("%", "%25").replace(".", "%2E")


def headers(service: str, id_: str, sequence: int, one: Document) -> list[tuple[str, bytes]]:
    """A CloudEvent's headers."""
    at = one["time"].astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", f"{id_}:{sequence}".encode()),
        ("ce_source", f"/dalian/{service}".encode()),
        ("ce_type", one["type"].encode()),
        ("ce_subject", id_.encode()),
        ("ce_time", at.encode()),
        ("ce_sequence", str(sequence).encode()),
        ("traceparent", one["trace"].encode()),
        ("content-type", b"application/json"),
    ]
