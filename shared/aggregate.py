"""The aggregate: state and its own journal of events, changed together in one document.

Pure: domain classes derive from `Aggregate`, check a rule, change their state and call `record`.
The repository writes state and journal entries in one update, the relay publishes the entries.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from shared.contracts.registry import EventModel
from shared.errors import DomainError
from shared.personal import personal_fields

EVENT_LIMIT = 900_000
"""Bytes of one event's JSON: below Kafka's default of 1 MiB for a record, with room for the headers."""


class EventTooLarge(DomainError):
    """An event does not fit on a topic; refused before anything is written."""

    status = 413
    code = "event_too_large"


@dataclass(frozen=True)
class Recorded:
    """A journal entry that is not written yet."""

    type: str
    topic: str
    forgets: bool
    """The payload is about people and leaves the journal when its topic's retention is over."""
    time: datetime
    body: bytes
    sealed: bool = False
    """The payload has personal fields: in the store it is ciphertext."""

    @property
    def sha256(self) -> str:
        """Digest of the payload: what is left of a personal entry when its time is over."""
        return hashlib.sha256(self.body).hexdigest()


class Aggregate(BaseModel):
    """One document, one writer at a time. `v` counts changes, `seq` counts journal entries."""

    model_config = ConfigDict(
        populate_by_name=True, extra="ignore", validate_assignment=True, hide_input_in_errors=True
    )

    whose: ClassVar[str] = "_id"
    """Field of the document that says whose its personal fields are: under that person's data key they are sealed."""

    id: str = Field(alias="_id", min_length=1, max_length=200)
    v: int = 0
    seq: int = 0
    wake_at: datetime | None = None

    _recorded: list[Recorded] = PrivateAttr(default_factory=list)

    def record(self, event: EventModel, now: datetime, *, to: str | None = None) -> None:
        """Append `event` to the journal; it is published once the document is saved.

        `to` fills the one placeholder of a templated topic (`intake.to.{department}`).
        Raises `EventTooLarge` over 900 kB.
        """
        body = event.model_dump_json().encode()
        if len(body) > EVENT_LIMIT:
            raise EventTooLarge(f"{event.type} would be {len(body)} bytes, the limit is {EVENT_LIMIT}")
        topic = event.topic
        if "{" in topic:
            if to is None:
                raise ValueError(f"{event.type} is written on {topic}: say to whom")
            topic = topic[: topic.index("{")] + to + topic[topic.index("}") + 1 :]
        forgets, sealed = event.personal and not event.table, bool(personal_fields(type(event)))
        self._recorded.append(Recorded(event.type, topic, forgets, now, body, sealed))

    def wake(self, now: datetime) -> None:  # noqa: ARG002 - what to do is the aggregate's own
        """Do what `wake_at` was set for. Called once per due time, whatever the number of replicas."""
        self.wake_at = None

    def take_recorded(self) -> list[Recorded]:
        """Hand the unwritten entries to the repository."""
        taken, self._recorded = self._recorded, []
        return taken

    @property
    def recorded(self) -> list[dict[str, Any]]:
        """The unwritten entries as type and data: what a unit test of a domain class looks at."""
        return [{"type": r.type, "topic": r.topic, "data": json.loads(r.body)} for r in self._recorded]
