"""Mandates: nobody hands on more than they have, and what has ended stays so."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.identity.mandates.domain import OFFER_LIFE, Mandate, Terms, faults_of_chain
from shared.contracts.identity import MandateEnded, MandateGranted, MandateOffered, RevocationPublished
from shared.errors import Conflict, Forbidden

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TODAY = date(2026, 3, 2)


def terms(**changes: Any) -> Terms:
    wish = {"acts": ["apply", "see"], "since": "2026-03-02", "until": "2026-12-31"} | changes
    return Terms.model_validate(wish)


def mandate(**changes: Any) -> Mandate:
    wish = {"id": "mandate-1", "principal": "person-wang", "agent": "person-li", "by": "person-wang", "kind": "agent"}
    return Mandate.model_validate(wish | {"source": "grant", "terms": terms(), "offered_at": NOW} | changes)


def kinds(one: Mandate) -> list[str]:
    return [entry["type"] for entry in one.recorded]


def test_it_holds_once_both_want_it_and_from_its_first_to_its_last_day() -> None:
    one = mandate(terms=terms(since="2026-03-03", until="2026-03-04"))
    one.offer(NOW)
    assert (one.state, one.covers(NOW)) == ("offered", False)
    one.accept("person-li", NOW)
    assert one.state == "live"
    days = {day: one.covers(NOW + timedelta(days=day)) for day in range(4)}
    assert days == {0: False, 1: True, 2: True, 3: False}
    midnight = datetime(2026, 3, 4, 16, tzinfo=UTC)
    assert one.wake_at == midnight, "the end of the day in the city"
    assert not one.covers(midnight)
    assert one.covers(midnight - timedelta(seconds=1))
    assert kinds(one) == [MandateOffered.type, MandateGranted.type]
    one.accept("person-li", NOW)
    assert len(kinds(one)) == 2, "again changes nothing"


def test_only_its_agent_accepts_and_only_while_it_is_open() -> None:
    one = mandate()
    one.offer(NOW)
    assert one.wake_at == NOW + OFFER_LIFE
    with pytest.raises(Forbidden):
        one.accept("person-else", NOW)
    one.end_by("person-wang", NOW)
    with pytest.raises(Conflict):
        one.accept("person-li", NOW)


@pytest.mark.parametrize(
    ("person", "accepted", "ground"),
    [
        ("person-li", False, "declined"),
        ("person-li", True, "given-up"),
        ("person-wang", False, "withdrawn"),
        ("person-wang", True, "withdrawn"),
    ],
)
def test_either_side_ends_it_and_all_services_are_told(person: str, accepted: bool, ground: str) -> None:
    one = mandate()
    if accepted:
        one.accept("person-li", NOW)
    one.end_by(person, NOW)
    one.end_by(person, NOW)
    ended = [entry["data"] for entry in one.recorded if entry["type"] == MandateEnded.type]
    revoked = [entry["data"] for entry in one.recorded if entry["type"] == RevocationPublished.type]
    assert [said["ground"] for said in ended] == [ground]
    assert [(said["scope"], said["lowest"]) for said in revoked] == [("mandate:mandate-1", 2)]
    assert not one.covers(NOW)


def test_what_a_register_says_ends_there() -> None:
    with pytest.raises(Forbidden):
        mandate(source="register").end_by("person-wang", NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"acts": []},
        {"acts": ["decide"]},
        {"acts": ["see", "see"]},
        {"items": ["a", "a"]},
        {"items": ["$ne"]},
        {"items": [""]},
        {"until": "2026-03-01"},
        {"until": 1772409600},
        {"since": "2026-03-02T00:00:00Z"},
        {"most_cases": 0},
        {"most_cases": True},
        {"unknown": 1},
    ],
    ids=str,
)
def test_terms_are_exact(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        terms(**changes)


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({}, []),
        ({"acts": ["see"]}, []),
        ({"acts": ["see", "supply"]}, ["/acts"]),
        ({"items": []}, ["/items"]),
        ({"items": ["residence-permit", "other"]}, ["/items"]),
        ({"most_cases": None}, ["/most_cases"]),
        ({"most_cases": 6}, ["/most_cases"]),
        ({"since": "2026-03-01"}, ["/since"]),
        ({"until": "2027-01-01"}, ["/until"]),
        ({"may_delegate": True}, ["/may_delegate"]),
    ],
    ids=str,
)
def test_nobody_hands_on_more_than_they_have(changes: dict[str, Any], faults: list[str]) -> None:
    narrow = {"items": ["residence-permit"], "most_cases": 5}
    above = mandate(terms=terms(may_delegate=True, **narrow), accepted_at=NOW)
    found = faults_of_chain(above, terms(**(narrow | changes)), NOW)
    assert [fault.pointer for fault in found] == faults


@pytest.mark.parametrize(
    ("above", "code"),
    [
        ({"accepted_at": None}, "not_live"),
        ({"ended_at": NOW}, "not_live"),
        ({"terms": terms(may_delegate=True, since="2026-03-03")}, "not_live"),
        ({"terms": terms()}, "no_delegation"),
        ({"under": "mandate-0"}, "no_delegation"),
    ],
    ids=str,
)
def test_a_chain_has_two_steps_and_each_of_them_holds(above: dict[str, Any], code: str) -> None:
    wish: dict[str, Any] = {"terms": terms(may_delegate=True), "accepted_at": NOW}
    (fault,) = faults_of_chain(mandate(**(wish | above)), terms(), NOW)
    assert (fault.pointer, fault.code) == ("/under", code)


ACTS = st.lists(st.sampled_from(["apply", "see", "supply"]), min_size=1, unique=True)
ITEMS = st.lists(st.sampled_from(["a", "b", "c"]), unique=True)
DAYS = st.integers(0, 60)
TERMS = st.builds(
    lambda acts, items, most, since, length, hand_on: Terms(
        acts=acts,
        items=items,
        most_cases=most,
        since=TODAY + timedelta(days=since - 30),
        until=TODAY + timedelta(days=since - 30 + length),
        may_delegate=hand_on,
    ),
    ACTS,
    ITEMS,
    st.none() | st.integers(1, 5),
    DAYS,
    DAYS,
    st.booleans(),
)


def allowed(terms: Terms) -> set[tuple[str, str, date, int]]:
    """Everything that terms allow, in a small world."""
    days = [terms.since + timedelta(days=n) for n in range((terms.until - terms.since).days + 1)]
    most = 6 if terms.most_cases is None else terms.most_cases
    return {
        (act, item, day, case)
        for act in terms.acts
        for item in (terms.items or ["a", "b", "c", "d"])
        for day in days[:: max(1, len(days) - 1)]
        for case in range(most)
    }


@given(TERMS, TERMS)
def test_what_rests_on_another_never_allows_more(above: Terms, under: Terms) -> None:
    if not under.faults_under(above):
        first, last = above.since, above.until
        assert {one[:2] + one[3:] for one in allowed(under)} <= {one[:2] + one[3:] for one in allowed(above)}
        assert all(first <= day <= last for _, _, day, _ in allowed(under))
        assert not under.may_delegate
