"""The checker is content with what was recorded on a quiet city, and finds each thing that is planted into it."""

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.checker import KINDS, RULES, check
from tests.chaos.evidence import Acknowledgement, Document, Entry, Evidence, Parked, Record, caught_up
from tests.chaos.record import RECORDED

HERE = Path(__file__).parent


@pytest.fixture
def evidence() -> Evidence:
    return Evidence.load(RECORDED)


def first(evidence: Evidence, collection: str, **fields: str) -> Document:
    """The first document of that collection with these values."""
    return next(d for d in evidence.documents if d.collection == collection and fields.items() <= d.fields.items())


def record(evidence: Evidence, kind: str, key: str | None = None) -> Record:
    return next(r for r in evidence.records if r.kind == kind and key in (None, r.key))


def change(evidence: Evidence, document: Document, **values: object) -> None:
    """The document as it would be with these values; `fields` are added to those that are there."""
    if isinstance(fields := values.get("fields"), dict):
        values["fields"] = document.fields | fields
    evidence.documents[evidence.documents.index(document)] = replace(document, **values)  # type: ignore[arg-type]


def append(evidence: Evidence, document: Document, entry: Entry) -> None:
    """One more entry in a journal, and on its topic."""
    n = document.seq + 1
    change(evidence, document, seq=n, sent=n, journal=document.journal | {n: entry})
    like = next(r for r in evidence.records if r.key == document.id and r.topic == entry.topic)
    offset = max(r.offset for r in evidence.records if (r.topic, r.partition) == (like.topic, like.partition)) + 1
    told = {"id": f"{document.id}:{n}", "type": entry.type, "sha256": entry.sha256, "data": entry.data}
    evidence.records.append(replace(like, offset=offset, sequence=n, **told))  # type: ignore[arg-type]


def copy_of(document: Document, id_: str) -> Document:
    """Another document with the same content and nothing to say."""
    return replace(document, id=id_, seq=0, sent=0, journal={})


def again(evidence: Evidence, collection: str, kind: str) -> None:
    """A step of the first such document is taken a second time."""
    document = next(
        d for d in evidence.documents if d.collection == collection and kind in {e.kind for e in d.journal.values()}
    )
    append(evidence, document, next(e for e in document.journal.values() if e.kind == kind))


# -- lost ----------------------------------------------------------------------------------------------------


def case_lost(e: Evidence) -> None:
    e.documents.remove(first(e, "cases"))


def case_not_completed(e: Evidence) -> None:
    change(e, first(e, "cases"), fields={"state": "accepted"})


def event_lost(e: Evidence) -> None:
    e.records.remove(record(e, "case-accepted"))


def last_event_lost(e: Evidence) -> None:
    e.records.remove(record(e, "case-completed"))


def answer_lost(e: Evidence) -> None:
    e.records.remove(record(e, "answer-delivered"))


def table_row_lost(e: Evidence) -> None:
    like = first(e, "files")
    entry = Entry("tongban.intake.item-published.v1", "intake.items", "0" * 64)
    e.documents.append(replace(like, collection="items", id="item-x", seq=2, sent=2, journal={1: entry, 2: entry}))
    old = replace(record(e, "case-accepted"), topic="intake.items", key="item-x", id="item-x:1", sequence=1)
    e.records.append(replace(old, type=entry.type, sha256="0" * 64))


def journal_entry_lost(e: Evidence) -> None:
    case = first(e, "cases")
    change(e, case, journal={n: entry for n, entry in case.journal.items() if n != 2})


def never_sent(e: Evidence) -> None:
    change(e, first(e, "cases"), pending=1)


def wish_forgotten(e: Evidence) -> None:
    e.documents.remove(first(e, "exchanges"))


def exchange_without_end(e: Evidence) -> None:
    change(e, first(e, "exchanges"), fields={"state": "asked"})


def message_never_queued(e: Evidence) -> None:
    e.documents.remove(first(e, "messages"))


def mail_never_sent(e: Evidence) -> None:
    change(e, first(e, "messages"), fields={"state": "queued"})


def mail_lost(e: Evidence) -> None:
    del e.mails[0]


def refused(e: Evidence) -> None:
    e.refused.append("422 {}")


def never_answered(e: Evidence) -> None:
    e.unanswered.append("a key")


# -- repeated ------------------------------------------------------------------------------------------------


def two_cases_for_one_key(e: Evidence) -> None:
    one, other, _ = e.acknowledged
    e.acknowledged.append(Acknowledgement(one.key, other.case, other.at))


def one_number_twice(e: Evidence) -> None:
    one, other = (d for d in e.documents if d.collection == "cases" and d is not first(e, "cases"))
    change(e, one, fields={"number": other.fields["number"]})


def decided_twice(e: Evidence) -> None:
    again(e, "cases", "case-decided")


def wished_twice(e: Evidence) -> None:
    again(e, "cases", "material-wished")


def asked_twice(e: Evidence) -> None:
    again(e, "exchanges", "question-asked")


