"""Whether a chain is as it was written: each link by itself, held against the seals, and against the topic.

Pure. It believes nobody: hashes are made anew, seals and acts come from topics that only their writer can write on and
nobody can change. Somebody who can write the store and makes all hashes anew is found by the seals; what is not sealed
yet, by the topic.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from shared.audit.chain import GENESIS, Head, Link, link_id, stamp
from shared.clock import city_date
from shared.contracts.acts import ChainSealed

Kind = Literal["edited", "gap", "broken", "otherwise-sealed", "unsealed", "not-kept", "not-in-chain", "not-on-topic"]
LONGEST_UNSEALED = timedelta(hours=2)
"""Seals come more often: every ten minutes, while there is something new."""
SIX_MONTHS = 183
"""Days that logs are kept at least: 网络安全法 Art. 21 (since 2026 Art. 23)."""
CLOCKS = timedelta(minutes=1)
"""By less, moments of different machines tell nothing."""
NAMED = 100
"""Findings that are named, of each kind."""


class Finding(BaseModel):
    """One thing that is wrong: where (a record's day and number, or an event), and what."""

    kind: Kind
    where: str
    detail: str


class Report(BaseModel):
    """What was found. `found`: how often each kind, also of what is not named any more."""

    records: int = 0
    days: int = 0
    first: str | None = None
    last: str | None = None
    head: str | None = None
    """The hash of the last record: whoever keeps it elsewhere has a seal of their own."""
    seals: int = 0
    sealed: str | None = None
    """The last record that a seal covers."""
    unsealed: int = 0
    on_topic: int = 0
    not_compared: int = 0
    """Records from before what is on the topic."""
    found: dict[Kind, int] = {}
    findings: list[Finding] = []

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.found


@dataclass(slots=True)
class Verifier:
    """Give it the seals, what is on the topic (`told`), and the records in order (`take`); then ask (`report`).

    `since`: the day to begin with, where not with the first. `begins`: from when on the topic has all there was;
    `None` where it has not been read.
    """

    seals: Iterable[ChainSealed]
    since: str | None = None
    begins: datetime | None = None
    _report: Report = field(default_factory=Report)
    _sealed: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    _closed: set[tuple[str, int]] = field(default_factory=set)
    _told: dict[bytes, tuple[str, bool]] = field(default_factory=dict)
    _matched: set[bytes] = field(default_factory=set)
    _alone: dict[bytes, tuple[str, str, bool]] = field(default_factory=dict)
    _end: Head | None = None
    _continues: bool = False
    """Whether the first record says that there were others before."""
    _unsealed_since: str | None = None

    def __post_init__(self) -> None:
        for seal in self.seals:
            self._sealed[seal.day, seal.count].add(seal.hash)
            if seal.closed:
                self._closed.add((seal.day, seal.count))
        self._report.seals = len(self._sealed)
        for (day, n), hashes in self._sealed.items():
            if len(hashes) > 1:
                self._find("otherwise-sealed", link_id(day, n), "two seals contradict each other")

    # -- the topic ---------------------------------------------------------------------------------------

    def told(self, event: str, fingerprint: bytes, *, must: bool = True) -> None:
        """An act is on the topic, also when it comes again. Not all `must` be among the records: those from before the
        day to begin with need not."""
        if fingerprint in self._matched:
            return
        if self._alone.pop(fingerprint, None) is not None:
            self._matched.add(fingerprint)
        else:
            self._told[fingerprint] = event, must

    @property
    def missing(self) -> int:
        """How many acts of the topic were not among the records yet."""
        return sum(must for _, must in self._told.values())

    @property
    def holds_so_far(self) -> bool:
        """Whether nothing wrong was found in the records yet."""
        return self._report.holds

    # -- the chain ---------------------------------------------------------------------------------------

    def take(self, raw: Mapping[str, Any]) -> None:
        """The next record."""
        try:
            link = Link.model_validate({name: value for name, value in raw.items() if name != "_id"})
        except ValidationError as error:
            wrong = ", ".join(sorted({str(fault["loc"][0]) for fault in error.errors()}))
            self._find("edited", str(raw.get("_id", "?"))[:100], f"is no record of ours: {wrong}")
            return
        self._report.records += 1
        self._report.first = self._report.first or link.head.id
        if self._end is None or link.day != self._end.day:
            self._report.days += 1
        self._link(link)
        self._seal(link)
        self._compare(link)
        self._end = link.head

    def _link(self, link: Link) -> None:
        """One finding a record, the plainest: what follows from it is not told again."""
        before, where = self._end, link.head.id
        if link.digest() != link.hash:
            self._find("edited", where, "its content is not what its hash was made of")
        elif before is None:
            self._begin(link)
        elif not _follows(before, link):
            self._find("gap", where, f"comes behind {before.id}")
        elif link.prev != before.hash:
            self._find("broken", where, f"does not continue {before.id}")

    def _begin(self, link: Link) -> None:
        """The first one there is: the first of all, or of a day up to which the records were dropped by their age."""
        self._continues = link.prev != GENESIS.hash
        days = sorted((day, n) for day, n in self._sealed if day < link.day)
        if link.n != 1:
            self._find("gap", link.head.id, "the day's records before it are not there")
        elif self._continues and days and days[-1] in self._closed and link.prev not in self._sealed[days[-1]]:
            self._find("broken", link.head.id, f"does not continue what was sealed, {link_id(*days[-1])}")
        elif not self._continues and days:
            self._find("gap", link.head.id, f"says that it is the first, and {days[0][0]} was sealed")

    def _seal(self, link: Link) -> None:
        hashes = self._sealed.pop((link.day, link.n), None)
        if hashes is None:
            self._unsealed_since = self._unsealed_since or link.kept_at
            self._report.unsealed += 1
            return
        if link.hash not in hashes:
            self._find("otherwise-sealed", link.head.id, "is not the record that was sealed")
        self._report.sealed, self._report.unsealed, self._unsealed_since = link.head.id, 0, None

    def _compare(self, link: Link) -> None:
        if self.begins is None:
            return
        print_ = link.fingerprint()
        if print_ in self._told:
            del self._told[print_]
            self._matched.add(print_)
        else:  # it may be told yet
            self._alone[print_] = link.head.id, link.event, self._was_on_topic(link, self.begins)

    def _was_on_topic(self, link: Link, begins: datetime) -> bool:
        """Whether it must have come while the topic had what it has. The day is where the record stands, which nobody
        chooses; on the first day the moment counts. Where we begin later, an act may lie further back on the topic."""
        day = city_date(begins).isoformat()
        if self.since is not None:
            return link.at >= stamp(begins + CLOCKS)
        return link.day > day or (link.day == day and link.kept_at >= stamp(begins + CLOCKS))

    # -- in the end --------------------------------------------------------------------------------------

    def report(self, now: datetime) -> Report:
        """All that was found."""
        end, report = self._end, self._report
        begin = self.since or (report.first or "")[:10]
        for day, n in sorted(self._sealed):
            if day >= begin:  # else it was dropped by its age
                self._find("gap", link_id(day, n), "was sealed, and is not there")
        if self._unsealed_since is not None and self._unsealed_since < stamp(now - LONGEST_UNSEALED):
            self._find("unsealed", self._unsealed_since, f"{report.unsealed} records since then have no seal")
        self._kept(now)
        for event, must in self._told.values():
            if must:
                self._find("not-in-chain", event, "is on the topic")
        for where, event, must in self._alone.values():
            if must:
                self._find("not-on-topic", where, f"says to be made of {event}")
        report.not_compared = sum(not must for *_, must in self._alone.values())
        report.on_topic = len(self._told) + len(self._matched)
        if end is not None:
            report.last, report.head = end.id, end.hash
        return report

    def _kept(self, now: datetime) -> None:
        """Nothing is dropped that is younger than six months. The day itself is on the safe side."""
        allowed = (city_date(now) - timedelta(days=SIX_MONTHS)).isoformat()
        first = self._report.first or ""
        if self.since is None and self._continues and first[:10] > allowed:
            self._find("not-kept", first, f"is younger than {SIX_MONTHS} days, and the records before it were dropped")

    def _find(self, kind: Kind, where: str, detail: str) -> None:
        self._report.found[kind] = self._report.found.get(kind, 0) + 1
        if self._report.found[kind] <= NAMED:
            self._report.findings.append(Finding(kind=kind, where=where, detail=detail))


def _follows(before: Head, link: Link) -> bool:
    return (link.day, link.n) == (before.day, before.n + 1) or (link.day > before.day and link.n == 1)
