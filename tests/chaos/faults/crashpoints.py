"""K2: each service is killed exactly after the write, the produce, the effect, before the commit, after SMTP's 250."""

import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from subprocess import Popen
from typing import Any

import yaml

from deploy.local.city import CITY_FOLDER
from shared.crashpoint import POINTS
from tests.chaos.city import Harm
from tests.chaos.scene import Fault, Scene
from tests.city.running import until

SMTP = "after-smtp-250"
PASSED: dict[str, tuple[str, ...]] = {
    "identity": ("after-write", "after-produce"),
    "intake": ("after-write", "after-produce", "after-effect", "before-commit"),
    "sharing": ("after-write", "after-produce", "after-effect", "before-commit"),
    "notifications": POINTS,
}
"""The points that each service passes under load. Identity reads no events and sends no mails."""


def at_each_point(scene: Scene) -> None:
    """One death at each point of each service; `brief`: one at each point.

    Only after SMTP's 250 a mail may come again. A death anywhere else may fall into that moment of *another* mail that
    is on its way beside: those are counted too.
    """
    before = _repeated(scene)
    dying = {service: [point for point in points if point != SMTP] for service, points in PASSED.items()}
    if scene.brief:
        dying = {"sharing": ["after-write", "after-produce"], "notifications": ["after-effect", "before-commit"]}
    for service, points in scene.dice.sample(list(dying.items()), len(dying)):
        _die(scene, service, scene.dice.sample(points, len(points)))
    beside = _repeated(scene) - before
    before += beside
    _die(scene, "notifications", [SMTP] * (1 if scene.brief else 3))
    with suppress(AssertionError):
        until(lambda: _repeated(scene) > before, within=30, what="the mail is handed over again")
    again = _repeated(scene) - before
    scene.note(f"mails in the box again: {again} by deaths after SMTP's 250, {beside} by the others (mails beside)")
    scene.goal(f"after SMTP's 250 the mail comes again under its Message-ID: {again}", met=again > 0)


def _die(scene: Scene, service: str, points: Sequence[str]) -> None:
    """One death after the other, then the supervised process again."""
    with scene.city.stopped(service):
        for point in points:
            plan = f"{point}:{scene.dice.randint(1, 3 if scene.brief else 12)}"
            with scene.city.in_place(service, TONGBAN_CRASH_AT=plan) as process:
                code = _until_dead(scene, service, process)
            scene.city.harms.append(Harm("kill -9", service, time.time(), process.pid))
            if code != -signal.SIGKILL:
                scene.goal(f"{service} dies {point}: it ended with {code}", met=False)
    scene.ready(service)
    if service == "identity":  # as the sample city has it, and `tongban up` would write it again
        row = _division()
        scene.city.operator.ask("identity", "PUT", f"/divisions/{row['code']}", json=row)


def _division() -> dict[str, Any]:
    divisions = yaml.safe_load((CITY_FOLDER / "divisions.yaml").read_text(encoding="utf-8"))["divisions"]
    found: dict[str, Any] = divisions[0]
    return found


def _until_dead(scene: Scene, service: str, process: Popen[bytes]) -> int | None:
    """Wait for its death. Under this load identity writes next to nothing by itself: give it something to write."""
    row, times = _division(), count(1)

    def dead() -> bool:
        if process.poll() is not None:
            return True
        if service == "identity":
            name = row["name"] | {"en": f"{row['name']['en']} {next(times) % 2}"}
            scene.city.operator.ask("identity", "PUT", f"/divisions/{row['code']}", json=row | {"name": name})
        return False

    until(dead, within=60, what=f"{service} has died")
    return process.returncode


def _repeated(scene: Scene) -> int:
    """Mails in the box whose Message-ID another one has."""
    folders = Counter(path.parent.name for path in (scene.city.city.settings.state / "mail").glob("*/*.eml"))
    return sum(copies - 1 for copies in folders.values())


AT_EACH_POINT = Fault("K2", "kill -9 at each named crash point", at_each_point)
