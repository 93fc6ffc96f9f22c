"""The specs in git are those of the code, and no published event changed incompatibly."""

import copy
import json

import pytest

from tests.contract.specs import FOLDER, breaking, documents, text

MADE = dict(documents())


@pytest.mark.parametrize("name", sorted(MADE))
def test_the_spec_in_git_is_the_code_s_own(name: str) -> None:
    assert (FOLDER / name).read_text() == text(MADE[name]), "run `make specs` and look at the difference"


@pytest.mark.parametrize("name", sorted(name for name in MADE if name.endswith("asyncapi.json")))
def test_no_published_event_changed_incompatibly(name: str) -> None:
    assert breaking(json.loads((FOLDER / name).read_text()), MADE[name]) == []


def test_incompatible_changes_are_found() -> None:
    old = MADE["intake.asyncapi.json"]
    new = copy.deepcopy(old)
    schemas = new["components"]["schemas"]
    del schemas["CaseSubmitted"]["properties"]["number"]
    schemas["CaseSubmitted"]["required"].remove("number")
    schemas["CaseCompleted"]["properties"]["completed_on"] = {"type": "integer"}
    schemas["CaseDecided"]["properties"]["outcome"]["enum"].append("withdrawn")
    schemas["CaseAccepted"]["required"].append("deemed")
    schemas["MaterialReceived"]["required"].remove("material")
    schemas["CaseAssigned"]["properties"]["note"] = {"type": "string"}
    del new["channels"]["tongban.intake.item-published.v1"]
    assert sorted(breaking(old, new)) == [
        "CaseAccepted.deemed is required now, records on the topic lack it",
        "CaseCompleted.completed_on changed its type",
        "CaseDecided.outcome may be withdrawn now, readers do not know that",
        "CaseSubmitted.number is gone",
        "CaseSubmitted.number may be absent now, readers rely on it",
        "MaterialReceived.material may be absent now, readers rely on it",
        "tongban.intake.item-published.v1 is no longer published",
    ]
