"""Whatever is done to a chain is found: by the links alone, by the seals, by the topic."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.audit.chain import Link
from shared.audit.verify import CLOCKS, LONGEST_UNSEALED, SIX_MONTHS, Report, Verifier
from tests.unit.shared.audit.chains import BEGAN, grown, rehashed, renumbered, sealed

UNHURRIED = settings(deadline=None)
HOURS = grown([BEGAN + timedelta(hours=n) for n in range(40)])
CLOSING = {one.head for one, following in pairwise(HOURS) if following.day > one.day}
"""The last records of their days."""
Tampering = Callable[[list[Link], int, int], list[Link]]


def judged(
    chain: Sequence[Link | dict[str, Any]],
    seals: Sequence[Link] = (),
    topic: Sequence[Link] | None = None,
    *,
    since: str | None = None,
    now: datetime = BEGAN,
) -> Report:
    """What is said of these records, where these were sealed and those are on the topic."""
    begins = None if topic is None else BEGAN - timedelta(hours=1)
    said = [sealed(link.head, closed=link.head in CLOSING) for link in seals]
    verifier = Verifier(said, since=since, begins=begins)
    for link in topic or ():
        verifier.told(link.event, link.fingerprint())
    for one in chain:
        verifier.take(one if isinstance(one, dict) else {"_id": one.head.id, **one.model_dump()})
    return verifier.report(now)


# -- what somebody might do ------------------------------------------------------------------------------------


def edit_who(chain: list[Link], at: int, _: int) -> list[Link]:
    link = chain[at]
    record = link.record | {"by": link.record["by"] | {"account": "somebody-else"}}
    return [*chain[:at], link.model_copy(update={"record": record}), *chain[at + 1 :]]


def edit_when(chain: list[Link], at: int, _: int) -> list[Link]:
    return [*chain[:at], chain[at].model_copy(update={"at": "2020-01-01T00:00:00.000Z"}), *chain[at + 1 :]]


def drop(chain: list[Link], at: int, _: int) -> list[Link]:
    return chain[:at] + chain[at + 1 :]


def cut(chain: list[Link], at: int, _: int) -> list[Link]:
    return chain[:at]


def behead(chain: list[Link], at: int, _: int) -> list[Link]:
    return chain[at + 1 :]


def swap(chain: list[Link], at: int, other: int) -> list[Link]:
    """The records change places, and their numbers stay."""
    one, two = chain[at], chain[other]
    changed = list(chain)
    place = ("day", "n", "prev")
    changed[at] = two.model_copy(update={name: getattr(one, name) for name in place})
    changed[other] = one.model_copy(update={name: getattr(two, name) for name in place})
    return changed


def reorder(chain: list[Link], at: int, other: int) -> list[Link]:
    changed = list(chain)
    changed[at], changed[other] = changed[other], changed[at]
    return changed


def insert(chain: list[Link], at: int, _: int) -> list[Link]:
    forged = chain[at].model_copy(update={"event": "session-forged:1", "trace": "f" * 32})
    return [*chain[: at + 1], forged, *chain[at + 1 :]]


def repeat(chain: list[Link], at: int, _: int) -> list[Link]:
    return [*chain[: at + 1], chain[at], *chain[at + 1 :]]


def append(chain: list[Link], _: int, __: int) -> list[Link]:
    end = chain[-1]
    return [*chain, end.model_copy(update={"n": end.n + 1, "prev": end.hash, "event": "session-forged:1"}).hashed()]


TAMPERINGS: tuple[Tampering, ...] = (
    edit_who, edit_when, drop, cut, behead, swap, reorder, insert, repeat, append,
)  # fmt: skip
CARES: tuple[Callable[[list[Link]], list[Link]], ...] = (list, rehashed, lambda c: rehashed(renumbered(c)))
"""How well somebody covers what they did: not at all, with every hash made anew, and with numbers that fit too."""


@st.composite
def chains(draw: st.DrawFn) -> list[Link]:
    pauses = draw(st.lists(st.sampled_from([0, 1, 600, 3600, 40_000, 200_000]), min_size=2, max_size=12))
    moments, moment = list[datetime](), BEGAN
    for pause in pauses:
        moment += timedelta(seconds=pause)
        moments.append(moment)
    return grown(moments)


@UNHURRIED
@given(chains(), st.data())
def test_an_honest_chain_holds(chain: list[Link], data: st.DataObject) -> None:
    seals = data.draw(st.lists(st.sampled_from(chain), unique_by=lambda link: link.head.id))
    report = judged(chain, seals, chain, now=BEGAN)
    assert report.holds, report.findings
    assert (report.records, report.head) == (len(chain), chain[-1].hash)
    assert report.days == len({link.day for link in chain})


@UNHURRIED
@given(chains(), st.sampled_from(TAMPERINGS), st.sampled_from(CARES), st.data())
def test_whatever_is_done_to_it_is_found(
    chain: list[Link], tampering: Tampering, cover: Callable[[list[Link]], list[Link]], data: st.DataObject
) -> None:
    places = st.integers(0, len(chain) - 1)
    at, other = data.draw(st.tuples(places, places).filter(lambda both: both[0] != both[1]))
    seals = data.draw(st.lists(st.sampled_from(chain), unique_by=lambda link: link.head.id))
    changed = cover(tampering(chain, at, other))
    sealed = max((chain.index(link) for link in seals), default=-1)
    if tampering in (swap, reorder) and cover is not list and min(at, other) > sealed:
        return  # in which order acts came into the chain only seals witness; when they were done, the topic
    assert not judged(changed, seals, chain).holds


@UNHURRIED
@given(chains(), st.sampled_from(TAMPERINGS[:-1]), st.sampled_from(CARES), st.data())
def test_what_was_sealed_needs_no_topic(
    chain: list[Link], tampering: Tampering, cover: Callable[[list[Link]], list[Link]], data: st.DataObject
) -> None:
    """The end is sealed. Who puts something behind it changes nothing of that, so it is not put there."""
    places = st.integers(0, len(chain) - 1)
    inside = st.integers(0, len(chain) - 2) if tampering in (insert, repeat) else places
    at, other = data.draw(st.tuples(inside, places).filter(lambda both: both[0] != both[1]))
    changed = cover(tampering(chain, at, other))
    assert not judged(changed, [chain[-1]]).holds


@UNHURRIED
@given(chains(), st.sampled_from((edit_who, edit_when, drop, swap, reorder, insert, repeat)), st.data())
def test_who_does_not_make_the_hashes_anew_is_found_by_the_links_alone(
    chain: list[Link], tampering: Tampering, data: st.DataObject
) -> None:
    places = st.integers(0, len(chain) - 2)  # the last one, dropped, is cut off, which no link shows
    at, other = data.draw(st.tuples(places, st.integers(0, len(chain) - 1)).filter(lambda both: both[0] != both[1]))
    report = judged(tampering(chain, at, other))
    assert not report.holds
    first = min(at, other) if tampering in (swap, reorder) else at
    near = {link.head.id for link in (*chain[first : first + 2], chain[max(at, other)])}
    assert report.findings[0].where in near, "the first place that is named is where it was done"


# -- one by one ------------------------------------------------------------------------------------------------


def kinds(report: Report) -> set[str]:
    return set(report.found)


def test_each_finding_says_where_and_what() -> None:
    report = judged(edit_who(HOURS, 3, 0))
    assert [(one.kind, one.where) for one in report.findings] == [("edited", HOURS[3].head.id)]
    report = judged(drop(HOURS, 3, 0))
    assert [(one.kind, one.where) for one in report.findings] == [("gap", HOURS[4].head.id)]
    first = next(n for n, link in enumerate(HOURS) if link.day > HOURS[0].day)
    last = next(n for n, link in enumerate(HOURS) if link.day > HOURS[first].day)
    report = judged(HOURS[:first] + HOURS[last:])
    assert [(one.kind, one.where) for one in report.findings] == [("broken", HOURS[last].head.id)], (
        "a whole day is gone"
    )


def test_a_record_that_is_none_is_told_by_its_id() -> None:
    raw = {"_id": HOURS[1].head.id, **HOURS[1].model_dump(), "n": "2"}
    report = judged([HOURS[0], raw, HOURS[2]])
    assert [(one.kind, one.where) for one in report.findings] == [
        ("edited", HOURS[1].head.id),
        ("gap", HOURS[2].head.id),
    ]


def test_the_end_that_was_cut_off_is_missed_by_the_seal_or_by_the_topic() -> None:
    assert judged(HOURS[:-5]).holds, "nothing inside a chain tells how far it went"
    report = judged(HOURS[:-5], [HOURS[-5]])
    assert [(one.kind, one.where) for one in report.findings] == [("gap", HOURS[-5].head.id)]
    report = judged(HOURS[:-5], topic=HOURS)
    assert report.found == {"not-in-chain": 5}


def test_a_record_that_nobody_said_is_found_before_it_is_sealed() -> None:
    forged = append(HOURS, 0, 0)
    report = judged(forged, [HOURS[-1]], HOURS)
    assert [(one.kind, one.where) for one in report.findings] == [("not-on-topic", forged[-1].head.id)]


def test_two_seals_that_contradict_each_other() -> None:
    other = rehashed(edit_who(HOURS, 3, 0))
    assert judged(HOURS, [HOURS[9], other[9]]).found == {"otherwise-sealed": 1}
    assert "otherwise-sealed" in judged(other, [HOURS[9]]).found


def test_records_that_nobody_seals_are_told() -> None:
    now = BEGAN + timedelta(hours=39)
    assert judged(HOURS, [HOURS[-2]], now=now).holds
    assert judged(HOURS, [HOURS[-2]], now=now).unsealed == 1
    later = now + LONGEST_UNSEALED + timedelta(seconds=2)
    report = judged(HOURS, [HOURS[-2]], now=later)
    assert report.found == {"unsealed": 1}


def test_the_first_days_may_go_by_their_age_and_by_nothing_else() -> None:
    first = next(n for n, link in enumerate(HOURS) if link.day > HOURS[0].day)
    rest, seals = HOURS[first:], [HOURS[first - 1], HOURS[-1]]
    of_age = BEGAN + timedelta(days=SIX_MONTHS + 1)
    assert judged(rest, seals, now=of_age).holds
    assert judged(rest, seals, now=of_age - timedelta(days=2)).found == {"not-kept": 1}
    assert judged(rest, [HOURS[-1]], now=of_age - timedelta(days=2)).found == {"not-kept": 1}, "and without their seal"
    forged = rehashed([rest[0].model_copy(update={"prev": "0" * 64}), *rest[1:]])
    assert "gap" in judged(forged, [HOURS[first - 1]], now=of_age).found, "it is not the first"
    forged = rehashed([rest[0].model_copy(update={"prev": "1" * 64}), *rest[1:]])
    assert "broken" in judged(forged, [HOURS[first - 1]], now=of_age).found, "it does not continue what was sealed"
    assert judged(rest, [HOURS[first - 2], HOURS[-1]], now=of_age).holds, "the day went on behind its last seal but one"


def test_nothing_is_left() -> None:
    assert judged([], [HOURS[4], HOURS[9]]).found == {"gap": 2}


def test_one_may_begin_with_a_later_day() -> None:
    first = next(n for n, link in enumerate(HOURS) if link.day > HOURS[0].day)
    rest = HOURS[first:]
    assert judged(rest, [HOURS[2], HOURS[first - 1], HOURS[-1]], since=rest[0].day).holds
    assert judged(rest[1:], [HOURS[-1]], since=rest[0].day).found == {"gap": 1}
    assert judged(rest[:3], [HOURS[-1]], since=rest[0].day).found == {"gap": 1}
    other = rehashed([rest[0].model_copy(update={"prev": "1" * 64}), *rest[1:]])
    assert judged(other, [HOURS[first - 1]], since=rest[0].day).found == {"broken": 1}


def test_what_the_topic_does_not_have_any_more_is_not_compared() -> None:
    verifier = Verifier([], begins=BEGAN + timedelta(hours=10))
    for link in HOURS[11:]:
        verifier.told(link.event, link.fingerprint())
    for link in HOURS:
        verifier.take(link.model_dump())
    report = verifier.report(BEGAN)
    assert report.holds
    assert (report.not_compared, report.on_topic) == (11, 29)
    assert timedelta(seconds=1) < CLOCKS


def test_acts_that_come_again_on_the_topic_are_the_same_acts() -> None:
    verifier = Verifier([], begins=BEGAN - timedelta(hours=1))
    for link in (*HOURS[:3], *HOURS[:2]):
        verifier.told(link.event, link.fingerprint())
        verifier.take(HOURS[0].model_dump()) if link is HOURS[2] else None
    for link in HOURS[1:3]:
        verifier.take(link.model_dump())
    verifier.told(HOURS[0].event, HOURS[0].fingerprint())
    assert verifier.missing == 0
    assert verifier.report(BEGAN).holds


def test_an_act_may_be_read_from_the_topic_after_its_record() -> None:
    """Also right after the topic's beginning, where a record need not be on it."""
    verifier = Verifier([], begins=BEGAN)
    verifier.take(HOURS[0].model_dump())
    verifier.told(HOURS[0].event, HOURS[0].fingerprint())
    assert verifier.missing == 0
    report = verifier.report(BEGAN)
    assert (report.found, report.on_topic, report.not_compared) == ({}, 1, 0)


@pytest.mark.parametrize("must", [True, False])
def test_an_act_from_before_the_day_to_begin_with_need_not_be_there(must: bool) -> None:
    verifier = Verifier([], since=HOURS[0].day, begins=BEGAN)
    verifier.told("session-x:1", b"x" * 16, must=must)
    assert verifier.report(BEGAN).found == ({"not-in-chain": 1} if must else {})


def test_findings_without_end_are_counted() -> None:
    long = grown([BEGAN] * 300)
    report = judged([link.model_copy(update={"trace": "x"}) for link in long])
    assert report.found == {"edited": 300}
    assert len(report.findings) == 100
