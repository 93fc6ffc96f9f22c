"""K3: the broker is killed and frozen. K4: its data are lost."""

import shutil
import time
from collections.abc import Mapping
from typing import Any

from pymongo import MongoClient

from deploy.local.report import SilentReport
from tests.chaos.evidence import compacted_topics, ends_of_topics, read_topics
from tests.chaos.scene import Fault, Scene
from tests.city.running import tongban


def killed_and_frozen(scene: Scene) -> None:
    """Kills, and freezes of 5 to 60 seconds; after each the load goes on for a moment."""
    for _ in range(2):
        scene.kill("kafka")
        scene.go_on(2 if scene.brief else 4)
    for seconds in (5,) if scene.brief else (5, 60):
        with scene.city.frozen("kafka"):
            scene.go_on(seconds)
        scene.load.acknowledged_after(time.time())
        scene.go_on(2 if scene.brief else 5)


def data_lost(scene: Scene) -> None:
    """The disk of the broker is gone, with all that is on its way. `tongban up` makes another one, which the services
    recognise and tell everything again; then an operator has it told once more with `tongban replay`."""
    scene.go_on(3 if scene.brief else 10)
    scene.settle()
    before, tables = _versions(scene), _tables(scene)
    scene.load.rate(scene.rate)
    scene.load.acknowledged_after(time.time())
    data = scene.city.city.platform.data / "kafka"
    lost = data.with_name("kafka-lost")
    data.rename(lost)
    scene.city.hit("kafka")
    shutil.rmtree(lost)
    scene.go_on(5)  # the load goes on: cases are taken, and cannot be published
    scene.city.city.up(SilentReport())
    scene.city.stamp_on_arrival()
    scene.load.acknowledged_after(time.time())
    scene.go_on(5)
    scene.settle()
    _unchanged(scene, "the broker's loss", before)
    again = _tables(scene)
    differ = [f"{topic} {key}" for (topic, key), row in tables.items() if again.get((topic, key)) != row]
    shown = f"of {len(tables)} rows of tables {len(differ)} are missing or differ"
    scene.goal(": ".join([shown, *differ[:1]]), met=bool(tables) and not differ)
    before, ends = _versions(scene), ends_of_topics(scene.city.bootstrap)
    said = tongban(scene.city.city.settings.state, "replay")
    words = " ".join((said.stdout + said.stderr).split())
    scene.goal(f"tongban replay ends well: {words[-200:]}", met=said.returncode == 0)
    scene.settle()
    told = sum(1 for _ in read_topics(scene.city.bootstrap, ends))
    scene.goal(f"tongban replay: {told} records are there again", met=told >= len(before))
    _unchanged(scene, "the replay", before)


def _unchanged(scene: Scene, after: str, before: Mapping[str, int]) -> None:
    now = _versions(scene)
    changed = [id_ for id_, version in before.items() if now[id_] != version]
    told = f"of {len(before)} finished cases, exchanges and messages {len(changed)} changed after {after}"
    scene.goal(told, met=not changed)


def _tables(scene: Scene) -> dict[tuple[str, str], str]:
    """Topic and key of each row of reference data, and the digest of what it says. Revocations come by the minute."""
    compacted = set(compacted_topics(scene.city.bootstrap)) - {"identity.revocations"}
    return {(r.topic, r.key): r.sha256 for r in read_topics(scene.city.bootstrap) if r.topic in compacted}


def _versions(scene: Scene) -> dict[str, int]:
    """What is finished, and how often it was written."""
    finished = {
        "intake.cases": ["completed"],
        "sharing.exchanges": ["answered", "refused"],
        "notifications.messages": ["sent"],
    }
    found: dict[str, int] = {}
    with MongoClient[dict[str, Any]](scene.city.city.platform.store.uri) as store:
        for place, states in finished.items():
            service, _, collection = place.partition(".")
            documents = store[f"tongban_{service}"][collection].find({"state": {"$in": states}}, {"v": 1})
            found |= {document["_id"]: document["v"] for document in documents}
    return found


KILLED_AND_FROZEN = Fault("K3", "broker killed, and frozen for 5 to 60 s", killed_and_frozen, recovery_s=15.0)
DATA_LOST = Fault("K4", "the broker's data are lost", data_lost)
