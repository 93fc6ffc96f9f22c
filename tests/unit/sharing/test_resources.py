"""Data resources: an offer is checked whole, and the same one again is no news."""

from typing import Any

import pytest

from services.sharing.resources.domain import Resource, faults_of
from shared.contracts.sharing import DataField
from tests.unit.sharing.samples import NOW, offer, organisation, text


def test_an_offer_becomes_a_row_of_the_catalogue() -> None:
    resource = Resource(id="resource-hrss.social-insurance")
    resource.publish(offer(), NOW)
    assert [(one["type"], one["topic"]) for one in resource.recorded] == [
        ("tongban.sharing.resource-published.v1", "sharing.catalogue")
    ]


def test_the_same_offer_again_is_no_news_and_another_one_is() -> None:
    resource = Resource(id="resource-hrss.social-insurance")
    resource.publish(offer(), NOW)
    resource.publish(offer(), NOW)
    assert len(resource.recorded) == 1
    resource.publish(offer(answer_within=5.0), NOW)
    assert len(resource.recorded) == 2


def test_a_good_offer_has_no_faults() -> None:
    assert faults_of(offer(), organisation()) == []
    assert faults_of(offer(sharing="unconditional", condition=None), organisation()) == []
    assert faults_of(offer(sharing="none", condition=None, refusal_basis="保守国家秘密法"), organisation()) == []


FAULTY: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"condition": None}, ("/condition", "missing")),
    ({"sharing": "unconditional"}, ("/condition", "not_allowed")),
    ({"sharing": "none", "condition": None}, ("/refusal_basis", "missing")),
    ({"sharing": "none", "condition": None, "refusal_basis": ""}, ("/refusal_basis", "missing")),
    ({"refusal_basis": "不想给"}, ("/refusal_basis", "not_allowed")),
    ({"code": "hrss.wages"}, ("/code", "not_its_duty")),
    ({"code": "housing.social-insurance"}, ("/code", "format")),
    ({"code": "hrss.Social"}, ("/code", "format")),
    ({"update_cycle": "sometimes"}, ("/update_cycle", "unknown")),
    ({"answer_within": 1e9}, ("/answer_within", "too_long")),
    ({"answer_within": float("inf")}, ("/answer_within", "too_long")),
    ({"fields": [DataField(name="A b", title=text("a"))]}, ("/fields/0/name", "format")),
    ({"fields": [DataField(name="a", title=text("a"))] * 2}, ("/fields/1/name", "duplicate")),
    ({"compares": [DataField(name="A b", title=text("a"))]}, ("/compares/0/name", "format")),
    ({"compares": [DataField(name="a", title=text("a"))] * 2}, ("/compares/1/name", "duplicate")),
]


@pytest.mark.parametrize(("changes", "fault"), FAULTY)
def test_what_is_wrong_is_named(changes: dict[str, Any], fault: tuple[str, str]) -> None:
    assert fault in {(f.pointer, f.code) for f in faults_of(offer(**changes), organisation())}


def test_all_faults_are_named_at_once() -> None:
    found = faults_of(offer(condition=None, update_cycle="sometimes", code="hrss.wages"), None)
    assert {f.pointer for f in found} == {"/owner", "/condition", "/update_cycle"}
