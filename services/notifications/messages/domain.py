"""A message: queued → sending → sent or failed.

An attempt is claimed under a lease and a fence of its own before the mail server hears of it. Where nobody wrote down
how an attempt ended, the mail may have gone out: the next attempt counts that in `repeats`.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.notifications.contacts.domain import Contact
from services.notifications.templates.domain import Code
from shared.aggregate import Aggregate
from shared.contracts.intake import MissingMaterial
from shared.contracts.notifications import MessageFailed, MessageSent
from shared.errors import Conflict

State = Literal["queued", "sending", "sent", "failed"]
Ground = Literal[
    "no-contact", "no-guide", "no-template", "template-fails", "address-invalid",
    "recipient-refused", "message-refused", "deferred", "server-away", "no-answer", "too-late",
]  # fmt: skip
LONGEST_PAUSE = timedelta(hours=2)
LONGEST_WAIT = timedelta(minutes=5)


class NotDue(Conflict):
    """Somebody else has the message in hand, or there is nothing to do."""

    code = "message_not_due"


class Fenced(Conflict):
    """The attempt was overtaken: a later claim decides how the message stands."""

    code = "message_fenced"


@dataclass(frozen=True)
class Pace:
    """How long one attempt holds the message, and how often and how long is tried."""

    lease: timedelta
    attempts: int
    patience: timedelta
    contact_patience: timedelta


class Facts(BaseModel):
    """What an event says that a letter needs: of intake codes and dates, no personal data; of identity a one-time code
    and when it ends, what became of a mandate, or what somebody signs in with from now on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: str = ""
    item: str | None = None
    department: str | None = None
    accepted_on: date | None = None
    deemed: bool = False
    promised_due: date | None = None
    legal_due: date | None = None
    missing: list[MissingMaterial] = Field(default_factory=list)
    outcome: Literal["approved", "refused"] | None = None
    decided_on: date | None = None
    code: str | None = None
    until: datetime | None = None
    role: Literal["agent", "principal"] | None = None
    last_day: date | None = None
    ended: str | None = None
    credential: str | None = None
    change: str | None = None


class Message(Aggregate):
    """`attempts` counts all attempts, `tries` those since `since`; `fence` names the last one, whose word counts.

    `wake_at` is when the next attempt is due; while one is under way, when its lease ends. `unknown`: nobody wrote
    down how the last attempt ended. `ground` says why the message waits or failed. `to`: whom a code goes to, as who
    registers has no account yet; it is forgotten with the code when the message has gone or is given up.
    """

    case: str
    template: Code
    person: str
    facts: Facts
    to: Contact | None = None
    state: State = "queued"
    queued_at: datetime
    since: datetime
    sent_at: datetime | None = None
    tries: int = 0
    waits: int = 0
    attempts: int = 0
    repeats: int = 0
    unknown: bool = False
    ground: Ground | None = None
    holder: str | None = None
    fence: str | None = None

    def claim(self, holder: str, fence: str, now: datetime, pace: Pace) -> None:
        """Begin the attempt `fence`; the same again changes nothing. Raises `NotDue`."""
        if self.fence == fence:
            return
        self._must_be_due(now)
        self.repeats += self.unknown
        self.unknown = True
        self.state, self.holder, self.fence, self.ground = "sending", holder, fence, None
        self.tries, self.attempts = self.tries + 1, self.attempts + 1
        self.wake_at = now + pace.lease

    def abandon(self, holder: str, now: datetime) -> None:
        """The holder was started anew and knows nothing of its attempt: it need not wait for the lease to end."""
        if self.state == "sending" and self.holder == holder:
            self.holder, self.wake_at = None, now

    def handed_over(self, fence: str, now: datetime) -> None:
        """The mail server took it. Raises `Fenced`."""
        if not self._end(fence, unknown=False):
            return
        self.state, self.sent_at = "sent", now
        self._forget()
        self.record(MessageSent.model_validate(self._told() | {"repeats": self.repeats}), now)

    def put_off(self, fence: str, ground: Ground, now: datetime, pace: Pace, share: float) -> None:
        """The attempt failed for now: again after a pause, of which `share` (0 to 1) is taken. Raises `Fenced`."""
        if not self._end(fence, unknown=ground == "no-answer"):
            return
        if self.tries >= pace.attempts or now - self.since >= pace.patience:
            self._give_up(ground, now)
            return
        self.state, self.ground = "queued", ground
        self.wake_at = now + share * pause(self.tries, LONGEST_PAUSE)

    def refuse(self, fence: str, ground: Ground, now: datetime) -> None:
        """The mail server will never take it. Raises `Fenced`."""
        if not self._end(fence, unknown=False):
            return
        self._give_up(ground, now)

    def wait(self, ground: Ground, now: datetime, pace: Pace, share: float) -> None:
        """Something is not known yet, e.g. the address: look again after a pause, give up after a day or so."""
        self._must_be_due(now)
        self.holder = None
        if now - self.since >= pace.contact_patience:
            self._give_up(ground, now)
            return
        self.state, self.ground, self.waits = "queued", ground, self.waits + 1
        self.wake_at = now + share * pause(self.waits, LONGEST_WAIT)

    def lapse(self, now: datetime) -> None:
        """What it says is of no use any more: a code that came late would only confuse. Raises `NotDue`."""
        self._must_be_due(now)
        self.holder = None
        self._give_up("too-late", now)

    def retry(self, now: datetime) -> None:
        """A person wants it tried anew, with all patience. Raises `Conflict`."""
        if self.state != "failed":
            raise Conflict("Only a message that was given up is tried anew", code="message_not_failed")
        if self.facts.until is not None:
            raise Conflict("A code is not kept to be sent anew", code="message_forgotten")
        self.state, self.ground, self.since, self.tries, self.waits = "queued", None, now, 0, 0
        self.wake_at = now

    def _must_be_due(self, now: datetime) -> None:
        """Due is what waits, and what is being sent when the lease ends: `wake_at` says both."""
        if self.wake_at is None or self.wake_at > now:
            raise NotDue("The message is not due")

    def _end(self, fence: str, *, unknown: bool) -> bool:
        """Whether this attempt ends now, and has not done so before."""
        if self.fence != fence:
            raise Fenced("Another attempt has begun")
        if self.state != "sending":
            return False
        self.unknown, self.holder, self.wake_at = unknown, None, None
        return True

    def _give_up(self, ground: Ground, now: datetime) -> None:
        self.state, self.ground, self.wake_at = "failed", ground, None
        self._forget()
        self.record(MessageFailed.model_validate(self._told() | {"ground": ground}), now)

    def _forget(self) -> None:
        self.to, self.facts = None, self.facts.model_copy(update={"code": None})

    def _told(self) -> dict[str, Any]:
        same = self.model_dump(include={"person", "template", "case", "attempts"})
        return {"message": self.id, "channel": "mail", **same}


def pause(times: int, longest: timedelta) -> timedelta:
    """The longest pause after so many attempts."""
    return min(timedelta(seconds=2 ** min(times, 30)), longest)
