"""K9: the mail server is away, slow, refuses for now and for good, breaks off after DATA, takes half of a batch."""

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, Envelope, Session
from pymongo import MongoClient

from deploy.local.mailbox import Mailbox
from tests.chaos.scene import Fault, Scene
from tests.city.running import until
from tests.service.notifications.mailserver import FakeMailServer

Mood = Literal["good", "slow", "later", "later at RCPT", "never", "never at RCPT", "breaks off", "half"]
SLOW_SECONDS = 1.0


class MoodyMailServer(FakeMailServer):
    """Treats mails as its mood says. What it took lies in the mailbox's folder, where the checker looks for it.

    A mood concerns half of the mails, always the same; `treated`: Message-IDs by mood, once for each time (what is
    refused before its letter has none: the recipient, whose every other mail it is).
    """

    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__()
        self._mailbox = mailbox
        self.mood: Mood = "good"
        self.treated: dict[str, Counter[str]] = defaultdict(Counter)
        self._turn = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if self.mood.endswith("at RCPT"):
            self._turn += 1
            if self._turn % 2:
                self.treated[self.mood][address] += 1
                return "450 4.2.1 not now" if self.mood == "later at RCPT" else "550 5.1.1 nobody of that name"
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        id_ = str(message_from_bytes(envelope.content)["Message-ID"]).strip("<>").partition("@")[0]
        mood = self.mood if self._concerned(id_) else "good"
        self.treated["taken" if mood == "good" else mood][id_] += 1
        if mood == "later":
            return "451 4.3.0 not now"
        if mood == "never":
            return "554 5.7.1 never"
        if mood == "half":
            return "452 4.2.2 that is enough for now"
        if mood == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        await asyncio.to_thread(self._mailbox.keep, envelope.content)
        if mood == "breaks off" and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return "250 kept"

    def _concerned(self, id_: str) -> bool:
        if self.mood.endswith("at RCPT"):
            return False
        if self.mood == "half":  # of a batch the first is taken, the second is not
            self._turn += 1
            return self._turn % 2 == 0
        if self.mood == "breaks off" and self.treated["breaks off"][id_]:
            return False
        return ord(id_[-1]) % 2 == 0


@contextmanager
def moody(scene: Scene) -> Iterator[tuple[MoodyMailServer, asyncio.AbstractEventLoop]]:
    """In the mailbox's place."""
    settings = scene.city.city.settings
    server, loop = MoodyMailServer(Mailbox(settings.state / "mail")), asyncio.new_event_loop()
    server.port = settings.smtp_port
    thread = threading.Thread(target=loop.run_forever, name="mail server")
    with scene.city.stopped("mailbox"):
        thread.start()
        try:
            _do(loop, server.up())
            yield server, loop
        finally:
            _do(loop, server.down())
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()


def _do(loop: asyncio.AbstractEventLoop, what: Any) -> None:
    asyncio.run_coroutine_threadsafe(what, loop).result(15)


def each_mood(scene: Scene) -> None:
    """A while in each mood; then all is well again, and the checker sees that every mail came."""
    seconds = 3 if scene.brief else 4
    with moody(scene) as (server, loop):
        _do(loop, server.down())
        scene.go_on(seconds)
        _do(loop, server.up())
        scene.goal(f"away: {len(_failed(scene))} mails given up", met=not _failed(scene))
        moods: tuple[Mood, ...] = (
            "slow", "later", "later at RCPT", "half", "breaks off", "never", "never at RCPT",
        )  # fmt: skip
        for mood in moods:
            before = sum(server.treated["taken"].values())
            server.mood = mood
            scene.go_on(seconds)
            server.mood = "good"
            others = sum(server.treated["taken"].values()) - before
            concerned = server.treated[mood].total()
            scene.goal(f"{mood}: {concerned} mails, {others} others went on", met=concerned > 0 < others)
            if mood in ("later", "later at RCPT", "half"):
                scene.goal(f"{mood}: none given up", met=not _failed(scene))
        _refused_for_good(scene, server)
        _broken_off(scene, server)


def _refused_for_good(scene: Scene, server: MoodyMailServer) -> None:
    """Each once, and no more by itself; a person has it tried again."""
    letters, recipients = server.treated["never"], server.treated["never at RCPT"].total()
    wanted = len(letters) + recipients
    until(lambda: len(_failed(scene)) >= wanted, what="what is refused for good is given up")
    failed = _failed(scene)
    grounds = Counter(ground for ground, _ in failed.values())
    once = set(letters.values()) == {1} and letters.keys() <= failed.keys()
    right = grounds == {"message-refused": len(letters), "recipient-refused": recipients}
    told = f"{len(letters)} letters and {recipients} recipients refused"
    scene.goal(f"never: {told}, each tried once and given up", met=once and right)
    for id_ in failed:
        scene.city.operator.ask("notifications", "POST", f"/messages/{id_}/retry")


def _broken_off(scene: Scene, server: MoodyMailServer) -> None:
    """Nobody knows whether the mail was taken: it comes again and is counted, under the same Message-ID."""
    cut = list(server.treated["breaks off"])

    def counted() -> bool:
        found = list(_messages(scene, {"_id": {"$in": cut}}))
        return all(message["state"] == "sent" and message["repeats"] > 0 for message in found)

    until(counted, within=60, what="mails that were cut off come again")
    folders = Counter(path.parent.name for path in (scene.city.city.settings.state / "mail").glob("*/*.eml"))
    twice = sum(copies - 1 for copies in folders.values())
    scene.note(f"breaks off after DATA: {len(cut)} mails; in the box {twice} copies beyond the first, all counted")


def _failed(scene: Scene) -> dict[str, tuple[str, int]]:
    """Ground and tries of what was given up."""
    return {str(m["_id"]): (m["ground"], m["tries"]) for m in _messages(scene, {"state": "failed"})}


def _messages(scene: Scene, wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with MongoClient[dict[str, Any]](scene.city.city.platform.store.uri) as store:
        yield from store["tongban_notifications"]["messages"].find(wanted, {"journal": 0})


EACH_MOOD = Fault("K9", "SMTP: away, slow, 4xx and 5xx, half of a batch, cut off after DATA", each_mood)
