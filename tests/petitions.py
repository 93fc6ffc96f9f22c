"""A small domain of its own for the tests of the kernel: petitions (信访) to an office of the city.

Its event types stay out of the registry: they are no part of the network's language.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, Field

from shared.aggregate import Aggregate
from shared.contracts.registry import EventModel
from shared.errors import Conflict


class PetitionFiled(EventModel):
    """A petition came in."""

    type = "tongban.petitions.petition-filed.v1"
    topic = "{office}.petitions"

    petition: str
    matter: str


class PetitionAnswered(EventModel):
    """The office answered."""

    type = "tongban.petitions.petition-answered.v1"
    topic = "{office}.petitions"

    petition: str
    text: str


class PetitionForwarded(EventModel):
    """The petition goes to the department concerned, with what the petitioner wrote."""

    type = "tongban.petitions.petition-forwarded.v1"
    topic = "petitions.to.{department}"
    personal = True

    petition: str
    letter: str


class OfficeListed(EventModel):
    """A row of the offices."""

    type = "tongban.petitions.office-listed.v1"
    topic = "petitions.offices"

    code: str
    floor: int


class State(StrEnum):
    """Where a petition stands."""

    OPEN = "open"
    ANSWERED = "answered"


class Letter(BaseModel):
    """What the petitioner wrote, and when it was received."""

    text: str
    received_on: date
    received_at: datetime


class Petition(Aggregate):
    """A petition to one office."""

    office: str = "east"
    state: State = State.OPEN
    filed_on: date
    filed_at: datetime
    answers: list[str] = Field(default_factory=list)
    letters: list[Letter] = Field(default_factory=list)
    form: dict[str, Any] = Field(default_factory=dict)
    reminders: int = 0

    @classmethod
    def file(cls, id_: str, now: datetime, *, office: str = "east", matter: str = "noise") -> Self:
        """A new petition."""
        petition = cls(id=id_, office=office, filed_on=now.date(), filed_at=now)
        petition.record(PetitionFiled(petition=id_, matter=matter), now, to=office)
        return petition

    def answer(self, text: str, now: datetime) -> None:
        """The office answers, as often as it likes."""
        self.answers.append(text)
        self.state = State.ANSWERED
        self.wake_at = None
        self.record(PetitionAnswered(petition=self.id, text=text), now, to=self.office)

    def answer_once(self, text: str, now: datetime) -> None:
        """The office answers once and for all."""
        if self.state is State.ANSWERED:
            raise Conflict("It is answered", code="answered")
        self.answer(text, now)

    def forward(self, letter: str, now: datetime, *, to: str = "police") -> None:
        """Hand it to a department."""
        self.letters.append(Letter(text=letter, received_on=now.date(), received_at=now))
        self.record(PetitionForwarded(petition=self.id, letter=letter), now, to=to)

    def remind_at(self, when: datetime) -> None:
        """Remind the office then."""
        self.wake_at = when

    def wake(self, now: datetime) -> None:
        """Remind the office now, and again in a week."""
        self.reminders += 1
        self.wake_at = now + timedelta(days=7)
