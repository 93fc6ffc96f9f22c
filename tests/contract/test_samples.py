"""Each event type has one real sample: what producers emit looks like it, and consumers are tested from it."""

import json
from pathlib import Path

import pytest

from shared.contracts import EventModel, registered

SAMPLES = Path(__file__).parents[2] / "shared" / "contracts" / "samples"
TYPES = sorted(registered().items())


@pytest.mark.parametrize(("type_", "model"), TYPES, ids=[type_ for type_, _ in TYPES])
def test_the_sample_is_read_and_written_back_the_same(type_: str, model: type[EventModel]) -> None:
    raw = (SAMPLES / f"{type_}.json").read_text()
    read = model.model_validate_json(raw)
    assert set(json.loads(raw)) == set(model.model_fields), "a sample shows every field"
    assert model.model_validate_json(read.model_dump_json()) == read


def test_every_sample_belongs_to_a_type() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(registered())


@pytest.mark.parametrize(("type_", "model"), TYPES, ids=[type_ for type_, _ in TYPES])
def test_readers_ignore_a_field_they_do_not_know(type_: str, model: type[EventModel]) -> None:
    raw = json.loads((SAMPLES / f"{type_}.json").read_text())
    assert model.model_validate_json(json.dumps(raw | {"new_in_2030": 1})) == model.model_validate_json(json.dumps(raw))


@pytest.mark.parametrize(("type_", "model"), TYPES, ids=[type_ for type_, _ in TYPES])
def test_each_type_is_owned_by_the_writer_of_its_topic(type_: str, model: type[EventModel]) -> None:
    owner = type_.split(".")[1]
    writer = model.topic.split(".")[0]
    assert (writer, owner) == ("{department}", "department") or writer == owner
