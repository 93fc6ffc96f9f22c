"""Readers take an additive change at any depth: an event of tomorrow is read by the code of today."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.contracts import EventModel, registered

SAMPLES = Path(__file__).parents[2] / "shared" / "contracts" / "samples"
FREE = {"form", "data", "given"}
"""Fields whose content is not ours to shape."""


def grown(value: Any) -> Any:
    """The value with a field more in every object."""
    if isinstance(value, list):
        return [grown(one) for one in value]
    if isinstance(value, dict):
        return {name: one if name in FREE else grown(one) for name, one in value.items()} | {"new_in_2030": 1}
    return value


@pytest.mark.parametrize("model", registered().values(), ids=lambda model: model.type)
def test_a_new_field_anywhere_is_ignored(model: type[EventModel]) -> None:
    sample = json.loads((SAMPLES / f"{model.type}.json").read_text())
    assert model.model_validate_json(json.dumps(grown(sample))) == model.model_validate_json(json.dumps(sample))
