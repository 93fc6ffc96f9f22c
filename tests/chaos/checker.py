"""The checker: joins what the driver was told with store, topics and mailbox, and says what is wrong.

It trusts nobody and imports nothing of the product: rules of the city stand here a second time, on purpose.

lost          acknowledged and not there, not completed, not told; an event that is not on its topic; a wish nobody
              took up; something that is still to be sent
repeated      a second *effect*: two cases for one key, two decisions, two exchanges for one wish, two messages about
              one thing, a mail more often than its counted repeats, a step taken twice, one sequence with two
              contents, a statement applied and then rejected. The same record twice is none: delivery is at least
              once, and `resent` counts it
out of order  the first occurrences of an aggregate's events on a topic do not come in sequence without a gap
orphaned      something nobody caused: a case no one applied for, an exchange without a wish, a message without its
              event, a mail without its message, a record without its journal entry, a file without its owner
parked        a key that stands still
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from tests.chaos.evidence import Document, Entry, Evidence, Record

Kind = Literal["lost", "repeated", "out of order", "orphaned", "parked"]
KINDS: tuple[Kind, ...] = ("lost", "repeated", "out of order", "orphaned", "parked")
TOLD = ("case-accepted", "supplement-requested", "case-decided")
"""What the applicant hears by mail."""
ANSWERED, REFUSED = "exchange-answered", "exchange-refused"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and with what."""

    kind: Kind
    what: str
    subject: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.what} {self.subject} {self.detail}".strip()


@dataclass(slots=True)
class Verdict:
    """What was found. `mails_repeated`: mails that came again and were counted, as the design allows."""

    findings: list[Finding] = field(default_factory=list)
    cases: int = 0
    records: int = 0
    resent: int = 0
    mails: int = 0
    mails_repeated: int = 0

    def count(self, kind: Kind) -> int:
        return sum(finding.kind == kind for finding in self.findings)


def check(evidence: Evidence, rules: "Iterable[Rule] | None" = None) -> Verdict:
    """Look at everything, by all the rules or by some."""
    joined = _Joined(evidence)
    findings = [finding for rule in rules or RULES for finding in rule(joined)]
    records = Counter((record.topic, record.id) for record in evidence.records if record.sequence is not None)
    copies = Counter(evidence.mails)
    return Verdict(
        findings=findings,
        cases=len({one.case for one in evidence.acknowledged}),
        records=len(evidence.records),
        resent=sum(n - 1 for n in records.values()),
        mails=len(copies),
        mails_repeated=sum(n - 1 for n in copies.values()),
    )


class _Joined:
    """The evidence with the ways from one part to another."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.planted = frozenset(evidence.planted)

    def _of(self, service: str, collection: str) -> dict[str, Document]:
        return {d.id: d for d in self.evidence.documents if (d.service, d.collection) == (service, collection)}

    @cached_property
    def cases(self) -> dict[str, Document]:
        return self._of("intake", "cases")

    @cached_property
    def exchanges(self) -> dict[str, Document]:
        return self._of("sharing", "exchanges")

    @cached_property
    def messages(self) -> dict[str, Document]:
        return self._of("notifications", "messages")

    @cached_property
    def wishes(self) -> set[str]:
        """The ids of the wishes that intake has in its journals."""
        return {
            f"{case.id}:{n}" for case in self.cases.values() for n, e in case.journal.items()
            if e.kind == "material-wished"
        }  # fmt: skip

    @cached_property
    def by_aggregate(self) -> dict[tuple[str, str], list[Record]]:
        """The services' records by writer and aggregate, as they lie on each partition."""
        found: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in self.evidence.records:
            if record.sequence is not None and record.key not in self.planted:
                found[record.writer, record.key].append(record)
        for records in found.values():
            records.sort(key=lambda r: (r.topic, r.partition, r.offset))
        return found

    @cached_property
    def statements(self) -> list[Record]:
        """What departments said."""
        return [r for r in self.evidence.records if r.topic.endswith(".out") and not {r.id, r.key} & self.planted]


# -- cases and keys ------------------------------------------------------------------------------------------


def acknowledged_cases(joined: _Joined) -> Iterator[Finding]:
    """Each is there, completed; one case for one key and one key for one case."""
    keys: dict[str, set[str]] = defaultdict(set)
    cases: dict[str, set[str]] = defaultdict(set)
    for one in joined.evidence.acknowledged:
        keys[one.case].add(one.key)
        cases[one.key].add(one.case)
    yield from (
        Finding("repeated", "two cases for one key", k, ", ".join(sorted(c))) for k, c in cases.items() if len(c) > 1
    )
    yield from (
        Finding("lost", "one case for two keys", c, ", ".join(sorted(k))) for c, k in keys.items() if len(k) > 1
    )
    for case in keys:
        if (found := joined.cases.get(case)) is None:
            yield Finding("lost", "acknowledged case is not in the store", case)
        elif found.fields["state"] != "completed":
            yield Finding("lost", "acknowledged case is not completed", case, str(found.fields["state"]))
    for refusal in joined.evidence.refused:
        yield Finding("lost", "a good application was refused", refusal)
    for key in joined.evidence.unanswered:
        yield Finding("lost", "an application was never answered", key)
    unknown = sorted(joined.cases.keys() - keys.keys())
    yield from (
        Finding("orphaned", "case nobody was told of", case) for case in unknown[len(joined.evidence.unanswered) :]
    )
    for number, times in Counter(case.fields["number"] for case in joined.cases.values()).items():
        if times > 1:
            yield Finding("repeated", "case number", number, f"{times} cases have it")


