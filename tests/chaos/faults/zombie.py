"""K6: services are frozen past their leases and sessions while others take over, and are thawed."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from pymongo import MongoClient

from tests.chaos.city import SERVICES
from tests.chaos.evidence import Offsets, ends_of_topics, read_topics
from tests.chaos.faults.mail import moody
from tests.chaos.scene import Fault, Scene
from tests.city.running import until

SESSION_S = 2.0
"""The session timeout of a lane, and the term of the relay's lease."""


def thawed_after_the_take_over(scene: Scene) -> None:
    """All first replicas sleep at once; the second ones take over; then the first ones wake with all they had.

    The mail server is slow, so that mails are in hand when they fall asleep; they sleep until each was taken over.
    """
    late_mails = late_records = in_hand = 0
    with ExitStack() as replicas:
        urls = {service: replicas.enter_context(scene.city.replica(service)).url for service in SERVICES}
        server, _ = replicas.enter_context(moody(scene))
        server.mood = "slow"
        for _ in range(1 if scene.brief else 2):
            scene.load.through(scene.city.urls["intake"])
            scene.pause(1.0, 3.0)
            ends = ends_of_topics(scene.city.bootstrap)
            until(lambda: _in_hand(scene), what="the first notifications has mails in hand")
            harms = [scene.city.freeze(service) for service in reversed(SERVICES)]
            held = _in_hand(scene)
            in_hand += len(held)
            scene.load.through(urls["intake"])
            scene.go_on(SESSION_S + scene.dice.uniform(2, 6))
            until(partial(_took_over, scene, ends, harms[-1].at), within=60, what="the second replicas do the work")
            until(partial(_taken_over, scene, held), within=60, what="the mails in hand are taken over")
            thawed_at = time.time()
            for harm in harms:
                scene.city.thaw(harm)
            scene.go_on(5.0)
            late_mails += _mails_again(scene, thawed_at)
            late_records += _records_again(scene, ends, thawed_at)
    scene.load.through(scene.city.urls["intake"])
    scene.goal(f"mails in hand at the freeze, and handed over by others before the thaw: {in_hand}", met=in_hand > 0)
    scene.goal(f"mails that the zombie sent after the take-over: {late_mails}", met=late_mails == 0)
    scene.note(f"records that the zombies sent again (same id, no effect): {late_records}")


def _in_hand(scene: Scene) -> dict[str, str]:
    """Mails that the first instance is handing over, and the fence of the attempt."""
    with MongoClient[dict[str, Any]](scene.city.city.platform.store.uri) as store:
        messages = store["tongban_notifications"]["messages"].find({"holder": "notifications-1"}, {"fence": 1})
        return {str(one["_id"]): str(one["fence"]) for one in messages}


def _taken_over(scene: Scene, held: Mapping[str, str]) -> bool:
    """Whether another attempt at each of them has come to its end."""
    with MongoClient[dict[str, Any]](scene.city.city.platform.store.uri) as store:
        found = list(store["tongban_notifications"]["messages"].find({"_id": {"$in": list(held)}}, {"journal": 0}))
    return all(one["state"] != "sending" and one["fence"] != held[str(one["_id"])] for one in found)


def _took_over(scene: Scene, ends: Offsets, since: float) -> bool:
    """Whether each second replica has written something while the first slept."""
    records = read_topics(scene.city.bootstrap, ends)
    writers = {record.writer for record in records if record.at > since + SESSION_S}
    return {"intake", "sharing", "notifications"} <= writers


def _mails_again(scene: Scene, since: float) -> int:
    """Mails that came since then and were in the box before."""
    mails = sorted(scene.city.city.settings.state.glob("mail/*/*.eml"))
    first = {path.parent: path for path in reversed(mails)}
    return sum(path != first[path.parent] and int(path.stem) / 1e9 >= since for path in mails)


def _records_again(scene: Scene, ends: Offsets, since: float) -> int:
    """Records that came since then, and another time since the freeze."""
    seen: set[tuple[str, str]] = set()
    again = 0
    for record in sorted(read_topics(scene.city.bootstrap, ends), key=lambda r: r.at):
        again += record.at >= since and (record.topic, record.id) in seen
        seen.add((record.topic, record.id))
    return again


ZOMBIE = Fault("K6", "all services frozen past lease and session, others take over, thawed", thawed_after_the_take_over)
