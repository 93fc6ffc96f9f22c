"""A registration: what may follow on what, whatever comes in which order."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.lookup import Lookup
from services.identity.proofs.domain import ID_CARD, KINDS, PHONE, Outcome, Proof
from services.identity.proofs.verifiers import CODE_LIFE, NOT_TAKEN, CodeVerifier, of_city, outcome_of
from services.identity.registrations.domain import Registration, Wanted
from shared.errors import Conflict

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CODES = CodeVerifier(Lookup("a key for tests, long enough for it"), lambda: "042137")
VERIFIERS = of_city(CODES)
CHOSEN = (ID_CARD, "housing-fund", PHONE)
OVER = {"opened", "known", "refused", "expired"}


def begun() -> Registration:
    found = Registration(
        id="registration-a",
        person="person-a",
        number="digest",
        body="digest",
        account=Wanted(login="zhou.ting", password_hash="x", name="周婷", mail="z@example.org"),
        proofs=[Proof(kind=kind) for kind in CHOSEN],
        asked_at=NOW,
    )
    values = {"id_number": "210299199003074025", "name": "周婷", "number": "210299004417"}
    found.ask(VERIFIERS, dict.fromkeys(CHOSEN, values), NOW)
    return found


def said(registration: Registration) -> list[str]:
    return [one["type"].split(".")[2] for one in registration.recorded]


def test_every_kind_of_proof_is_taken_by_one_verifier_or_it_is_said_why_not() -> None:
    assert set(VERIFIERS) | set(NOT_TAKEN) == set(KINDS)
    assert set(VERIFIERS) & set(NOT_TAKEN) == set()


def test_who_is_asked_last_is_asked_when_all_others_have_confirmed() -> None:
    registration = begun()
    assert said(registration) == ["proof-wished", "proof-wished"]
    registration.take(ID_CARD, Outcome(), VERIFIERS, NOW)
    assert len(said(registration)) == 2
    registration.take("housing-fund", Outcome(), VERIFIERS, NOW)
    assert said(registration)[2:] == ["code-issued"]
    assert registration.state == "asked"


@pytest.mark.parametrize("answer", [{}, {"matches": False}, {"matches": "true"}, {"matches": 1}, {"match": True}])
def test_nothing_but_a_yes_is_one(answer: dict[str, object]) -> None:
    assert outcome_of(answer, "exchange-a") == Outcome("no-match", "exchange-a")
    assert outcome_of({"matches": True}, "exchange-a") == Outcome(None, "exchange-a")


def test_of_a_code_only_its_digest_is_kept_and_of_another_registration_it_is_another() -> None:
    registration = begun()
    for kind in CHOSEN[:2]:
        registration.take(kind, Outcome(), VERIFIERS, NOW)
    code = registration.proofs[2]
    assert code.expected is not None
    assert "042137" not in registration.model_dump_json()
    assert CODES.judge(code.model_copy(), "registration-b", "042137", NOW) is None
    assert CODES.judge(code.model_copy(), registration.id, "042137", NOW) == Outcome()
    assert CODES.judge(code.model_copy(), registration.id, "042137", NOW + CODE_LIFE) == Outcome("code-expired")


def test_a_code_is_drawn_anew_each_time() -> None:
    drawn = {CodeVerifier(CODES.lookup).draw() for _ in range(20)}
    assert len(drawn) > 10
    assert all(len(code) == 6 and code.isdigit() for code in drawn)


def test_equal_values_of_two_kinds_have_nothing_in_common() -> None:
    lookup = Lookup("a key for tests, long enough for it")
    assert lookup.digest("a", "b") == lookup.digest("a", "b")
    assert (
        len({lookup.digest("a", "b"), lookup.digest("ab"), lookup.digest("b", "a"), lookup.digest("a", "b", "")}) == 4
    )
    assert Lookup("another key for tests, long enough").digest("a", "b") != lookup.digest("a", "b")


def _answer(kind: str, ground: str | None) -> Callable[[Registration, datetime], object]:
    return lambda registration, now: registration.take(kind, Outcome(ground), VERIFIERS, now)


def _code(typed: str) -> Callable[[Registration, datetime], object]:
    return lambda registration, now: registration.enter_code(typed, CODES, VERIFIERS, now)


ACTS: tuple[Callable[[Registration, datetime], object], ...] = (
    *(_answer(kind, None) for kind in CHOSEN[:2]),
    *(_answer(kind, "no-match") for kind in CHOSEN[:2]),
    _code("042137"),
    _code("000000"),
    lambda registration, now: registration.opened(now),
    lambda registration, now: registration.known("person-b", now),
    lambda registration, now: registration.choose_login("another", now),
    lambda registration, now: registration.leave(now),
    lambda registration, now: registration.wake(now),
)


@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 12)), max_size=20))
def test_whatever_comes_only_confirmed_proofs_open_an_account_and_what_is_over_stays_so(
    acts: list[tuple[Callable[[Registration, datetime], object], int]],
) -> None:
    registration, now, over = begun(), NOW, None
    for act, minutes in acts:
        now += timedelta(minutes=minutes)
        with suppress(Conflict):
            act(registration, now)
        confirmed = all(proof.state == "confirmed" for proof in registration.proofs)
        if registration.state in ("proven", "opened", "known"):
            assert confirmed, "nobody is believed before all is confirmed"
        assert (registration.account is None) == registration.is_over == (registration.state in OVER)
        if over is not None:
            assert registration.state == over
        over = registration.state if registration.is_over else None
        if registration.is_over:
            assert all(proof.expected is None for proof in registration.proofs)
