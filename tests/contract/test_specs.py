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
    schemas["Text"]["properties"]["en"] = {"type": "integer"}
    new["channels"]["tongban.intake.material-wished.v1"]["address"] = "intake.wishes"
    del new["channels"]["tongban.intake.statement-rejected.v1"]
    assert sorted(fault.removeprefix("tongban.intake.") for fault in breaking(old, new)) == [
        "case-accepted.v1.deemed is required now, records on the topic lack it",
        "case-completed.v1.completed_on changed its type",
        "case-decided.v1.outcome may be withdrawn now, readers do not know that",
        "case-submitted.v1.number is gone",
        "case-submitted.v1.number may be absent now, readers rely on it",
        "item-published.v1.conditions[].en changed its type",
        "item-published.v1.fee.en changed its type",
        "item-published.v1.materials[].name.en changed its type",
        "item-published.v1.name.en changed its type",
        "item-published.v1.process[].en changed its type",
        "material-received.v1.material may be absent now, readers rely on it",
        "material-wished.v1 moved from intake.events to intake.wishes",
        "statement-rejected.v1 is no longer published",
    ]


def test_another_name_for_a_payload_s_class_hides_nothing_and_is_no_change_itself() -> None:
    old = MADE["department.asyncapi.json"]
    made = json.dumps(old).replace("schemas/QuestionAnswered", "schemas/Renamed")
    new = json.loads(made.replace('"QuestionAnswered": {', '"Renamed": {'))
    assert breaking(old, new) == []
    del new["components"]["schemas"]["Renamed"]["properties"]["found"]
    assert breaking(old, new) == ["tongban.department.question-answered.v1.found is gone"]
