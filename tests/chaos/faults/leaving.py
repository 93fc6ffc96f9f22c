"""K12: SIGTERM under load. Each service is out in time, and what it handled is committed."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from pymongo import MongoClient

from tests.chaos.city import SERVICES
from tests.chaos.evidence import Record, read_topics
from tests.chaos.scene import Fault, Scene

OUT_S = 5.0
READERS = ("intake", "sharing", "notifications")
"""Services with a lane; the group is `<service>.main`."""


def asked_to_leave(scene: Scene) -> None:
    """Each service once or more; while it is away, what it handled is compared with what it committed."""
    services = [service for service in SERVICES for _ in range(1 if scene.brief else 2)]
    scene.dice.shuffle(services)
    slowest, redelivered = 0.0, 0
    for service in services:
        scene.pause(0.2, 1.0)
        began = time.monotonic()
        with scene.city.stopped(service):
            slowest = max(slowest, time.monotonic() - began)
            if service in READERS:
                redelivered += sum(1 for _ in handled_and_not_committed(scene, service))
        scene.ready(service)
    scene.goal(f"out in ≤ {OUT_S:.0f} s: the slowest took {slowest:.1f} s", met=slowest <= OUT_S, timed=True)
    scene.goal(f"nothing redelivered: {redelivered} records were handled and not committed", met=redelivered == 0)


def handled_and_not_committed(scene: Scene, service: str) -> Iterator[Record]:
    """Records beyond the group's offsets whose effect is in the service's documents: they would be handled again."""
    client = scene.city.bootstrap
    platform = scene.city.city.platform
    with MongoClient[dict[str, Any]](platform.store.uri) as store:
        database = store[f"tongban_{service}"]
        names = [n for n in database.list_collection_names() if not n.endswith("_journal")]
        for record in _beyond(client, f"{service}.main"):
            heard = {f"heard.{_escaped(f'{record.topic}/{record.key}')}": {"$gte": record.sequence}}
            seen = {"seen": f"{record.topic}/{record.id}"}
            wanted = seen if record.sequence is None else heard
            if any(database[name].find_one(wanted, {"_id": 1}) for name in names):
                yield record


def _beyond(client: Mapping[str, Any], group: str) -> Iterator[Record]:
    """What the group would be given next."""
    looking = Consumer(dict(client) | {"group.id": group, "enable.auto.commit": False})
    try:
        topics = looking.list_topics(timeout=20).topics
        places = [TopicPartition(t, n) for t in topics if not t.startswith("__") for n in topics[t].partitions]
        committed = looking.committed(places, timeout=20)
    finally:
        looking.close()
    yield from read_topics(client, {(p.topic, p.partition): p.offset for p in committed if p.offset >= 0})


def _escaped(key: str) -> str:
    """As the documents name their sources: a dot would begin another level."""
    return key.replace("%", "%25").replace(".", "%2E").replace("$", "%24")


ASKED_TO_LEAVE = Fault("K12", "SIGTERM under load", asked_to_leave)
