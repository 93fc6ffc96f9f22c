"""The retry timetable of docs/guarantees.md, made from settings and constants: `python -m tests.contract.guarantees`
(which `make specs` runs) writes it between its markers."""

import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from deploy.kafka.declared import AUDIT, load
from services.identity.audit.domain import EVERY
from services.identity.settings import IdentitySettings
from services.identity.tokens.issuing import TOKEN_LIFE
from services.notifications.messages import commands as mails
from services.notifications.messages.domain import LONGEST_PAUSE, LONGEST_WAIT, pause
from services.notifications.settings import NotificationsSettings
from shared import runtime, timers
from shared.audit.verify import SIX_MONTHS
from shared.messaging import lane, outlet, relay
from shared.settings import ServiceSettings
from shared.store import lease, mongo, repository
from shared.web import admission, authentication, problems

PAGE = Path(__file__).parents[2] / "docs" / "guarantees.md"
BEGIN, END = "<!-- timetable: written by make specs -->", "<!-- end of timetable -->"
Row = tuple[str, str, str, str]


def default(model: type[ServiceSettings], name: str) -> float:
    """The default of a number among the settings."""
    return float(model.model_fields[name].default)


def rows() -> Iterator[Row]:
    """What goes wrong; when it is tried again; how long; what then."""
    mail = default(NotificationsSettings, "mail_lease_seconds")
    attempts, hours = (default(NotificationsSettings, name) for name in ("mail_attempts", "mail_patience_hours"))
    waits = default(NotificationsSettings, "contact_patience_hours")
    session = default(ServiceSettings, "kafka_session_seconds")
    yield (
        "two change one document at once", f"at once, up to {_s(repository.PAUSE_SECONDS)} later, doubling",
        f"{repository.ATTEMPTS} attempts", "HTTP: 503; an event: its key is held",
    )  # fmt: skip
    yield (
        "the store is away, for a request", f"the caller, after `Retry-After: {problems.RETRY_AFTER_S}`",
        f"no server for {_s(mongo.SERVER_WAIT_MS / 1000)} is away", "503 `unavailable`",
    )  # fmt: skip
    low, high = admission.RETRY_AFTER_S
    yield (
        f"more than {default(ServiceSettings, 'http_in_progress'):.0f} requests at once, or events wait longer than "
        f"{_s(default(ServiceSettings, 'http_behind_seconds'))}",
        f"the caller, after `Retry-After: {low}` to `{high}`", "–", "503 `overloaded`",
    )  # fmt: skip
    yield (
        "the store is away, for an event",
        f"every {_s(lane.HOLD_SECONDS)}",
        "for ever",
        "its key is held, nothing is parked",
    )
    yield "an event cannot be handled", "when a person says so", "for ever", "its key is parked, the others go on"
    yield (
        "the broker is away, for the relay", f"every {_s(relay.AGAIN_SECONDS)}", "for ever",
        f"a record without an answer for {_s(outlet.PUBLISH_SECONDS)} counts as unsent and is sent again",
    )  # fmt: skip
    yield (
        "the broker refuses one document's entry",
        f"after {_s(relay.REST_SECONDS)}, doubling to {_s(relay.LONGEST_REST_SECONDS)}, ± half", "for ever",
        "the other documents go on",
    )  # fmt: skip
    yield (
        "a replica is killed before it tells the relay what it wrote", f"within {_s(relay.SWEEP_SECONDS)}",
        f"every {_s(relay.SWEEP_SECONDS)}", "the relay looks at every journal; what it is told of goes at once",
    )  # fmt: skip
    yield (
        "the relay's holder dies", f"the same instance at once, another after {_s(lease.TERM_SECONDS)}",
        f"looked every {_s(lease.LOOK_SECONDS)}", "–",
    )  # fmt: skip
    yield (
        "a reader dies",
        f"another has its partitions after {_s(session)}",
        "–",
        "what it had not committed comes again",
    )
    yield (
        "a timer fails", f"after {_s(timers.REST_SECONDS)}", "for ever",
        f"looked every {_s(timers.SWEEP_SECONDS)}; the other timers go on",
    )  # fmt: skip
    yield (
        "mail: 4xx, no connection, no answer",
        f"after a random share of {_s(pause(1, LONGEST_PAUSE).total_seconds())}, doubling to "
        f"{_s(LONGEST_PAUSE.total_seconds())}",
        f"{attempts:.0f} attempts or {_s(hours * 3600)}", "given up, `message-failed`; a person may retry",
    )  # fmt: skip
    yield "mail: 5xx", "–", "–", "given up at once, `message-failed`; a person may retry"
    yield (
        "mail: the address, the item or the template is not known yet",
        f"after a random share of {_s(pause(1, LONGEST_WAIT).total_seconds())}, doubling to "
        f"{_s(LONGEST_WAIT.total_seconds())}",
        _s(waits * 3600), "given up, `message-failed`",
    )  # fmt: skip
    yield (
        "a mail's sender dies", "the same instance at its start, another after "
        f"{_s(mail)} by the calendar and {_s(mail * mails.HAND_OVER_SHARE)} of watching",
        "–", "it is sent again and counted in `repeats`",
    )  # fmt: skip
    yield "a part of a service breaks", f"after {_s(runtime.RETRY_SECONDS)}", "for ever", "`/readyz` 503 meanwhile"
    yield (
        "a partition is not polled",
        f"the lane starts anew after {_s(lane.UNPOLLED_SECONDS)}, or after {lane.UNCOMMITTED_LIMIT} batches that could "
        "not be committed",
        "–", "–",
    )  # fmt: skip


