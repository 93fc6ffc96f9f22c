"""K8: the disk of the store, of the broker and of a service is full; then there is room again."""

import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.client import Person
from tests.chaos.city import Harm
from tests.chaos.scene import Fault, Scene
from tests.city.running import PDF, until

FULL_SECONDS = 10.0
MIB = 1024 * 1024


class NoMount(Exception):
    """This machine does not let us mount a small disk."""


class Disk:
    """A small disk of one's own under a folder."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no byte."""
        with suppress(OSError), self._filler.open("wb", buffering=0) as file:
            for size in (MIB, 4096):
                with suppress(OSError):
                    while file.write(b"x" * size):
                        pass

    def make_room(self) -> None:
        """Take the filler away."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(scene: Scene, folder: Path, program: str, spare: int) -> Iterator[Disk]:
    """What is in the folder lies on a disk with `spare` MiB of room inside. The program is stopped for the moves."""
    aside = folder.with_name(f"{folder.name}.aside")
    with scene.city.stopped(program):
        used = int(_run("du", "-sm", str(folder)).split()[0])
        folder.rename(aside)
        folder.mkdir(mode=0o700)
        try:
            _run("mount", "-t", "tmpfs", "-o", f"size={used + spare}m,mode=0700", "tmpfs", str(folder))
        except subprocess.CalledProcessError as error:
            folder.rmdir()
            aside.rename(folder)
            raise NoMount(str(error.stderr).strip()) from error
        _run("cp", "-a", "--sparse=always", f"{aside}/.", str(folder))
    try:
        yield Disk(folder)
    finally:
        Disk(folder).make_room()
        with scene.city.stopped(program):
            shutil.rmtree(aside)
            _run("cp", "-a", "--sparse=always", str(folder), str(aside))
            _run("umount", str(folder))
            folder.rmdir()
            aside.rename(folder)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def full(scene: Scene) -> None:
    """The three, one after the other."""
    data, state = scene.city.city.platform.data, scene.city.city.settings.state
    try:
        with small_disk(scene, data / "store", "store", 96) as disk:
            scene.load.acknowledged_after(time.time())
            _full_store(scene, disk)
        scene.load.acknowledged_after(time.time())
        with small_disk(scene, data / "kafka", "kafka", 24) as disk:
            scene.city.whole()
            _full_broker(scene, disk)
        scene.city.whole()
        with small_disk(scene, state / "files", "intake", 1) as disk:
            scene.city.whole()
            _full_service(scene, disk)
        scene.city.whole()
    except NoMount as exc:
        scene.goal(f"a small disk can be mounted (it needs root, on Linux): {exc}", met=False)


def _full_store(scene: Scene, disk: Disk) -> None:
    """Nobody is told 201 for what is not written, and everybody is told 503."""
    before, pid = scene.load.look().failed.copy(), scene.city.pid("store")
    disk.fill()
    scene.city.harms.append(Harm("full disk", "store", time.time(), pid))
    _use_up(scene)
    began = time.time()
    scene.go_on(FULL_SECONDS)
    taken = sum(begun >= began + 2 for begun, _ in scene.load.look().acknowledged)
    told = scene.load.look().failed - before
    answers = ", ".join(f"{n} × {status or 'no answer'}" for status, n in told.items()) or "none"
    scene.note(f"store full for {FULL_SECONDS:.0f} s: {taken} cases were taken after its first two seconds")
    scene.goal(f"store full: what failed: {answers}; 503 or nothing", met=set(told) <= {503, None} and bool(told))
    _recovers(scene, disk, "store")


def _use_up(scene: Scene) -> None:
    """Write until the store has nothing left of what it had put by: its log files are made before they are needed."""
    uri = scene.city.city.platform.store.uri
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=2000) as store, suppress(PyMongoError):
        for _ in range(500):
            store["ballast"]["ballast"].insert_one({"ballast": "x" * 200_000})


def _recovers(scene: Scene, disk: Disk, what: str) -> None:
    """Alone, once there is room."""
    disk.make_room()
    room = time.time()
    try:
        scene.load.acknowledged_after(room)
        scene.city.whole()
        scene.goal(f"{what}: recovers alone, {time.time() - room:.1f} s after there was room", met=True)
    except AssertionError as exc:
        scene.goal(f"{what}: does not recover alone when there is room ({exc}); it is killed", met=False)
        scene.kill("kafka" if what == "broker" else what)


def _full_broker(scene: Scene, disk: Disk) -> None:
    """A broker that takes nothing still answers readers, so cases are taken, for they are safe in the store; one that
    is down as well leaves the services without word of what was revoked, and they say so. Readiness tells both."""
    pid, url = scene.city.pid("kafka"), scene.city.urls["intake"]
    disk.fill()
    scene.city.harms.append(Harm("full disk", "kafka", time.time(), pid))

    def told() -> str | None:
        answer = httpx.get(f"{url}/readyz", timeout=10)
        return answer.text if answer.status_code == 503 else None

    with suppress(AssertionError):
        text = until(told, within=30, what="intake says that the broker is away")
        scene.note(f"broker full: intake's readiness says {text[:160]}")
    ready = httpx.get(f"{url}/readyz", timeout=10).status_code
    scene.goal(f"broker full: /readyz {ready}", met=ready == 503)
    before, acknowledged = scene.load.look().failed.copy(), len(scene.load.look().acknowledged)
    scene.go_on(FULL_SECONDS)
    taken, refused = len(scene.load.look().acknowledged) - acknowledged, scene.load.look().failed - before
    answers = ", ".join(f"{n} × {status or 'no answer'}" for status, n in refused.items()) or "none"
    said = f"broker full: {taken} cases were taken; what failed: {answers}; 503 and nothing else"
    scene.goal(said, met=set(refused) <= {503} and taken + sum(refused.values()) > 0)
    _recovers(scene, disk, "broker")


def _full_service(scene: Scene, disk: Disk) -> None:
    """A file that cannot be kept is refused clearly and leaves nothing; cases without a new file go on."""
    disk.fill()
    scene.city.harms.append(Harm("full disk", "intake", time.time(), scene.city.pid("intake"), back_at=time.time()))
    answer = _upload(scene)
    told = f"{answer.status_code} {answer.json().get('code')}"
    scene.goal(f"file store full: an upload is told {told}", met=answer.status_code == 503)
    scene.load.acknowledged_after(time.time())
    disk.make_room()
    scene.goal("file store: recovers alone", met=_upload(scene).status_code in (200, 201))


def _upload(scene: Scene) -> httpx.Response:
    """The first answer that is not about something else: the city may still be overloaded with what waited before."""

    def answered() -> httpx.Response | None:
        answer = _uploaded_once(scene)
        return None if answer.is_error and answer.json().get("code") == "overloaded" else answer

    return until(answered, within=60, what="an upload is answered")


def _uploaded_once(scene: Scene) -> httpx.Response:
    """A file as big as a photograph, new each time."""
    content = PDF + uuid.UUID(int=scene.dice.getrandbits(128)).bytes * 30_000
    person = next(one for one in scene.city.people if one["login"] == "li.na")
    caller = Person(scene.city.urls["identity"], person["login"], person["password"])
    headers = {"Content-Type": "application/pdf"}
    return httpx.post(f"{scene.city.urls['intake']}/files", content=content, headers=headers, auth=caller, timeout=30)


FULL = Fault("K8", "disk full: store, broker, a service's files", full)
