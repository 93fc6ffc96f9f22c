"""What is left when all is quiet: gathered from the store, the topics, the mailbox and the driver's log, cut small.

Nothing here imports the product. Payloads are kept as digests, and as data only where the checker reads them.
"""

import email
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from pymongo import MongoClient

READ_TYPES = (
    "material-wished", "material-received", "case-decided", "question-answered", "statement-rejected", "message-sent",
)  # fmt: skip
"""Events whose data the checker looks at, by the noun and verb of their type."""
FIELDS = ("state", "number", "wish", "case", "template", "repeats", "owner", "ground", "about", "statement", "sha256")
"""Fields of a document that the checker looks at."""
DATABASES = "tongban_"
Offsets = Mapping[tuple[str, int], int]
"""An offset for each topic and partition."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The driver was told that this application is this case."""

    key: str
    case: str
    at: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal entry; no digest: its data is forgotten by law, and it is on no topic any more. `sealed`: what its data
    is only its writer can tell, and it has to be on its topic like others."""

    type: str
    topic: str
    sha256: str | None
    data: dict[str, Any] | None = None
    sealed: bool = False

    @property
    def kind(self) -> str:
        return kind_of(self.type)


@dataclass(frozen=True, slots=True)
class Document:
    """An aggregate as it lies in the store. `service` is whose database that is."""

    service: str
    collection: str
    id: str
    seq: int
    sent: int
    pending: int
    journal: dict[int, Entry]
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it lies on its topic; `at` is when it arrived, in seconds since 1970."""

    topic: str
    partition: int
    offset: int
    at: float
    key: str
    id: str
    type: str
    sequence: int | None
    sha256: str
    data: dict[str, Any] | None = None

    @property
    def kind(self) -> str:
        return kind_of(self.type)

    @property
    def writer(self) -> str:
        return self.topic.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Parked:
    """A record that a service could not handle."""

    service: str
    id: str
    key: str
    reason: str


