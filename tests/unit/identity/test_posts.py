"""Posts and substitutions: who holds what on which day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.identity.accounts.domain import Person, PersonWish
from services.identity.posts.domain import (
    MOST,
    Post,
    PostNotHeld,
    Standing,
    Substitution,
    lists,
    substitution_faults,
)
from shared.errors import Conflict, NotFound

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LAST_SECOND = datetime(2026, 3, 31, 15, 59, 59, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 31, 16, tzinfo=UTC)
"""The first of April in the city."""


def post(division: str = "2102", *roles: str, **days: str) -> Post:
    told = {"organisation": "police", "division": division, "roles": list(roles or ["clerk"])}
    return Post.model_validate(told | days)


def substitution(division: str = "2102", **changes: Any) -> Substitution:
    told = {
        "id": "substitution-1",
        "organisation": "police",
        "division": division,
        "roles": ["head"],
        "since": "2026-03-10",
        "until": "2026-03-31",
        "instead_of": "person-zhang",
    }
    return Substitution.model_validate(told | changes)


def person(*posts: Post, id_: str = "person-liu") -> Person:
    made = Person(id=id_, login=id_, password_hash="h", name="刘洋", posts=list(posts))
    made.open(NOW)
    made.take_recorded()
    return made


def wish(*posts: Post) -> PersonWish:
    return PersonWish(login="person-liu", name="刘洋", posts=list(posts))


def said(made: Person) -> list[str]:
    return [entry["type"].split(".")[2] for entry in made.recorded]


def on(day: int, month: int = 3) -> datetime:
    return datetime(2026, month, day, 9, tzinfo=UTC)


# -- posts -----------------------------------------------------------------------------------------------


def test_the_first_post_is_taken_and_any_other_by_its_name() -> None:
    officer = person(post("210203"), post("2102", "head", "clerk"))
    first = officer.post_for(None, NOW)
    assert first
    assert first.id == "police.210203"
    second = officer.post_for("police.2102", NOW)
    assert second
    assert (second.division, second.roles) == ("2102", ["clerk", "head"])
    with pytest.raises(PostNotHeld):
        officer.post_for("police.210204", NOW)
    assert person().post_for(None, NOW) is None
    with pytest.raises(PostNotHeld):
        person().post_for("police.2102", NOW)


def test_a_post_is_held_to_the_end_of_its_last_day_in_the_city() -> None:
    officer = person(post(until="2026-03-31"))
    assert officer.kind(LAST_SECOND) == "officer"
    assert officer.kind(MIDNIGHT) == "person"
    assert officer.wake_at == MIDNIGHT
    officer.wake(LAST_SECOND)
    assert (officer.token_version, officer.wake_at) == (1, MIDNIGHT)
    officer.wake(MIDNIGHT)
    assert officer.token_version == 2
    assert not officer.wake_at
    assert said(officer) == ["revocation-published"]


def test_a_post_that_begins_makes_an_officer_of_whoever_signed_in_as_a_person() -> None:
    officer = person(post(since="2026-04-01"))
    assert (officer.kind(LAST_SECOND), officer.kind(MIDNIGHT)) == ("person", "officer")
    officer.wake(MIDNIGHT)
    assert officer.token_version == 2


def test_a_second_post_takes_nothing_away() -> None:
    officer = person(post())
    officer.revise(wish(post(), post("210203")), None, NOW)
    officer.revise(wish(post("210203"), post("2102", "clerk", "head")), None, NOW)
    officer.revise(wish(post("210203", since="2026-04-01"), post("2102", "clerk", "head")), None, NOW)
    assert officer.token_version == 2, "the post that begins only in April is not held now"
    officer.wake(MIDNIGHT)
    assert officer.token_version == 2, "and when it begins nothing is lost"
    officer.revise(wish(post("210203"), post("2102", "head")), None, MIDNIGHT)
    assert officer.token_version == 3, "a role less"


def test_an_end_that_nobody_was_awake_for_still_ends_the_tokens() -> None:
    officer = person(post(until="2026-03-31"))
    officer.revise(wish(post("210203")), None, MIDNIGHT + timedelta(days=3))
    assert officer.token_version == 2


def test_who_held_nothing_for_a_day_is_not_a_person_at_the_post_that_begins_again() -> None:
    """On the days between, tokens were given that say nothing of any post; the timer was late."""
    gap = person(post(until="2026-03-10"))
    gap.revise(wish(post()), None, on(12))
    assert (gap.token_version, gap.kind(on(12))) == (2, "officer")
    twice = person(post(until="2026-03-10"), post(since="2026-03-12"))
    twice.wake(on(12))
    assert (twice.token_version, twice.kind(on(12))) == (2, "officer")


def test_a_document_from_before_there_were_several_posts_is_read() -> None:
    old = {"_id": "person-liu", "login": "liu", "password_hash": "h", "name": "刘洋"}
    officer = Person.model_validate(old | {"post": {"organisation": "police", "division": "2102"}})
    assert [(p.place, p.roles) for p in officer.posts] == [("police.2102", ["clerk"])]
    assert Person.model_validate(old | {"post": None}).posts == []
    officer.revise(wish(post()), None, NOW)
    assert officer.token_version == 1
    assert "police.2102" in officer.listed_under


def test_officers_are_listed_for_each_place_that_theirs_lies_in() -> None:
    assert lists(post("210203001")) == ["*", "police.21", "police.2102", "police.210203", "police.210203001"]
    officer = person(post("210203"), post("2103"))
    assert "police.2103" in officer.listed_under
    officer.revise(wish(), None, NOW)
    assert officer.listed_under == []


@pytest.mark.parametrize(
    "told",
    [{"roles": []}, {"roles": ["king"]}, {"roles": ["clerk", "clerk"]}, {"since": "2026-03-02", "until": "2026-03-01"}],
    ids=str,
)
def test_a_post_that_makes_no_sense_is_none(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Post.model_validate(post().model_dump() | told)


# -- substitutions ---------------------------------------------------------------------------------------


def test_who_stands_in_has_the_post_from_the_first_day_to_the_last() -> None:
    officer = person(post("210203"))
    officer.arrange(substitution(), NOW)
    assert said(officer) == ["substitution-arranged"]
    assert [p.id for p in officer.held(on(9))] == ["police.210203"]
    assert [p.id for p in officer.held(on(10))] == ["police.210203", "police.2102"]
    standing = officer.post_for("police.2102", on(10))
    assert standing
    assert (standing.roles, standing.until, standing.instead_of) == (["head"], date(2026, 3, 31), ["person-zhang"])
    officer.wake(on(10))
    assert officer.token_version == 1, "nothing was lost"
    officer.wake(MIDNIGHT)
    assert (officer.substitutions, officer.token_version) == ([], 2)
    assert said(officer) == ["substitution-arranged", "substitution-ended", "revocation-published"]
    assert officer.recorded[1]["data"]["reason"] == "over"


def test_who_stands_in_at_their_own_place_has_both_roles_there() -> None:
    officer = person(post("2102"))
    officer.arrange(substitution(), NOW)
    (held,) = officer.held(on(10))
    assert (held.id, held.roles, held.instead_of) == ("police.2102", ["clerk", "head"], ["person-zhang"])
    assert officer.held(MIDNIGHT)[0].roles == ["clerk"]


def test_the_same_substitution_again_is_no_event_and_another_one_is() -> None:
    officer = person(post())
    officer.arrange(substitution(), NOW)
    officer.arrange(substitution(), NOW)
    assert len(officer.recorded) == 1
    officer.arrange(substitution(until="2026-03-11"), NOW)
    assert [entry["data"]["until"] for entry in officer.recorded] == ["2026-03-31", "2026-03-11"]
    assert len(officer.substitutions) == 1


def test_a_substitution_that_is_withdrawn_or_shortened_ends_the_tokens() -> None:
    officer = person(post("210203"))
    officer.arrange(substitution(), NOW)
    officer.withdraw("substitution-1", NOW)
    assert officer.token_version == 1, "it had not begun"
    officer.arrange(substitution(), NOW)
    officer.wake(on(10))
    officer.arrange(substitution(since="2026-03-20"), on(12))
    assert officer.token_version == 2
    officer.wake(on(20))
    officer.withdraw("substitution-1", on(20))
    assert officer.token_version == 3
    with pytest.raises(NotFound):
        officer.withdraw("substitution-1", on(20))


def test_who_leaves_the_department_stands_in_for_nobody_there() -> None:
    officer = person(post("210203"))
    officer.arrange(substitution(), NOW)
    officer.revise(wish(Post(organisation="hrss", division="2102", roles=["clerk"])), None, on(10))
    assert [p.id for p in officer.held(on(11))] == ["hrss.2102"]
    assert [entry["data"].get("reason") for entry in officer.recorded if "ended" in entry["type"]] == ["left"]


def test_substitutions_are_not_without_number() -> None:
    officer = person(post())
    for n in range(MOST):
        officer.arrange(substitution(id=f"substitution-{n}"), NOW)
    officer.arrange(substitution(id="substitution-0", until="2026-03-12"), NOW)
    with pytest.raises(Conflict, match="too_many_substitutions"):
        officer.arrange(substitution(id="substitution-more"), NOW)


def asked(**changes: Any) -> Standing:
    return Standing.model_validate(substitution(**changes).model_dump(exclude={"id"}))


HEAD = person(post("2102", "head", "clerk", until="2026-12-31"), id_="person-zhang")
OTHER = Post(organisation="hrss", division="2102", roles=["clerk"])


@pytest.mark.parametrize(
    ("wanted", "substitute", "holder", "codes"),
    [
        (asked(), person(post("210203")), HEAD, set()),
        (asked(roles=["steward"]), person(post()), HEAD, {"not_held"}),
        (asked(division="210203"), person(post()), HEAD, {"not_held"}),
        (asked(until="2027-01-01"), person(post()), HEAD, {"not_held"}),
        (asked(), person(post()), None, {"not_held"}),
        (asked(since="2026-02-01", until="2026-03-01"), person(post()), HEAD, {"over"}),
        (asked(), person(OTHER), HEAD, {"not_a_colleague"}),
        (asked(), person(post(until="2026-03-01")), HEAD, {"not_a_colleague"}),
        (asked(), HEAD, HEAD, {"oneself"}),
        (asked(since="2026-02-01", until="2026-03-01"), person(), None, {"over", "not_a_colleague", "not_held"}),
    ],
)
def test_nobody_stands_in_for_what_is_not_there_and_every_fault_is_named(
    wanted: Standing, substitute: Person, holder: Person | None, codes: set[str]
) -> None:
    faults = substitution_faults(wanted, substitute, holder, NOW.date())
    assert {fault.code for fault in faults} == codes


def test_what_is_lent_is_not_lent_on() -> None:
    substitute = person(post("210203"), id_="person-wang")
    substitute.arrange(substitution(), NOW)
    faults = substitution_faults(asked(instead_of="person-wang"), person(post()), substitute, on(10).date())
    assert {fault.code for fault in faults} == {"not_held"}