ONCE = {
    "cases": (
        "case-submitted", "supplement-requested", "case-accepted", "case-assigned", "case-decided", "case-completed",
    ),
    "exchanges": (
        "exchange-asked", "question-asked", "exchange-answered", "answer-delivered", "exchange-refused",
        "answer-refused",
    ),
    "messages": ("message-sent",),
}  # fmt: skip


def steps_taken_once(joined: _Joined) -> Iterator[Finding]:
    """No step of a case, an exchange or a message is in the journal twice."""
    for document in (*joined.cases.values(), *joined.exchanges.values(), *joined.messages.values()):
        kinds = Counter(entry.kind for entry in document.journal.values())
        for kind in ONCE[document.collection]:
            if kinds[kind] > 1:
                yield Finding("repeated", kind, document.id, f"{kinds[kind]} times in the journal")
        if document.collection == "exchanges" and kinds[ANSWERED] and kinds[REFUSED]:
            yield Finding("repeated", "answered and refused", document.id)
    for case in joined.cases.values():
        for kind in ("material-wished", "material-received"):
            materials = Counter(str((e.data or {}).get("material")) for e in case.journal.values() if e.kind == kind)
            for material, times in materials.items():
                if times > 1:
                    yield Finding("repeated", kind, case.id, f"{material} {times} times")


# -- journals and topics -------------------------------------------------------------------------------------


def journals_are_on_topics(joined: _Joined) -> Iterator[Finding]:
    """Journals are whole, all is sent, and each entry lies on its topic with the same content."""
    for document in joined.evidence.documents:
        name = f"{document.service}.{document.collection} {document.id}"
        if missing := sorted(set(range(1, document.seq + 1)) - document.journal.keys()):
            yield Finding("lost", "journal entries", name, str(missing))
        if document.pending or document.sent < document.seq:
            yield Finding("lost", "still to be sent", name, f"{document.sent} of {document.seq} are sent")
        there: dict[int, list[Record]] = defaultdict(list)
        for record in joined.by_aggregate.get((document.service, document.id), ()):
            there[record.sequence or 0].append(record)
        for n, entry in _expected(document, joined.evidence.compacted):
            if not any(record.topic == entry.topic for record in there[n]):
                yield Finding("lost", f"{entry.kind} is not on {entry.topic}", f"{document.id}:{n}")


def _expected(document: Document, compacted: Iterable[str]) -> Iterator[tuple[int, Entry]]:
    """Entries that have to be on a topic: of a compacted one the last of each aggregate."""
    last = {entry.topic: n for n, entry in sorted(document.journal.items())}
    for n, entry in document.journal.items():
        if (entry.sha256 is not None or entry.sealed) and (entry.topic not in compacted or last[entry.topic] == n):
            yield n, entry


def records_are_in_journals(joined: _Joined) -> Iterator[Finding]:
    """No record without its journal entry, none with another content than its sequence had before."""
    documents = {(d.service, d.id): d for d in joined.evidence.documents}
    for (writer, id_), records in joined.by_aggregate.items():
        document = documents.get((writer, id_))
        contents: dict[int, set[tuple[str, str, str]]] = defaultdict(set)
        for record in records:
            n = record.sequence or 0
            contents[n].add((record.id, record.type, record.sha256))
            entry = document.journal.get(n) if document is not None else None
            if entry is None:
                yield Finding("orphaned", f"{record.kind} on {record.topic}", record.id, "no journal has it")
            elif record.id != f"{id_}:{n}" or record.type != entry.type or entry.sha256 not in (None, record.sha256):
                yield Finding("orphaned", f"{record.kind} on {record.topic}", record.id, "its journal entry differs")
        for n, several in contents.items():
            if len(several) > 1:
                yield Finding("repeated", "one sequence with several contents", f"{id_}:{n}")


def sequences_are_in_order(joined: _Joined) -> Iterator[Finding]:
    """Each first occurrence follows the one before it, and a key stays on its partition."""
    documents = {(d.service, d.id): d for d in joined.evidence.documents}
    for (writer, id_), records in joined.by_aggregate.items():
        by_topic: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            by_topic[record.topic].append(record)
        for topic, lying in by_topic.items():
            if len({record.partition for record in lying}) > 1:
                yield Finding("out of order", "one key on several partitions", id_, topic)
            first = list(dict.fromkeys(record.sequence or 0 for record in lying))
            document = documents.get((writer, id_))
            wanted = sorted(n for n, e in document.journal.items() if e.topic == topic) if document else sorted(first)
            whole = topic not in joined.evidence.compacted
            if first != sorted(first) or (whole and not _gapless(first, wanted)):
                yield Finding("out of order", "sequence", id_, f"{topic}: {first}, written were {wanted}")


