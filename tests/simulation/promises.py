"""What the kernel promises, looked at from outside: the documents as they are, the topics, and what the world saw."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from shared.store.collection import Document
from tests.simulation.bus import EAST, LETTERS, POLICE, WEST, Bus
from tests.simulation.store import Disk


class Broken(AssertionError):
    """A promise was not kept. `promise` names it."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


@dataclass
class Promises:
    """`check` holds at any moment, `check_all_done` at rest. Both raise `Broken`."""

    bus: Bus
    disks: dict[str, Disk]
    acknowledged: list[tuple[str, str | None]] = field(default_factory=list)
    letters: dict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))

    def filed(self, id_: str) -> None:
        """East said yes to a petition."""
        self.acknowledged.append((id_, None))

    def answered(self, id_: str, text: str) -> None:
        """East said yes to an answer."""
        self.acknowledged.append((id_, text))

    def handed_over(self, id_: str, fence: str, *, taken: bool) -> None:
        """The postman was given a letter."""
        self.letters[id_][fence] = taken

    def documents(self, service: str, name: str) -> dict[str, Document]:
        """A collection as it is, past all gates."""
        return self.disks[service].database.collection(name)._documents

    # -- at any moment -----------------------------------------------------------------------------------

    def check(self) -> None:
        """Nothing is told or done before what came before it, nothing is done twice, no journal entry is lost,
        and how a letter ended is what its last attempt said."""
        for service, topic in (("east", EAST), ("west", WEST)):
            for id_, document in self.documents(service, "petitions").items():
                self._told_in_order(topic, id_)
                self._journal_whole(service, document)
        for id_, copy in self.documents("west", "petitions").items():
            said = self.documents("east", "petitions")[id_]["answers"]
            _prefix("done in order, once", f"{id_}'s answers", copy["answers"], said)
            advised = [event.partition(":")[2] for event in self.bus.ids(POLICE, id_)]
            _prefix("done in order, once", f"{id_}'s advice", copy["advice"], advised)
        for id_, document in self.documents("east", "petitions").items():
            if twice := _twice(document["rung"]):
                raise Broken("woken once", f"{id_} was woken twice for {twice}")
            if twice := _twice(document["answers"]):
                raise Broken("written once", f"{id_} has {twice} twice")
        for id_, message in self.documents("west", "messages").items():
            ended = {"sent": True, "failed": False}.get(message["state"])
            if ended is not None and self.letters[id_].get(message["fence"]) is not ended:
                raise Broken("the last word counts", f"{id_} is {message['state']} after {self.letters[id_]}")

    def _told_in_order(self, topic: str, id_: str) -> None:
        told = self.bus.ids(topic, id_)
        if told != [f"{id_}:{n}" for n in range(1, len(told) + 1)]:
            raise Broken("told in order", f"on {topic}: {told}")

    def _journal_whole(self, service: str, document: Document) -> None:
        archived = self.documents(service, "petitions_journal")
        kept = {int(n) for n in document["journal"]}
        kept |= {entry["sequence"] for entry in archived.values() if entry["aggregate"] == document["_id"]}
        if kept != set(range(1, document["seq"] + 1)):
            raise Broken("journal whole", f"{document['_id']} has entries {sorted(kept)} of {document['seq']}")

    def letters_left(self) -> bool:
        """Whether a letter is still to be sent, one that West has not heard of included."""
        messages = self.documents("west", "messages")
        petitions = self.documents("east", "petitions")
        return len(messages) < len(petitions) or any("wake_at" in message for message in messages.values())

    # -- at rest -----------------------------------------------------------------------------------------

    def left(self) -> list[str]:
        """What is still to do."""
        left = []
        for service in ("east", "west"):
            for name in ("petitions", "messages"):
                left += [f"tell of {id_}" for id_, d in self.documents(service, name).items() if d["pending"]]
                left += [f"wake {id_}" for id_, d in self.documents(service, name).items() if "wake_at" in d]
        left += [f"release {id_} ({record['error']})" for id_, record in self.documents("west", "parked").items()]
        return left + self.bus.unread()

    def check_all_done(self) -> None:
        """What was acknowledged is there, was told, and was done exactly once."""
        self.check()
        east, west = self.documents("east", "petitions"), self.documents("west", "petitions")
        for id_, text in self.acknowledged:
            if id_ not in east or (text is not None and text not in east[id_]["answers"]):
                raise Broken("nothing lost", f"{text or id_} was acknowledged")
        for service, topic, name in (("east", EAST, "petitions"), ("west", WEST, "petitions")):
            for id_, document in self.documents(service, name).items():
                self._all_told(topic, id_, document)
        for id_, document in east.items():
            if id_ not in west or west[id_]["answers"] != document["answers"]:
                raise Broken("all done", f"{id_}: {west.get(id_, {}).get('answers')} of {document['answers']}")
            advised = [event.partition(":")[2] for event in self.bus.ids(POLICE, id_)]
            if west[id_]["advice"] != advised:
                raise Broken("all done", f"{id_}: {west[id_]['advice']} of {advised}")
        self._check_letters(set(east))

    def _all_told(self, topic: str, id_: str, document: Document) -> None:
        told = self.bus.ids(topic, id_)
        if told != [f"{id_}:{n}" for n in range(1, document["seq"] + 1)]:
            raise Broken("all told", f"of {id_}'s {document['seq']} entries {topic} has {told}")

    def _check_letters(self, petitions: set[str]) -> None:
        messages = self.documents("west", "messages")
        if set(messages) != {f"letter-{id_}" for id_ in petitions}:
            raise Broken("all done", f"letters {sorted(messages)} for {sorted(petitions)}")
        for id_, message in messages.items():
            ends = self.letters[id_]
            if (taken := sum(ends.values())) > 1 + message["repeats"]:
                raise Broken("repeats counted", f"{id_} went out {taken} times, {message['repeats']} are counted")
            if message["state"] not in ("sent", "failed"):
                raise Broken("all done", f"{id_} is {message['state']}")
            self._all_told(LETTERS, id_, message)


def _prefix(promise: str, what: str, done: list[str], said: list[str]) -> None:
    if done != said[: len(done)]:
        raise Broken(promise, f"{what} are {done}, of {said}")


def _twice(done: list[object]) -> list[str]:
    return [str(one) for one, times in Counter(done).items() if times > 1]