def told_twice_that_it_was_sent(e: Evidence) -> None:
    again(e, "messages", "message-sent")


def answered_and_refused(e: Evidence) -> None:
    refusal = next(x for d in e.documents for x in d.journal.values() if x.kind == "exchange-refused")
    append(e, first(e, "exchanges", state="answered"), refusal)


def two_exchanges_for_one_wish(e: Evidence) -> None:
    e.documents.append(copy_of(first(e, "exchanges"), "exchange-again"))


def two_messages(e: Evidence) -> None:
    e.documents.append(copy_of(first(e, "messages"), "message-again"))
    e.mails.append("<message-again@tongban.example>")


def uncounted_mail(e: Evidence) -> None:
    e.mails.append(e.mails[0])


def one_sequence_twice(e: Evidence) -> None:
    one = record(e, "case-accepted")
    e.records.append(replace(one, offset=one.offset + 1000, sha256="0" * 64))


def two_statements(e: Evidence) -> None:
    statement = next(r for r in e.records if r.kind == "case-decided" and r.topic == "police.out")
    e.records.append(replace(statement, offset=1000, id="police:again"))


def good_statement_rejected(e: Evidence) -> None:
    fields = {"statement": "police:x", "ground": "finished", "about": first(e, "cases").id}
    e.documents.append(replace(copy_of(first(e, "files"), "rejection-x"), collection="rejections", fields=fields))


# -- out of order --------------------------------------------------------------------------------------------


def swapped(e: Evidence) -> None:
    one, other = record(e, "case-submitted"), record(e, "case-accepted", record(e, "case-submitted").key)
    e.records.remove(one)
    e.records.remove(other)
    e.records += [replace(one, offset=other.offset), replace(other, offset=one.offset)]


def overtaken_by_a_later_one(e: Evidence) -> None:
    one = record(e, "case-accepted")
    e.records.remove(one)
    e.records.append(replace(one, offset=1000))


def on_another_partition(e: Evidence) -> None:
    one = record(e, "case-completed")
    e.records.remove(one)
    e.records.append(replace(one, partition=one.partition + 1, offset=1000))


# -- orphaned ------------------------------------------------------------------------------------------------


def case_nobody_applied_for(e: Evidence) -> None:
    del e.acknowledged[0]


def exchange_without_a_wish(e: Evidence) -> None:
    e.documents.append(
        replace(copy_of(first(e, "exchanges"), "exchange-x"), fields={"wish": "x:1", "state": "refused"})
    )


def message_without_its_event(e: Evidence) -> None:
    fields = {"case": first(e, "cases").id, "template": "case-lost", "state": "sent"}
    e.documents.append(replace(copy_of(first(e, "messages"), "message-x"), fields=fields))
    e.mails.append("<message-x@tongban.example>")


def mail_without_its_message(e: Evidence) -> None:
    e.mails.append("<message-y@tongban.example>")


def record_without_its_entry(e: Evidence) -> None:
    one = record(e, "case-completed")
    e.records.append(replace(one, offset=1000, id=f"{one.key}:99", sequence=99))


def record_that_differs(e: Evidence) -> None:
    one = record(e, "case-completed")
    e.records.remove(one)
    e.records.append(replace(one, sha256="0" * 64))


def statement_nobody_asked_for(e: Evidence) -> None:
    statement = next(r for r in e.records if r.topic == "police.out")
    e.records.append(replace(statement, offset=1000, key="case-x", id="police:case-x"))


def file_without_its_owner(e: Evidence) -> None:
    e.files.append("files/incoming/upload-x")


# -- parked --------------------------------------------------------------------------------------------------


def parked(e: Evidence) -> None:
    e.parked.append(Parked("intake", "police.out/0/7", "case-x", "failed: ValueError"))


PLANTED: dict[str, tuple[Callable[[Evidence], None], ...]] = {
    "lost": (
        case_lost, case_not_completed, event_lost, last_event_lost, answer_lost, table_row_lost, journal_entry_lost,
        never_sent, wish_forgotten, exchange_without_end, message_never_queued, mail_never_sent, mail_lost, refused,
        never_answered,
    ),
    "repeated": (
        two_cases_for_one_key, one_number_twice, decided_twice, wished_twice, asked_twice, told_twice_that_it_was_sent,
        answered_and_refused, two_exchanges_for_one_wish, two_messages, uncounted_mail, one_sequence_twice,
        two_statements, good_statement_rejected,
    ),
    "out of order": (swapped, overtaken_by_a_later_one, on_another_partition),
    "orphaned": (
        case_nobody_applied_for, exchange_without_a_wish, message_without_its_event, mail_without_its_message,
        record_without_its_entry, record_that_differs, statement_nobody_asked_for, file_without_its_owner,
    ),
    "parked": (parked,),
}  # fmt: skip


def test_a_quiet_city_is_found_in_order(evidence: Evidence) -> None:
    verdict = check(evidence)
    assert [str(finding) for finding in verdict.findings] == []
    assert (verdict.cases, verdict.mails, verdict.resent) == (3, 8, 0)


