"""Verifying a service's chain of noted acts from outside: by its topics, and by hashes that are made here."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any

from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from pydantic import BaseModel

from deploy.local import records
from deploy.local.client import Network
from shared.audit.topic import told
from shared.audit.verify import SIX_MONTHS, Report, Verifier
from shared.clock import CITY_TIME
from shared.contracts.acts import ChainSealed
from shared.contracts.identity import ActNoted, AuditSealed
from shared.messaging.envelope import Unreadable, read, read_head

SERVICE = "identity"
PAGE = 1000
DAY_MS = 24 * 60 * 60 * 1000
EARLIER = timedelta(days=2)
"""An act may have been on the topic so long before it came into the chain, where one begins with a later day."""
LATE_S, SOON_S = 15.0, 1.0
"""So long after its topic, a chain may lack an act: who verifies waits for it, shorter where that changes nothing."""
Progress = Callable[[str], None]


class Verified(BaseModel):
    """The report, and what is not about single records. `short`: what is kept for less than six months;
    `unreadable`: records of the topic that are no acts."""

    holds: bool
    report: Report
    keeps_days: int
    topic_keeps_days: float
    short: list[str]
    unreadable: int


def too_short(kept: Mapping[str, float]) -> list[str]:
    """Of what is kept for so many days: what is not kept for six months (网络安全法 Art. 21, since 2026 Art. 23)."""
    return [f"{what} keeps records for {days:g} days" for what, days in kept.items() if days < SIX_MONTHS]


@dataclass(slots=True)
class Outside:
    """Where the chain, the seals and the topic come from."""

    network: Network
    broker: Mapping[str, Any]
    since: date | None = None
    progress: Progress = lambda _: None
    _unreadable: int = 0
    _read: records.Offsets = field(default_factory=dict)

    def verify(self) -> Verified:
        """Everything; raises `Trouble`, KafkaException and TimeoutError where something does not answer."""
        state = self.network.get(SERVICE, "/audit")
        keeps, kept_on_topic = int(state["keeps_days"]), self._topic_keeps()
        begin = None if self.since is None else datetime.combine(self.since, time_of_day(), CITY_TIME)
        verifier = Verifier(list(self._seals(begin)), self.since.isoformat() if self.since else None)
        self._tell(verifier, begin, datetime.now(UTC) - timedelta(days=keeps - 1))
        after = self._take(verifier, None)
        self._tell(verifier, begin, datetime.now(UTC) - timedelta(days=keeps - 1))
        until = time.monotonic() + (LATE_S if verifier.holds_so_far else SOON_S)
        while verifier.missing and time.monotonic() < until:
            time.sleep(0.2)
            after = self._take(verifier, after)
        report = verifier.report(datetime.now(UTC))
        short = too_short({"the chain": keeps, f"topic {ActNoted.topic}": kept_on_topic})
        return Verified(
            holds=report.holds and not short,
            report=report,
            keeps_days=keeps,
            topic_keeps_days=kept_on_topic,
            short=short,
            unreadable=self._unreadable,
        )

    def _topic_keeps(self) -> float:
        """As the broker has it, in days."""
        admin = AdminClient(dict(self.broker))  # kept while it works: its futures end with it
        (answer,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, ActNoted.topic)]).values()
        kept = int(answer.result(records.ASK_S)["retention.ms"].value)
        return float("inf") if kept < 0 else kept / DAY_MS

    def _seals(self, begin: datetime | None) -> Iterator[ChainSealed]:
        """Of the topic, where nobody can take one back; and what the service says itself, which must not differ."""
        self.progress("reading seals")
        for record in records.read(self.broker, AuditSealed.topic, since=begin and begin - EARLIER):
            try:
                head = read_head(record)
                if head.type == AuditSealed.type:
                    yield read(record, head, AuditSealed).data
            except Unreadable:  # somebody else's business: its readers have parked it
                continue
        for one in self.network.get(SERVICE, "/audit/seals"):
            yield ChainSealed.model_validate(one)

    def _tell(self, verifier: Verifier, begin: datetime | None, oldest: datetime) -> None:
        """What is on the topic, that was not told yet. `oldest`: what was done before is dropped by its age, and is not
        put into the chain again where it is published again."""
        since = begin and begin - EARLIER
        for n, record in enumerate(records.read(self.broker, ActNoted.topic, since=since, after=self._read)):
            if n % PAGE == 0:
                self.progress(f"reading the topic: {n:,} acts")
            written = datetime.fromtimestamp(record.written_at or 0, UTC)
            verifier.begins = verifier.begins or written
            try:
                act = told(record, ActNoted)
            except Unreadable:
                self._unreadable += 1
                continue
            is_wanted = begin is None or written >= begin + timedelta(minutes=1)
            verifier.told(act.event, act.fingerprint, must=is_wanted and act.at >= oldest)
        verifier.begins = verifier.begins or datetime.now(UTC)

    def _take(self, verifier: Verifier, after: str | None) -> str | None:
        """The chain from there on; the id of its last record."""
        taken = 0
        while True:
            since = self.since.isoformat() if self.since else None
            page = self.network.get(SERVICE, "/audit/records", since=since, after=after, limit=PAGE)
            for link in page["items"]:
                verifier.take(link)
                after = link["_id"]
            taken += len(page["items"])
            self.progress(f"verifying: {taken:,} records, up to {after or 'none'}")
            if page["next"] is None:
                return after
