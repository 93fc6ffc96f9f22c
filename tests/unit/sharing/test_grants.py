"""Grants: each step of the state machine that is allowed, and each that is not."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.sharing.grants.domain import Declaration, Grant, State, Terms, choose, faults_of
from shared.errors import Conflict
from tests.unit.sharing.samples import FIELDS, NOW, grant, item, offer, terms

STATES: tuple[State, ...] = ("requested", "granted", "refused", "revoked", "expired")
STEPS: dict[str, tuple[Callable[[Grant], None], State, State]] = {
    "give": (lambda g: g.give("officer-a", NOW), "requested", "granted"),
    "refuse": (lambda g: g.refuse("officer-a", "no law for it", NOW), "requested", "refused"),
    "revoke": (lambda g: g.revoke("officer-a", "misuse", NOW), "granted", "revoked"),
}
SAID = {"granted": "given", "refused": "refused", "revoked": "revoked", "expired": "expired"}


def said(made: Grant) -> list[str]:
    return [one["type"].removeprefix("tongban.sharing.grant-").removesuffix(".v1") for one in made.recorded]


def declaration(consent: str | None = None, **changes: Any) -> Declaration:
    return Declaration.model_validate({"consumer": "police", "consent": consent, **terms(**changes).model_dump()})


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", STATES)
def test_a_step_is_allowed_from_one_state_only(step: str, state: State) -> None:
    act, allowed, after = STEPS[step]
    made = grant(state)
    if state == allowed:
        act(made)
        assert (made.state, said(made)) == (after, [SAID[after]])
        return
    with pytest.raises(Conflict):
        act(made)
    assert (made.state, made.recorded) == (state, [])


@pytest.mark.parametrize("state", STATES)
def test_only_a_granted_one_expires(state: State) -> None:
    made = grant(state)
    made.wake(NOW)
    assert made.wake_at is None
    assert (made.state, said(made)) == (("expired", ["expired"]) if state == "granted" else (state, []))


def test_a_conditional_resource_waits_for_its_owner() -> None:
    made = Grant(id="grant-a", consumer="police", owner="hrss", terms=terms(), requested_at=NOW)
    made.request(offer(), NOW)
    assert (made.state, said(made)) == ("requested", ["requested"])


def test_an_unconditional_resource_is_granted_by_rule() -> None:
    made = Grant(id="grant-a", consumer="police", owner="hrss", terms=terms(), requested_at=NOW)
    made.request(offer(sharing="unconditional", condition=None), NOW)
    assert (made.state, said(made)) == ("granted", ["requested", "given"])
    assert made.consent is not None
    assert made.decided_by is None


def test_a_resource_that_is_not_shared_is_refused_with_its_law() -> None:
    made = Grant(id="grant-a", consumer="police", owner="hrss", terms=terms(), requested_at=NOW)
    made.request(offer(sharing="none", condition=None, refusal_basis="保守国家秘密法 Art. 9"), NOW)
    assert (made.state, made.ground) == ("refused", "保守国家秘密法 Art. 9")
    assert made.recorded[-1]["data"] == {"grant": "grant-a", "ground": "保守国家秘密法 Art. 9"}


def test_a_grant_wakes_when_its_last_day_in_the_city_is_over() -> None:
    made = grant("granted", valid_until=date(2026, 3, 2))
    assert made.wake_at == datetime(2026, 3, 2, 16, tzinfo=UTC)


def test_a_revoked_grant_sleeps() -> None:
    assert grant("revoked").wake_at is None


def test_consent_after_the_last_day_comes_too_late() -> None:
    made = grant("requested", valid_until=date(2026, 3, 2))
    with pytest.raises(Conflict, match="is over"):
        made.give("officer-a", NOW + timedelta(days=1))
    assert made.state == "requested"


@pytest.mark.parametrize("state", STATES)
def test_declaring_the_same_again_changes_nothing_and_revives_nothing(state: State) -> None:
    made = grant(state)
    assert not made.declare(declaration(), NOW)
    assert (made.state, made.recorded) == (state, [])


@pytest.mark.parametrize("state", STATES)
def test_a_noted_consent_gives_what_is_requested_and_nothing_else(state: State) -> None:
    made = grant(state)
    assert made.declare(declaration("会议纪要〔2026〕3号"), NOW) is (state == "requested")
    assert said(made) == (["given"] if state == "requested" else [])


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("changes", [{"fields": ["wage"]}, {"valid_until": date(2027, 1, 1)}, {"purpose": "other"}])
def test_other_terms_need_another_grant(state: State, changes: dict[str, Any]) -> None:
    made = grant(state)
    with pytest.raises(Conflict, match="another grant"):
        made.declare(declaration("agreed", **changes), NOW)
    assert made.recorded == []


# -- which grant covers a wish ---------------------------------------------------------------------------

TODAY = date(2026, 3, 2)


def test_a_live_grant_covers_its_fields_on_its_first_and_last_day() -> None:
    made = grant(valid_from=TODAY, valid_until=TODAY)
    assert choose([made], FIELDS[:1], TODAY) is made


@pytest.mark.parametrize("state", ["requested", "refused"])
def test_what_was_never_given_is_no_grant(state: State) -> None:
    assert choose([grant(state)], FIELDS, TODAY) == "no-grant"
    assert choose([], FIELDS, TODAY) == "no-grant"


@pytest.mark.parametrize(
    "made",
    [
        grant("revoked"),
        grant("expired"),
        grant(valid_from=date(2026, 3, 3)),
        grant(valid_from=date(2026, 1, 1), valid_until=date(2026, 3, 2)).model_copy(
            update={"terms": terms(valid_until=date(2026, 3, 1))}  # over, and not woken yet
        ),
    ],
)
def test_a_grant_that_does_not_hold_today_is_not_valid(made: Grant) -> None:
    assert choose([made], FIELDS, TODAY) == "grant-not-valid"


def test_one_field_too_many_is_not_covered() -> None:
    assert choose([grant()], [*FIELDS, "wage"], TODAY) == "fields-not-granted"


def test_two_grants_are_not_added_up() -> None:
    both = [grant(id_="grant-a", fields=["status"]), grant(id_="grant-b", fields=["employer"])]
    assert choose(both, ["status", "employer"], TODAY) == "fields-not-granted"


def test_of_several_the_one_that_lasts_longest_is_taken() -> None:
    short, long = grant(id_="grant-a", valid_until=date(2026, 4, 1)), grant(id_="grant-b")
    assert choose([long, short, grant("revoked", id_="grant-c")], FIELDS, TODAY) is long


# -- what may be asked for -------------------------------------------------------------------------------


def test_good_terms_have_no_faults() -> None:
    assert faults_of("police", terms(), offer(), item(), TODAY) == []


@pytest.mark.parametrize(
    ("consumer", "purpose", "codes"),
    [
        ("identity", "real-name-registration", []),
        ("identity", "company-registration", []),
        ("identity", "curiosity", ["unknown"]),
        ("police", "real-name-registration", ["unknown"]),
    ],
)
def test_identity_alone_has_purposes_that_are_no_items(consumer: str, purpose: str, codes: list[str]) -> None:
    found = faults_of(consumer, terms(purpose=purpose), offer(), None, TODAY)
    assert [(fault.pointer, fault.code) for fault in found] == [("/purpose", code) for code in codes]


def test_all_faults_of_a_request_are_named_at_once() -> None:
    asked = terms(fields=["status", "status", "shoe_size"], valid_from=date(2026, 2, 2), valid_until=date(2026, 2, 1))
    found = faults_of("hrss", asked, offer(), item(), TODAY)
    assert {(f.pointer, f.code) for f in found} == {
        ("/fields/1", "duplicate"),
        ("/fields/2", "unknown"),
        ("/resource", "own"),
        ("/purpose", "not_its_item"),
        ("/valid_until", "before_start"),
        ("/valid_until", "past"),
    }


def test_an_unknown_resource_and_an_unknown_purpose_are_faults() -> None:
    found = faults_of("police", terms(), None, None, TODAY)
    assert {(f.pointer, f.code) for f in found} == {("/resource", "unknown"), ("/purpose", "unknown")}


@pytest.mark.parametrize("day", [0, "0", "2026-3-2", "20260302", "2026-03-02T00:00:00", "2026-02-30", None, True])
def test_a_date_is_written_one_way(day: object) -> None:
    with pytest.raises(ValidationError):
        Terms.model_validate(terms().model_dump() | {"valid_from": day})


def test_a_date_as_text_is_a_date() -> None:
    assert Terms.model_validate(terms().model_dump() | {"valid_from": "2026-03-02"}).valid_from == TODAY
