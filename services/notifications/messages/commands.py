"""Queuing messages about cases, mandates, credentials and one-time codes, and handing them to the mail server."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

import structlog

from services.notifications.contacts import store as contacts
from services.notifications.contacts.domain import Contact
from services.notifications.desk import Desk
from services.notifications.messages import store
from services.notifications.messages.domain import Facts, Fenced, Ground, Message, NotDue
from services.notifications.messages.letters import filling, letter
from services.notifications.messages.post import Line, Outcome
from services.notifications.templates.domain import RENDER_ERRORS, Code
from shared.accounts import is_person
from shared.contracts.identity import CodeIssued, CredentialChanged, MandateEnded, MandateGranted, MandateOffered
from shared.contracts.intake import CaseAccepted, CaseDecided, SupplementRequested
from shared.ids import derived_id, new_id
from shared.messaging.envelope import Event
from shared.store import AlreadyThere, Contention, Unavailable

Told = CaseAccepted | SupplementRequested | CaseDecided
ToldOfMandate = MandateOffered | MandateGranted | MandateEnded
STORE_PAUSE_SECONDS = 0.2
HAND_OVER_SHARE = 0.5
"""Of the lease; the rest is left for writing down how it ended."""
log = structlog.get_logger(__name__)


async def tell(desk: Desk, template: Code, event: Event[Told]) -> None:
    """Queue the message about one event to the applicant, and to who acts for them; the same event again queues no
    other. Each message has an id of its own that derives from the event's, so that nothing is told twice."""
    told = [(event.data.applicant, derived_id("message", event.id))]
    if event.data.agent is not None:
        told.append((event.data.agent, derived_id("message", event.id, "agent")))
    now = desk.clock.now()
    for person, id_ in told:
        message = Message(
            id=id_,
            case=event.data.case,
            person=person,
            template=template,
            facts=Facts.model_validate(event.data.model_dump()),
            queued_at=now,
            since=now,
            wake_at=now,
        )
        with suppress(AlreadyThere):
            await desk.messages.add(message, cause=event)


async def tell_code(desk: Desk, event: Event[CodeIssued]) -> None:
    """Queue a one-time code; the same event again queues no other."""
    now, said = desk.clock.now(), event.data
    message = Message(
        id=derived_id("message", event.id),
        case=said.about,
        person=said.person,
        template="verification-code",
        facts=Facts(code=said.code, until=said.until),
        to=Contact(name="", mail=said.mail, language=said.language),
        queued_at=now,
        since=now,
        wake_at=now,
    )
    try:
        await desk.messages.add(message, cause=event)
    except AlreadyThere:
        return


async def tell_mandate(desk: Desk, template: Code, event: Event[ToldOfMandate]) -> None:
    """Tell both sides what became of a mandate: who acts, and who is acted for or gave it; a company hears of it by
    who gave it."""
    said, now = event.data, desk.clock.now()
    other = said.principal if is_person(said.principal) else said.by
    sides: list[tuple[str, Literal["agent", "principal"]]] = [(said.agent, "agent"), (other, "principal")]
    last_day = said.until if isinstance(said, MandateGranted) else None
    ended = said.ground if isinstance(said, MandateEnded) else None
    for person, role in sides:
        message = Message(
            id=derived_id("message", event.id, role),
            case=said.mandate,
            person=person,
            template=template,
            facts=Facts(role=role, last_day=last_day, ended=ended),
            queued_at=now,
            since=now,
            wake_at=now,
        )
        if is_person(person):
            with suppress(AlreadyThere):
                await desk.messages.add(message, cause=event)


async def tell_credential(desk: Desk, event: Event[CredentialChanged]) -> None:
    """Tell a person that they sign in with something else from now on: it may have been somebody else."""
    said, now = event.data, desk.clock.now()
    message = Message(
        id=derived_id("message", event.id),
        case=said.account,
        person=said.account,
        template="credential-changed",
        facts=Facts(credential=said.credential, change=said.change),
        queued_at=now,
        since=now,
        wake_at=now,
    )
    with suppress(AlreadyThere):
        await desk.messages.add(message, cause=event)


async def take_over(desk: Desk) -> None:
    """At the start: attempts that this instance began in its former life are over, nobody knows how."""
    for id_ in await store.held_by(desk.messages, desk.instance):
        await desk.messages.change(id_, lambda message: message.abandon(desk.instance, desk.clock.now()))


async def retry(desk: Desk, id_: str) -> Message:
    """Try a message anew that was given up. Raises `NotFound` and `Conflict`."""
    return await desk.messages.change(id_, lambda message: message.retry(desk.clock.now()))


