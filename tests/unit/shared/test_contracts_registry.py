"""The registry: one map from event types to their models and topics, which nobody can bend."""

import pytest
from pydantic import ValidationError

from shared.contracts.registry import EventModel, Text, published, registered, stem


class Noticed(EventModel):
    """Something was noticed."""

    name: str
    count: int = 0


@pytest.mark.parametrize(
    "type_",
    [
        "tongban.intake.submitted.v1",
        "tongban.intake.case-submitted",
        "tongban.intake.case-submitted.v0",
        "tongban.intake.case-submitted.v1.x",
        "tongban.intake.Case-submitted.v1",
        "tongban.i.case-submitted.v1",
        "other.intake.case-submitted.v1",
    ],
)
def test_a_type_is_an_owners_noun_and_a_verb_in_the_past_with_a_version(type_: str) -> None:
    with pytest.raises(ValueError, match="not of the form"):
        published(type_, on="intake.events")


def test_a_type_is_published_by_one_model() -> None:
    taken = next(iter(registered()))
    before = registered()[taken]
    with pytest.raises(ValueError, match="published twice"):
        published(taken, on="intake.events")(Noticed)
    assert registered()[taken] is before


def test_every_owner_is_registered_and_the_map_is_read_only() -> None:
    owners = {type_.split(".")[1] for type_ in registered()}
    assert owners == {"identity", "intake", "sharing", "notifications", "department"}
    with pytest.raises(TypeError):
        registered()["tongban.intake.case-lost.v1"] = Noticed  # type: ignore[index]


def test_a_type_without_its_version() -> None:
    assert stem("tongban.intake.case-submitted.v12") == "tongban.intake.case-submitted"
    assert stem("tongban.intake.case-submitted") == "tongban.intake.case-submitted"


def test_readers_ignore_what_they_do_not_know_and_take_no_wrong_types() -> None:
    assert Noticed.model_validate_json('{"name": "x", "new": 1}') == Noticed(name="x")
    for wrong in ('{"name": 1}', '{"name": "x", "count": "3"}', '{"name": "x", "count": 3.5}', "{}", "[]"):
        with pytest.raises(ValidationError):
            Noticed.model_validate_json(wrong)


def test_an_event_is_never_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Noticed(name="x").name = "y"  # type: ignore[misc]


def test_a_text_speaks_two_languages() -> None:
    text = Text(zh="居住证", en="Residence permit")
    assert [text.within(language) for language in ("zh", "en", "fr")] == ["居住证", "Residence permit", "居住证"]
    with pytest.raises(ValidationError):
        Text(zh="", en="x")