def _gapless(first: list[int], wanted: list[int]) -> bool:
    """Whether nothing is left out *between* two records; what is left out at an end is lost, or forgotten."""
    if not (known := [n for n in wanted if first[0] <= n <= first[-1]]):
        return True
    return [n for n in first if n in set(wanted)] == known


# -- exchanges and statements --------------------------------------------------------------------------------


def wishes_and_exchanges(joined: _Joined) -> Iterator[Finding]:
    """One exchange for each wish, and each comes to an end."""
    of_wish = Counter(str(exchange.fields["wish"]) for exchange in joined.exchanges.values())
    yield from (Finding("lost", "wish without an exchange", wish) for wish in sorted(joined.wishes - of_wish.keys()))
    yield from (Finding("repeated", "exchanges for one wish", wish, str(n)) for wish, n in of_wish.items() if n > 1)
    for exchange in joined.exchanges.values():
        if exchange.fields["wish"] not in joined.wishes:
            yield Finding("orphaned", "exchange without a wish", exchange.id, str(exchange.fields["wish"]))
        if exchange.fields["state"] not in ("answered", "refused"):
            yield Finding("lost", "exchange without an end", exchange.id, str(exchange.fields["state"]))


def statements_were_asked_for(joined: _Joined) -> Iterator[Finding]:
    """A department speaks of what it was given, once under one id; what was rejected came too late, and only that."""
    ids: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for record in joined.statements:
        ids[record.topic, record.kind, record.key].add(record.id)
        if record.kind == "case-decided":
            journal = joined.cases[record.key].journal if record.key in joined.cases else {}
            asked = any(entry.topic == f"intake.to.{record.writer}" for entry in journal.values())
        else:
            exchange = joined.exchanges.get(record.key)
            asked = exchange is not None and exchange.fields.get("owner") == record.writer
        if not asked:
            yield Finding("orphaned", f"{record.kind} nobody asked for", record.id)
    for (topic, kind, key), several in ids.items():
        if len(several) > 1:
            yield Finding("repeated", f"{kind} on {topic} about", key, f"{len(several)} statements")
    for document in joined.evidence.documents:
        if document.collection == "rejections" and document.fields.get("statement") not in joined.planted:
            about = joined.exchanges.get(str(document.fields.get("about")))
            if about is None or about.fields.get("ground") != "owner-silent":
                told = f"{document.fields.get('statement')}: {document.fields.get('ground')}"
                yield Finding("repeated", "a good statement was rejected", document.id, told)


# -- messages, mails, files ----------------------------------------------------------------------------------


def mails_tell_what_happened(joined: _Joined) -> Iterator[Finding]:
    """One message for each thing told, sent; its mail in the box, and again only as often as was counted."""
    told = {(c.id, entry.kind) for c in joined.cases.values() for entry in c.journal.values() if entry.kind in TOLD}
    messages: dict[tuple[str, str], list[Document]] = defaultdict(list)
    for message in joined.messages.values():
        messages[str(message.fields["case"]), str(message.fields["template"])].append(message)
    for case, template in sorted(told - messages.keys()):
        yield Finding("lost", f"message {template}", case)
    for at, several in messages.items():
        if at not in told:
            yield Finding("orphaned", f"message {at[1]} without its event", several[0].id, at[0])
        if len(several) > 1:
            yield Finding("repeated", f"message {at[1]}", at[0], f"{len(several)} messages")
    copies = Counter(mail.removeprefix("<").partition("@")[0] for mail in joined.evidence.mails)
    for message in joined.messages.values():
        found, counted = copies.pop(message.id, 0), int(message.fields.get("repeats", 0))
        if message.fields["state"] != "sent" or found == 0:
            yield Finding("lost", "mail", message.id, f"{message.fields['state']}, {found} in the box")
        if found > 1 + counted:
            yield Finding("repeated", "mail", message.id, f"{found} in the box, {counted} repeats counted")
    yield from (Finding("orphaned", "mail without its message", id_) for id_ in copies)


def files_have_owners(joined: _Joined) -> Iterator[Finding]:
    """Each object is some upload's; no draft is left."""
    owned = {str(d.fields.get("sha256")) for d in joined.evidence.documents if d.collection == "files"}
    for path in joined.evidence.files:
        if path.rpartition("/")[2] not in owned:
            yield Finding("orphaned", "file", path)


def nothing_is_parked(joined: _Joined) -> Iterator[Finding]:
    """No key stands still."""
    for one in joined.evidence.parked:
        if one.key not in joined.planted:
            yield Finding("parked", f"in {one.service}", one.id, one.reason)


Rule = Callable[[_Joined], Iterator[Finding]]
RULES: tuple[Rule, ...] = (
    acknowledged_cases, steps_taken_once, journals_are_on_topics, records_are_in_journals, sequences_are_in_order,
    wishes_and_exchanges, statements_were_asked_for, mails_tell_what_happened, files_have_owners, nothing_is_parked,
)  # fmt: skip
