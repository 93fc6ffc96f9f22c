"""The division tree."""

from datetime import UTC, datetime

import pytest

from services.identity.organisations.domain import Division, Organisation
from shared.contracts import Text
from shared.contracts.identity import DivisionPublished, OrganisationPublished
from shared.divisions import division_faults

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NAME = Text(zh="某地", en="Somewhere")


def row(code: str, level: int, parent: str | None) -> DivisionPublished:
    return DivisionPublished(code=code, name=NAME, level=level, parent=parent)


CITY = row("2102", 2, "21")


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        (row("21", 1, None), None),
        (CITY, row("21", 1, None)),
        (row("210203", 3, "2102"), CITY),
        (row("210203001", 4, "210203"), row("210203", 3, "2102")),
        (row("210203001001", 5, "210203001"), row("210203001", 4, "210203")),
        (row("210281", 3, "21"), row("21", 1, None)),  # a county-level city directly under its province
    ],
)
def test_five_levels_fit_below_each_other(child: DivisionPublished, parent: DivisionPublished | None) -> None:
    assert division_faults(child, parent) == []


@pytest.mark.parametrize(
    ("child", "parent", "codes"),
    [
        (row("2102", 1, None), None, {"length"}),
        (row("2102", 2, None), None, {"missing"}),
        (row("2102", 2, "21"), None, {"unknown_division"}),
        (row("2203", 2, "2102"), CITY, {"level", "outside_parent"}),
        (row("2102", 2, "210203"), row("210203", 3, "2102"), {"level", "outside_parent"}),
        (row("220203", 3, "2102"), CITY, {"outside_parent"}),
        (row("99", 5, "2102"), None, {"length", "unknown_division", "outside_parent"}),
    ],
)
def test_a_row_that_does_not_fit_has_every_fault_named(
    child: DivisionPublished, parent: DivisionPublished | None, codes: set[str]
) -> None:
    assert {fault.code for fault in division_faults(child, parent)} == codes


def test_only_a_changed_row_is_told() -> None:
    division = Division(id="division-2102", row=CITY)
    division.open(NOW)
    division.revise(row("2102", 2, "21"), NOW)
    assert len(division.recorded) == 1
    division.revise(CITY.model_copy(update={"name": Text(zh="大连市", en="Dalian")}), NOW)
    assert [entry["topic"] for entry in division.recorded] == ["identity.organisations"] * 2


def test_an_organisation_is_admitted_once() -> None:
    police = OrganisationPublished(code="police", name=NAME, division="2102", matters=["a-matter"], resources=[])
    organisation = Organisation(id="organisation-police", row=police)
    organisation.open(NOW)
    organisation.revise(police.model_copy(update={"name": Text(zh="公安", en="Police")}), NOW)
    told = [entry["type"].split(".")[2] for entry in organisation.recorded]
    assert told == ["organisation-admitted", "organisation-published", "duty-assigned", "organisation-published"]


def test_each_duty_that_comes_or_goes_is_told() -> None:
    police = OrganisationPublished(
        code="police", name=NAME, division="2102", matters=["permits", "seals"], resources=["people"], systems=["gate"]
    )
    organisation = Organisation(id="organisation-police", row=police)
    organisation.open(NOW)
    organisation.take_recorded()
    organisation.revise(police.model_copy(update={"matters": ["seals"], "systems": ["gate", "seals"]}), NOW)
    duties = [
        (entry["type"].split(".")[2], entry["data"]) for entry in organisation.recorded if "duty" in entry["type"]
    ]
    assert duties == [
        ("duty-released", {"kind": "matter", "code": "permits", "organisation": "police"}),
        ("duty-assigned", {"kind": "system", "code": "seals", "organisation": "police"}),
    ]