def keeping() -> Iterator[str]:
    """How long things are kept."""
    topics = load([]).topics
    noted = [topic for topic in topics if topic.name.endswith(AUDIT)]
    days = sorted({(t.personal, t.retention_days) for t in topics if t.kind == "log" and t not in noted})
    rows = ", ".join(f"{t.name} {t.retention_days} days" for t in topics if t.kind != "log" and t.retention_days)
    told = ", ".join(f"{'personal' if personal else 'other'} topics {n} days" for personal, n in days)
    kept = repository.PERSONAL_RETENTION.days
    yield f"Records: {told}; tables for ever ({rows} only). Personal entries of journals keep their data {kept} days."
    acts = ", ".join(f"{topic.name} {topic.retention_days} days" for topic in noted)
    chain = default(IdentitySettings, "audit_days")
    yield (
        f"Records of acts: {acts}, in the chain {chain:.0f} days, sealed every {_s(EVERY.total_seconds())}; a setting "
        f"below {SIX_MONTHS} days is refused."
    )
    yield f"An aggregate knows the last {repository.SEEN_LIMIT} ids of departments' statements again."
    life, leeway = TOKEN_LIFE.total_seconds(), authentication.LEEWAY.total_seconds()
    yield f"Access tokens live {_s(life)}; clocks may differ by {_s(leeway)}."


def _s(seconds: float) -> str:
    """2 s, 5 min, 2 h, 3 days, 2 ms."""
    whole = timedelta(seconds=seconds)
    for unit, name in ((timedelta(days=1), "days"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min")):
        if whole >= unit and whole % unit == timedelta():
            return "1 day" if whole == timedelta(days=1) else f"{whole // unit} {name}"
    return f"{seconds:g} s" if seconds >= 0.1 else f"{seconds * 1000:g} ms"


def timetable() -> str:
    """As it stands between the markers."""
    head = ("What happens", "Tried again", "How long", "Then, or meanwhile")
    lines = [_line(head), _line(("---",) * len(head)), *map(_line, rows()), "", *(f"- {text}" for text in keeping())]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def written() -> str:
    """The page with the timetable as it is now."""
    page = PAGE.read_text(encoding="utf-8")
    before, found, rest = page.partition(BEGIN)
    if not found or END not in rest:
        raise ValueError(f"{PAGE.name} lacks its markers")
    return f"{before}{BEGIN}\n{timetable()}{END}{rest.partition(END)[2]}"


def main() -> int:
    """Write it."""
    PAGE.write_text(written(), encoding="utf-8")
    sys.stdout.write("timetable written to docs/guarantees.md\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