async def deliver(desk: Desk, id_: str) -> bool:
    """One attempt: write it, claim it, hand it over, note the outcome. False: there was nothing to attempt."""
    async with desk.post.line() as line:  # first the line, so that the lease runs for the attempt alone
        message = await desk.messages.find(id_)
        if message is None or message.wake_at is None or message.wake_at > desk.clock.now():
            return False
        if message.holder is not None and _may_be_alive(desk, message):
            return False
        try:
            message = await _deliver(desk, line, message)
        except (NotDue, Fenced) as exc:
            desk.metrics.attempts.labels(exc.code).inc()
            log.warning("mail.overtaken", message=id_, reason=exc.code)
            return True
    log.info(
        "mail.attempted",
        message=id_,
        case=message.case,
        state=message.state,
        ground=message.ground,
        attempts=message.attempts,
        repeats=message.repeats,
    )
    return True


def _may_be_alive(desk: Desk, message: Message) -> bool:
    """Whether the attempt may still be under way. Its lease is over by our calendar, and ours may be an hour ahead:
    it is over once we have seen it stand as long as a hand-over may take."""
    return desk.watch.unchanged(message.id, message.fence) < desk.pace.lease.total_seconds() * HAND_OVER_SHARE


async def _deliver(desk: Desk, line: Line, message: Message) -> Message:
    if message.facts.until is not None and desk.clock.now() >= message.facts.until:
        return await desk.messages.change(message.id, lambda m: m.lapse(desk.clock.now()))
    try:
        recipient, written = await _write(desk, message)
    except _NotYet as exc:
        share, ground = _jitter(), exc.ground
        return await desk.messages.change(message.id, lambda m: m.wait(ground, desk.clock.now(), desk.pace, share))
    return await _attempt(desk, line, message, recipient, written)


class _NotYet(Exception):
    """Something the letter needs is not known yet, or not in order."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.ground = ground


async def _write(desk: Desk, message: Message) -> tuple[str, bytes]:
    """Address and letter; raises `_NotYet`."""
    contact = message.to or await contacts.find(desk.contacts, message.person)
    if contact is None or contact.mail is None:
        raise _NotYet("no-contact")
    guide = desk.items.get(message.facts.item or "")
    department = desk.organisations.get(message.facts.department or (guide.department if guide else ""))
    if message.facts.item is not None and (guide is None or department is None):
        raise _NotYet("no-guide")
    template = await desk.texts.find(message.template)
    if template is None:
        raise _NotYet("no-template")
    try:
        subject, body = template.render(contact.language, filling(message.facts, contact, guide, department))
    except RENDER_ERRORS as exc:
        raise _NotYet("template-fails") from exc
    try:
        return contact.mail, letter(message.id, desk.sender, contact, subject, body, message.queued_at)
    except ValueError as exc:
        raise _NotYet("address-invalid") from exc


async def _attempt(desk: Desk, line: Line, message: Message, recipient: str, written: bytes) -> Message:
    begun, lease, fence = asyncio.get_running_loop().time(), desk.pace.lease.total_seconds(), new_id("attempt")
    claimed = await _noted(
        desk, message.id, lambda m: _claim(desk, m, message.fence, fence), begun + lease * HAND_OVER_SHARE
    )
    if claimed.repeats > message.repeats:
        desk.metrics.maybe_repeated.inc()
        log.warning("mail.maybe-repeated", message=message.id, repeats=claimed.repeats)
    with desk.metrics.seconds.time():
        outcome = await line.hand_over(recipient, written, begun + lease * HAND_OVER_SHARE)
    desk.metrics.attempts.labels(outcome.ground or outcome.kind).inc()
    return await _noted(desk, message.id, lambda m: _end(desk, m, fence, outcome), begun + lease)


def _claim(desk: Desk, message: Message, seen: str | None, fence: str) -> None:
    """Claim what we looked at. Raises `NotDue`, also where another attempt has begun since, whatever the time is."""
    if message.fence not in (seen, fence):
        raise NotDue("Another attempt has begun")
    message.claim(desk.instance, fence, desk.clock.now(), desk.pace)


async def _noted(desk: Desk, id_: str, change: Callable[[Message], None], until: float) -> Message:
    """Change the message, through an outage of the store: a hand-over that is not written down would be repeated."""
    while True:
        try:
            return await desk.messages.change(id_, change)
        except (Unavailable, Contention):
            if asyncio.get_running_loop().time() >= until:
                raise
            await asyncio.sleep(STORE_PAUSE_SECONDS)


def _end(desk: Desk, message: Message, fence: str, outcome: Outcome) -> None:
    now = desk.clock.now()
    if outcome.ground is None:
        message.handed_over(fence, now)
    elif outcome.kind == "refused":
        message.refuse(fence, outcome.ground, now)
    else:
        message.put_off(fence, outcome.ground, now, desk.pace, _jitter())


def _jitter() -> float:
    return random.random()  # noqa: S311 - no secret