@dataclass(slots=True)
class Evidence:
    """All of it. `planted`: ids of statements and keys of records that a fault itself put on a topic."""

    acknowledged: list[Acknowledgement] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    compacted: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    """The Message-ID of every mail file, once for each file."""
    files: list[str] = field(default_factory=list)
    """Objects in the file store, and drafts that nobody finished, by their path."""
    planted: list[str] = field(default_factory=list)

    def dump(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Evidence":
        """What `dump` wrote."""
        found = json.loads(path.read_text(encoding="utf-8"))
        found["acknowledged"] = [Acknowledgement(**one) for one in found["acknowledged"]]
        found["parked"] = [Parked(**one) for one in found["parked"]]
        found["records"] = [Record(**one) for one in found["records"]]
        found["documents"] = [
            Document(**one | {"journal": {int(n): Entry(**entry) for n, entry in one["journal"].items()}})
            for one in found["documents"]
        ]
        return cls(**found)


def kind_of(type_: str) -> str:
    """`tongban.intake.case-decided.v1` → `case-decided`."""
    return type_.split(".")[-2] if type_.count(".") > 1 else type_


def gather(driver_log: Path, store: str, client: Mapping[str, Any], mails: Path, files: Path) -> Evidence:
    """Everything as it is now. `client`: settings of a confluent-kafka client that may read all topics."""
    found = Evidence()
    _read_driver(driver_log, found)
    with MongoClient[dict[str, Any]](store, tz_aware=True) as documents:
        _read_store(documents, found)
        found.records, found.compacted = list(read_topics(client)), compacted_topics(client)
        later = Evidence()
        _read_store(documents, later)
    found.documents = caught_up(found.documents, later.documents, found.records)
    found.mails = [_message_id(path) for path in sorted(mails.glob("*/*.eml"))]
    drafts = [path for path in mails.rglob("*") if path.is_file() and path.suffix != ".eml"]
    objects = [path for path in files.rglob("*") if path.is_file()]
    found.files = [str(path.relative_to(mails.parent)) for path in (*drafts, *objects)]
    return found


def _read_driver(log: Path, found: Evidence) -> None:
    tried: dict[str, None] = {}
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            said = json.loads(line)
            if said["kind"] == "try":
                tried[said["key"]] = None
            elif said["kind"] == "acknowledged":
                found.acknowledged.append(Acknowledgement(said["key"], said["case"], said["at"]))
                tried.pop(said["key"], None)
            elif said["kind"] == "refused":
                found.refused.append(f"{said['status']} {said['body']}")
                tried.pop(said["key"], None)
    found.unanswered = list(tried)


# -- the store -----------------------------------------------------------------------------------------------


def caught_up(first: list[Document], later: list[Document], records: list[Record]) -> list[Document]:
    """The documents of `first`, with the journal entries of `later` that `records` carry, and nothing else of it.

    A city never stands quite still: a canary sings each minute, also while topics are read. Its record is no orphan.
    """
    carried = {(record.writer, record.id) for record in records}
    known = {(one.service, one.collection, one.id): one for one in first}
    for one in later:
        there = {n: entry for n, entry in one.journal.items() if (one.service, f"{one.id}:{n}") in carried}
        key = one.service, one.collection, one.id
        if (before := known.get(key)) is not None:
            known[key] = replace(before, journal=there | before.journal)
        elif there:
            n = max(there)
            known[key] = replace(
                one, seq=n, sent=n, pending=0, journal={m: e for m, e in one.journal.items() if m <= n}
            )
    return list(known.values())


def _read_store(documents: MongoClient[dict[str, Any]], found: Evidence) -> None:
    for database in documents.list_database_names():
        if database.startswith(DATABASES):
            _read_database(documents[database], database.removeprefix(DATABASES), found)


def _read_database(database: Any, service: str, found: Evidence) -> None:
    names = database.list_collection_names()
    for one in database["parked"].find({"dropped": False}, {"value": 0}) if "parked" in names else ():
        found.parked.append(Parked(service, one["_id"], one["lock"], f"{one['reason']}: {one['error']}"[:200]))
    for name in names:
        if name.endswith("_journal"):
            continue
        trimmed = _trimmed(database[f"{name}_journal"]) if f"{name}_journal" in names else {}
        for one in database[name].find({"journal": {"$exists": True}}):
            journal = trimmed.get(one["_id"], {}) | {int(n): _entry(entry) for n, entry in one["journal"].items()}
            fields = {field: one[field] for field in FIELDS if field in one}
            counts = int(one["seq"]), int(one["sent"]), int(one["pending"])
            found.documents.append(Document(service, name, str(one["_id"]), *counts, journal, fields))


def _trimmed(collection: Any) -> dict[str, dict[int, Entry]]:
    found: dict[str, dict[int, Entry]] = {}
    for one in collection.find():
        found.setdefault(one["aggregate"], {})[int(one["sequence"])] = _entry(one)
    return found


def _entry(entry: Mapping[str, Any]) -> Entry:
    text = entry["data"]
    if text is None or isinstance(text, bytes):
        return Entry(entry["type"], entry["topic"], None, sealed=text is not None)
    return Entry(entry["type"], entry["topic"], _sha256(text.encode()), _data(entry["type"], text))


def _data(type_: str, text: str | bytes) -> dict[str, Any] | None:
    if kind_of(type_) not in READ_TYPES:
        return None
    try:
        data: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    data.pop("data", None)  # what an owner answered is no business of ours
    return data


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


# -- topics and mailbox --------------------------------------------------------------------------------------


def ends_of_topics(client: Mapping[str, Any]) -> Offsets:
    """Where each partition ends now."""
    with _consumer(client) as consumer:
        return {at: consumer.get_watermark_offsets(TopicPartition(*at), 20)[1] for at in _partitions(consumer)}


@contextmanager
def _consumer(client: Mapping[str, Any]) -> Iterator[Consumer]:
    consumer = Consumer(dict(client) | {"group.id": "admin.look", "enable.auto.commit": False})
    try:
        yield consumer
    finally:
        consumer.close()


def _partitions(consumer: Consumer) -> list[tuple[str, int]]:
    topics = consumer.list_topics(timeout=20).topics
    return [(name, n) for name in sorted(topics) if not name.startswith("__") for n in topics[name].partitions]


def read_topics(client: Mapping[str, Any], since: Offsets | None = None) -> Iterator[Record]:
    """Every record that is on the topics now, each partition in order; `since`: from these offsets on only."""
    with _consumer(client) as consumer:
        ends: dict[tuple[str, int], int] = {}
        places = []
        for at in _partitions(consumer) if since is None else since:
            start, end = consumer.get_watermark_offsets(TopicPartition(*at), 20)
            if (start := max(start, since[at] if since is not None else 0)) < end:
                ends[at] = end
                places.append(TopicPartition(*at, start))
        yield from _read(consumer, places, ends)


def _read(consumer: Consumer, places: list[TopicPartition], ends: dict[tuple[str, int], int]) -> Iterator[Record]:
    consumer.assign(places)
    while ends:
        for message in consumer.consume(2000, 0.1):
            assert message.error() is None, message.error()
            yield _record(message)
        for place in consumer.position([TopicPartition(*at) for at in ends]):
            if place.offset >= ends[place.topic, place.partition]:  # also where compaction left nothing at the end
                del ends[place.topic, place.partition]


def _record(message: Message) -> Record:
    told = {name: (raw or b"").decode("utf-8", "replace") for name, raw in message.headers() or []}
    value, (_, at) = message.value() or b"", message.timestamp()
    sequence = told.get("ce_sequence", "")
    return Record(
        topic=str(message.topic()),
        partition=int(message.partition() or 0),
        offset=int(message.offset() or 0),
        at=at / 1000,
        key=(message.key() or b"").decode("utf-8", "replace"),
        id=told.get("ce_id", ""),
        type=told.get("ce_type", ""),
        sequence=int(sequence) if sequence.isdecimal() else None,
        sha256=_sha256(value),
        data=_data(told.get("ce_type", ""), value),
    )


def compacted_topics(client: Mapping[str, Any]) -> list[str]:
    """The topics of which only the last value of each key is kept."""
    admin = AdminClient(dict(client))
    names = [name for name in admin.list_topics(timeout=20).topics if not name.startswith("__")]
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names], request_timeout=20)
    policies = {one.name: settings.result(20)["cleanup.policy"].value for one, settings in asked.items()}
    return sorted(name for name, policy in policies.items() if "compact" in policy.split(","))


def _message_id(path: Path) -> str:
    with path.open("rb") as file:
        return str(email.message_from_binary_file(file)["Message-ID"] or "").strip()