@pytest.mark.parametrize(
    ("kind", "plant"), [pytest.param(kind, p, id=p.__name__) for kind, several in PLANTED.items() for p in several]
)
def test_what_is_planted_is_found(evidence: Evidence, kind: str, plant: Callable[[Evidence], None]) -> None:
    plant(evidence)
    assert kind in {finding.kind for finding in check(evidence).findings}


def test_every_kind_and_every_rule_has_something_planted(evidence: Evidence) -> None:
    assert set(PLANTED) == set(KINDS)
    for rule in RULES:
        blind = [other for other in RULES if other is not rule]
        missed = [
            plant.__name__
            for kind, several in PLANTED.items()
            for plant in several
            if not _found(kind, plant, tuple(blind))
        ]
        assert missed, f"{rule.__name__}: without it everything planted is still found"


def _found(kind: str, plant: Callable[[Evidence], None], rules: tuple[object, ...]) -> bool:
    evidence = Evidence.load(RECORDED)
    plant(evidence)
    return kind in {finding.kind for finding in check(evidence, rules).findings}  # type: ignore[arg-type]


def test_a_record_that_comes_again_is_no_repeated_effect(evidence: Evidence) -> None:
    one = record(evidence, "case-submitted")
    evidence.records.append(replace(one, offset=one.offset + 1000))
    verdict = check(evidence)
    assert (verdict.findings, verdict.resent) == ([], 1)


def test_a_mail_that_comes_again_and_was_counted_is_shown_only(evidence: Evidence) -> None:
    message = first(evidence, "messages")
    change(evidence, message, fields={"repeats": 1})
    evidence.mails.append(f"<{message.id}@tongban.example>")
    verdict = check(evidence)
    assert (verdict.findings, verdict.mails_repeated) == ([], 1)


def test_an_answer_that_came_too_late_may_be_rejected(evidence: Evidence) -> None:
    late = first(evidence, "exchanges", ground="owner-silent")
    fields = {"statement": f"hrss:{late.id}", "ground": "finished", "about": late.id}
    rejection = replace(copy_of(late, "rejection-x"), collection="rejections", fields=fields)
    evidence.documents.append(rejection)
    assert check(evidence).findings == []


def test_what_a_fault_planted_itself_is_no_finding(evidence: Evidence) -> None:
    parked(evidence)
    statement_nobody_asked_for(evidence)
    evidence.planted = ["case-x", "police:case-x"]
    assert check(evidence).findings == []


@pytest.mark.parametrize("module", ["checker.py", "evidence.py"])
def test_the_checker_shares_no_code_with_the_product(module: str) -> None:
    tree = ast.parse((HERE / module).read_text(encoding="utf-8"))
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    imported |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not {name.partition(".")[0] for name in imported} & {"shared", "services", "deploy"}


# -- a city that does not stand still while it is read ---------------------------------------------------------


def without_journal(evidence: Evidence) -> set[str]:
    return {f.subject for f in check(evidence).findings if f.detail == "no journal has it"}


def test_what_is_written_while_topics_are_read_is_no_orphan(evidence: Evidence) -> None:
    """The canary sings each minute. Without the second look its record would be one that no journal has."""
    before, records = list(evidence.documents), list(evidence.records)
    case = first(evidence, "cases")
    append(evidence, case, case.journal[max(case.journal)])
    new = replace(case, id="sung-meanwhile", seq=1, sent=0, pending=1, journal={1: case.journal[1]})
    told = {"key": new.id, "id": f"{new.id}:1", "type": new.journal[1].type, "sha256": new.journal[1].sha256}
    sung = replace(next(r for r in records if r.topic == new.journal[1].topic), **told)  # type: ignore[arg-type]
    evidence.records.append(replace(sung, offset=10**6, sequence=1, data=new.journal[1].data))
    later, evidence.documents = [*evidence.documents, new], before
    assert without_journal(evidence) == {f"{case.id}:{case.seq + 1}", f"{new.id}:1"}
    evidence.documents = caught_up(before, later, evidence.records)
    assert without_journal(evidence) == set()
    assert {d.id for d in evidence.documents} - {d.id for d in before} == {new.id}


def test_what_the_second_look_finds_is_not_lost_and_hides_no_orphan(evidence: Evidence) -> None:
    """Entries no record carries came after the topics were read; a record without an entry stays an orphan."""
    before = list(evidence.documents)
    case = first(evidence, "cases")
    change(evidence, case, seq=99, pending=1, journal=case.journal | {99: case.journal[1]})
    new = replace(case, id="written-after", seq=1, journal={1: case.journal[1]})
    evidence.documents = caught_up(before, [*evidence.documents, new], evidence.records)
    assert evidence.documents == before
    assert not check(evidence).findings
    like = record(evidence, "case-accepted")
    evidence.records.append(replace(like, offset=10**6, id=f"{like.key}:98", sequence=98))
    assert {f.kind for f in check(evidence).findings} == {"orphaned"}
