"""The aggregate records what happened to it."""

from datetime import UTC, datetime

import pytest

from shared.aggregate import EVENT_LIMIT, EventTooLarge
from tests.petitions import Petition, PetitionAnswered, PetitionFiled, PetitionForwarded

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_a_verb_changes_the_state_and_records_the_event() -> None:
    petition = Petition.file("petition-1", NOW, office="west")
    petition.answer("quiet now", NOW)
    assert petition.answers == ["quiet now"]
    assert petition.recorded == [
        {
            "type": PetitionFiled.type,
            "topic": "west.petitions",
            "data": {"petition": "petition-1", "matter": "noise"},
        },
        {
            "type": PetitionAnswered.type,
            "topic": "west.petitions",
            "data": {"petition": "petition-1", "text": "quiet now"},
        },
    ]


def test_a_refused_verb_records_nothing() -> None:
    petition = Petition.file("petition-1", NOW)
    petition.answer("yes", NOW)
    with pytest.raises(Exception, match="answered"):
        petition.answer_once("no", NOW)
    assert petition.answers == ["yes"]
    assert len(petition.recorded) == 2


def test_a_templated_topic_needs_to_know_to_whom() -> None:
    petition = Petition.file("petition-1", NOW)
    with pytest.raises(ValueError, match="say to whom"):
        petition.record(PetitionForwarded(petition="petition-1", letter="…"), NOW)
    petition.forward("…", NOW, to="housing")
    assert petition.recorded[-1]["topic"] == "petitions.to.housing"


def test_an_event_that_fits_no_topic_is_refused_before_anything_is_recorded() -> None:
    petition = Petition.file("petition-1", NOW)
    petition.record(PetitionForwarded(petition="petition-1", letter="x" * (EVENT_LIMIT - 100)), NOW, to="police")
    with pytest.raises(EventTooLarge, match="event_too_large"):
        petition.record(PetitionForwarded(petition="petition-1", letter="办" * (EVENT_LIMIT // 3)), NOW, to="police")
    assert len(petition.recorded) == 2


def test_entries_are_handed_over_once() -> None:
    petition = Petition.file("petition-1", NOW)
    assert [entry.type for entry in petition.take_recorded()] == [PetitionFiled.type]
    assert petition.take_recorded() == []
