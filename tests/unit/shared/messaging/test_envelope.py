"""The envelope: what we read, and what we refuse with its reason."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from shared.messaging.envelope import (
    VALUE_LIMIT,
    Record,
    Unreadable,
    headers,
    read,
    read_head,
    told_id,
    topic_pattern,
    writer,
)
from tests.petitions import OfficeListed, PetitionFiled

NOON = datetime(2026, 3, 2, 12, 0, 0, 5_000, tzinfo=UTC)
Headers = dict[str, bytes | None]
HEADERS: Headers = {
    "ce_specversion": b"1.0",
    "ce_id": b"petition-1:3",
    "ce_source": b"/dalian/east",
    "ce_type": PetitionFiled.type.encode(),
    "ce_subject": b"petition-1",
    "ce_time": b"2026-03-02T20:00:00.005+08:00",
    "ce_sequence": b"3",
    "traceparent": b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "content-type": b"application/json; charset=utf-8",
}
BODY = b'{"petition": "petition-1", "matter": "noise", "later": "unknown to us"}'


def _record(
    topic: str = "east.petitions",
    key: bytes | None = b"petition-1",
    value: bytes | None = BODY,
    *,
    without: str = "",
    **changed: bytes | None,
) -> Record:
    pairs = [(k, v) for k, v in (HEADERS | {k.replace("__", "-"): v for k, v in changed.items()}).items()]
    return Record(topic, 0, 7, key, [(name, raw) for name, raw in pairs if name != without], value)


def _read(record: Record, model: Any = PetitionFiled) -> Any:
    return read(record, read_head(record), model)


def test_a_record_becomes_an_event() -> None:
    event = _read(_record())
    assert event.data == PetitionFiled(petition="petition-1", matter="noise")
    assert (event.id, event.type, event.topic) == ("petition-1:3", PetitionFiled.type, "east.petitions")
    assert (event.subject, event.sequence, event.time) == ("petition-1", 3, NOON)
    assert event.trace == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_topic_and_nothing_else_says_who_speaks() -> None:
    assert _read(_record(ce_source=b"/dalian/west")).member == "east"
    assert writer("sharing.to.intake") == "sharing"


@pytest.mark.parametrize("name", ["ce_time", "traceparent", "content-type"])
def test_what_a_stranger_may_leave_out(name: str) -> None:
    assert _read(_record(without=name)).id == "petition-1:3"


def test_a_department_counts_as_it_likes_or_not_at_all() -> None:
    for record in (
        _record("hrss.out", without="ce_sequence"),
        _record("hrss.out", ce_sequence=b"-1"),
        _record("hrss.out", ce_sequence=b"x"),
    ):
        assert read_head(record).sequence is None


def test_the_trace_may_come_as_an_extension_of_the_event() -> None:
    record = _record(without="traceparent", ce_traceparent=b"00-aa-bb-01")
    assert _read(record).trace == "00-aa-bb-01"


def test_header_names_are_read_whatever_their_case() -> None:
    upper = [(name.upper(), raw) for name, raw in HEADERS.items()]
    assert _read(Record("east.petitions", 0, 7, b"petition-1", upper, BODY)).id == "petition-1:3"


@pytest.mark.parametrize(
    ("record", "code", "detail"),
    [
        (_record(ce_id=None), "no-envelope", "ce_id"),
        (_record(ce_id=b""), "no-envelope", "ce_id"),
        (_record(without="ce_type"), "no-envelope", "ce_type"),
        (Record("east.petitions", 0, 7, b"k", [], BODY), "no-envelope", "ce_specversion, ce_id, ce_source"),
        (_record(ce_specversion=b"0.3"), "unknown-specversion", "1.0"),
        (_record(content__type=b"application/cloudevents+json"), "unknown-content-type", "binary mode"),
        (_record(key=None), "key-differs", "ce_subject"),
        (_record(key=b"petition-2"), "key-differs", "ce_subject"),
        (_record(extra=b"\xff\xfe"), "bad-header", "extra"),
        (_record(ce_id=b"x" * 301), "bad-id", "300"),
        (_record(ce_time=b"yesterday"), "bad-time", "RFC 3339"),
        (_record(ce_time=b"2026-03-02T12:00:00"), "bad-time", "offset"),
        (_record(ce_time=b"0001-01-01T00:00:00+14:00"), "bad-time", "RFC 3339"),
        (_record(ce_sequence=None), "bad-sequence", "positive"),
        (_record(ce_sequence=b"0"), "bad-sequence", "positive"),
        (_record(ce_sequence=b"-3"), "bad-sequence", "positive"),
        (_record(ce_sequence="٣".encode()), "bad-sequence", "positive"),
        (_record(ce_sequence=b"9" * 19), "bad-sequence", "positive"),
        (_record(ce_sequence=b"9" * 5000), "bad-sequence", "positive"),
        (_record("petitions.east"), "wrong-topic", "{office}.petitions"),
        (_record("a.b.petitions"), "wrong-topic", "{office}.petitions"),
        (_record("east.petitions.late"), "wrong-topic", "{office}.petitions"),
        (_record(value=None), "no-value", "no value"),
        (_record(value=b""), "wrong-shape", "json_invalid"),
        (_record(value=b"not json"), "wrong-shape", "json_invalid"),
        (_record(value=b"[" * 100_000), "wrong-shape", "json_invalid"),
        (_record(value=b"\xff"), "wrong-shape", "json_invalid"),
        (_record(value=b'{"petition": 1}'), "wrong-shape", "/petition: string_type; /matter: missing"),
        (_record(value=b"x" * (VALUE_LIMIT + 1)), "too-large", f"{VALUE_LIMIT + 1} bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_event_of_ours_is_refused_with_its_reason(record: Record, code: str, detail: str) -> None:
    with pytest.raises(Unreadable, match=r".") as refused:
        _read(record)
    assert refused.value.code == code
    assert detail in str(refused.value)
    assert "noise" not in str(refused.value), "a reason quotes no payload"


def test_a_wrong_value_is_not_quoted() -> None:
    with pytest.raises(Unreadable) as refused:
        _read(_record(value=b'{"petition": ["secret"], "matter": "noise"}'))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("template", "fits", "not_"),
    [
        ("intake.events", ["intake.events"], ["intakeXevents", "intake.events.x", "xintake.events"]),
        (
            "intake.to.{department}",
            ["intake.to.police", "intake.to.a1"],
            ["intake.to.", "intake.to.a.b", "intake.to.A"],
        ),
        ("{department}.out", ["hrss.out"], [".out", "hrss.out2", "to.hrss.out", "1a.out", f"{'a' * 17}.out"]),
    ],
)
def test_a_template_fits_the_topics_of_one_member_each(template: str, fits: list[str], not_: list[str]) -> None:
    pattern = topic_pattern(template)
    assert [topic for topic in [*fits, *not_] if pattern.fullmatch(topic)] == fits


def test_what_we_write_we_can_read() -> None:
    written = headers(
        id_="petition-1:1",
        source="/dalian/petitions",
        type_=OfficeListed.type,
        subject="petition-1",
        time=NOON.astimezone(timezone(timedelta(hours=8))),
        sequence=1,
        trace="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )
    assert written["ce_time"] == "2026-03-02T12:00:00.005Z"
    pairs = [(name, text.encode()) for name, text in written.items()]
    record = Record("petitions.offices", 0, 0, b"petition-1", pairs, b'{"code": "east", "floor": 3}')
    event = _read(record, OfficeListed)
    assert (event.time, event.sequence, event.data.floor) == (NOON, 1, 3)


@pytest.mark.parametrize("id_", ["petition-1:3", "case-01jd3v8k2m:12", "exchange-7f_a", "8f14e45f-ceea-467a"])
def test_an_id_that_says_nothing_may_be_repeated(id_: str) -> None:
    assert told_id(id_) == id_


@pytest.mark.parametrize("id_", ["李娜", "Li Na", "210202199001011234", "id-210202199", "x" * 121, "a\nb", "a@b", ""])
def test_an_id_that_may_be_somebodys_name_or_number_is_told_by_its_digest(id_: str) -> None:
    assert told_id(id_).startswith("sha256:")
    assert told_id(id_) == told_id(id_) != told_id(id_ + "1")


def test_what_must_stay_in_order_is_the_key_or_the_record_alone() -> None:
    assert _record().lock == "petition-1"
    assert _record(key=None).lock == _record(key=b"").lock == "@0/7"
    assert _record(key=b"\xff").lock == "\\xff"
    assert _record(key=b"a\xff").lock != _record(key=b"a\xfe").lock
