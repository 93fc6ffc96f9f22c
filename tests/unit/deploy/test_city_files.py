"""The sample city's files: they are right, and what is wrong in others is named all at once, with file and line."""

import json
import shutil
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from deploy.city.files import FILES, City, read
from deploy.city.reading import CityError
from shared.contracts.intake import ItemPublished

SAMPLE = Path(__file__).parents[3] / "deploy" / "city"


@pytest.fixture(scope="module")
def city() -> City:
    return read(SAMPLE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy to spoil."""
    for name in FILES:
        shutil.copy(SAMPLE / name, tmp_path)
    return tmp_path


def spoil(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")


def faults(folder: Path) -> tuple[str, ...]:
    with pytest.raises(CityError) as raised:
        read(folder)
    return raised.value.faults


# -- the sample -----------------------------------------------------------------------------------------


def test_the_tree_has_five_levels(city: City) -> None:
    assert Counter(row.level for row in city.divisions) == {1: 1, 2: 1, 3: 3, 4: 4, 5: 4}
    lengths = {1: 2, 2: 4, 3: 6, 4: 9, 5: 12}
    assert all(len(row.code) == lengths[row.level] for row in city.divisions)
    assert all(row.parent is None or row.code.startswith(row.parent) for row in city.divisions)


def test_six_departments_have_officers(city: City) -> None:
    assert [row.code for row in city.departments] == ["police", "hrss", "housing", "market", "court", "procuratorate"]
    assert {post.organisation for officer in city.officers for post in officer.posts} == {
        row.code for row in city.departments
    }
    assert {client.organisation for client in city.clients} == {None, *(row.code for row in city.departments)}


def test_people_can_be_reached_in_their_language(city: City) -> None:
    assert {(p.id, p.login, p.mail, p.language) for p in city.people} == {
        ("person-li-na", "li.na", "li.na@example.org", "zh"),
        ("person-wang-wei", "wang.wei", "wang.wei@example.org", "en"),
    }


def test_each_form_is_a_schema_with_an_example_that_fits(city: City) -> None:
    for item in city.items:
        Draft202012Validator.check_schema(item.form)
        checker = Draft202012Validator(item.form, format_checker=Draft202012Validator.FORMAT_CHECKER)
        assert item.form["examples"]
        for example in item.form["examples"]:
            checker.validate(example)
            assert list(checker.iter_errors(example | {"unknown": 1}))


def test_a_promise_is_no_longer_than_the_law_allows(city: City) -> None:
    assert all(0 < item.promised_days <= item.legal_days for item in city.items)


def test_the_residence_permit_takes_two_materials_from_shared_data_under_grants(city: City) -> None:
    [permit] = [item for item in city.items if item.code == "residence-permit"]
    shared = {m.code: m.shared for m in permit.materials if m.shared is not None}
    assert set(shared) == {"social-insurance", "rental-registration"}
    for wish in shared.values():
        [grant] = [g for g in city.grants if g.resource == wish.resource]
        assert (grant.consumer, grant.purpose) == ("police", wish.purpose)
        assert set(wish.fields) <= set(grant.fields)
        [resource] = [r for r in city.resources if r.code == wish.resource]
        assert set(grant.fields) < {one.name for one in resource.fields}  # there is something to cut off


def test_rules_say_where_they_stand(city: City) -> None:
    assert {rule.key: (rule.value, rule.unit) for rule in city.rules} == {
        "permit.supplement_notice": (5, "working_day"),
        "permit.decision": (20, "working_day"),
    }
    assert all(rule.source and rule.mark == "C" for rule in city.rules)


def test_holidays_and_make_up_days_agree_with_the_week(city: City) -> None:
    assert not set(city.holidays) & set(city.workdays)
    assert all(day.weekday() >= 5 for day in city.workdays)
    assert {day.year for day in (*city.holidays, *city.workdays)} <= set(city.years)
    assert city.holidays == sorted(set(city.holidays))


@pytest.mark.parametrize(("year", "working"), [(2026, 248), (2027, 248)])
def test_a_year_has_its_working_days(city: City, year: int, working: int) -> None:
    """Each year of 365 days has 104 days of weekends and 13 statutory holidays; moving days about changes no sum."""
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
    assert sum((d.weekday() < 5 and d not in city.holidays) or d in city.workdays for d in days) == working


def test_an_item_is_what_intake_publishes(city: City) -> None:
    for row in yaml.safe_load((SAMPLE / "items.yaml").read_text(encoding="utf-8"))["items"]:
        assert ItemPublished.model_validate_json(json.dumps(row)) in city.items


# -- what is wrong --------------------------------------------------------------------------------------


def test_all_faults_of_all_files_are_named_at_once(folder: Path) -> None:
    spoil(folder, "people.yaml", "language: zh", "language: fr")
    spoil(folder, "items.yaml", "legal_days: 15", "legal_days: fifteen")
    spoil(folder, "clients.yaml", "kind: application", "kinds: application")
    (folder / "streets.yaml").write_text("streets: []\n")
    (folder / "rules.yaml").unlink()
    found = "\n".join(faults(folder))
    for told in (
        "people.yaml:9: /people/0/language:",
        "items.yaml:36: /items/0/legal_days:",
        "clients.yaml:5: /clients/0/kinds:",
        "clients.yaml:4: /clients/0/kind: Field required",
        "streets.yaml: is not a file of the city",
        "rules.yaml: is missing",
    ):
        assert told in found


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("people.yaml", "login: li.na", "login: li.na\n    login: li.na", "people.yaml:5: login is there twice"),
        ("people.yaml", "people:", "peoples:", "people.yaml:1: holds exactly people"),
        ("people.yaml", "  - id: person-li-na", "  - id: [", "people.yaml:"),
        ("people.yaml", "id: person-wang-wei", "id: person-li-na", "/people/1/id: person-li-na is there twice"),
        ("divisions.yaml", '"21", level', "21, level", "divisions.yaml:5: /divisions/0/code:"),
        ("divisions.yaml", 'parent: "21"', 'parent: "22"', "/divisions/1/parent: there is no division 22"),
        ("departments.yaml", 'division: "2102"', 'division: "9"', "/departments/0/division: there is no division 9"),
        ("officers.yaml", 'division: "2102"', 'division: "9"', "/officers/0/posts/0/division: there is no division 9"),
        ("officers.yaml", "organisation: police", "organisation: x", "/officers/0/posts/0/organisation: there is no"),
        ("officers.yaml", "roles: [clerk]", "roles: [king]", "officers.yaml:17: /officers/1/posts/0/roles/0: Input"),
        (
            "officers.yaml",
            'division: "210202"',
            'division: "210204"',
            "/officers/1/posts/1: police.210204 is there twice",
        ),
        ("officers.yaml", "id: person-liu-yang", "id: person-li-na", "/people/0/id: person-li-na is there twice"),
        ("officers.yaml", "login: liu.yang", "login: zhang.min", "/officers/1/login: zhang.min is there twice"),
        ("officers.yaml", "    password: liu-yang-demo\n", "", "/officers/1: has no password"),
        (
            "divisions.yaml",
            '{code: "2102", level: 2',
            '{code: "2102", level: 3',
            "/divisions/1/code: a code of level 3",
        ),
        (
            "departments.yaml",
            "matters: [unemployment-registration]",
            "matters: [residence-permit]",
            "/departments/1/matters/0: matters residence-permit is there twice",
        ),
        ("departments.yaml", "matters: [residence-permit]", "matters: []", "/items/0/department: residence-permit is"),
        ("departments.yaml", "[hrss.social-insurance, ", "[", "/resources/0/owner: hrss.social-insurance is"),
        ("clients.yaml", "organisation: police", "organisation: weather", "there is no department weather"),
        ("items.yaml", "fields: [status,", "fields: [state,", "/items/0/materials/2/shared/fields/0: hrss."),
        ("items.yaml", "resource: hrss.social-insurance", "resource: hrss.x", "there is no resource hrss.x"),
        ("items.yaml", "legal_days: 15", "legal_days: -15", "items.yaml:36: /items/0/legal_days: days cannot be"),
        ("items.yaml", "promised_days: 5", "promised_days: 16", "/items/0/promised_days: the promise is longer"),
        ("items.yaml", "code: photo", "code: identity-card", "/items/0/materials/1/code: identity-card is there twice"),
        ("grants.yaml", "purpose: residence-permit", "purpose: x", "/grants/0/purpose: x is no item of police"),
        ("grants.yaml", "purpose: real-name-registration", "purpose: gossip", "gossip is no item of identity"),
        ("grants.yaml", "fields: [status,", "fields: [state,", "grants.yaml:8: /grants/0/fields/0: hrss."),
        ("grants.yaml", "valid_until: 2027-12-31", "valid_until: soon", "/grants/0/valid_until:"),
        ("calendar.yaml", "- 2026-01-02", "- 2026-02-30", "calendar.yaml:1: "),
    ],
)
def test_a_fault_is_named_with_its_place(folder: Path, name: str, old: str, new: str, told: str) -> None:
    spoil(folder, name, old, new)
    assert any(told in fault for fault in faults(folder)), faults(folder)


def test_faults_do_not_quote_secrets(folder: Path) -> None:
    spoil(folder, "people.yaml", "password: li-na-demo", "password: [li-na-demo]")
    assert "li-na-demo" not in "\n".join(faults(folder))


@pytest.mark.parametrize("text", ["", "- 1\n", "people: \n", "people: {a: 1}\n", "? [1]\n: 2\n", "\x00"])
def test_a_file_of_another_shape_is_refused(folder: Path, text: str) -> None:
    (folder / "people.yaml").write_text(text)
    assert any(fault.startswith("people.yaml:") for fault in faults(folder))


def test_a_department_may_own_what_nobody_offers_yet(folder: Path) -> None:
    """The tutorial's weather bureau: no officers, no resource published."""
    row: dict[str, Any] = {"code": "weather", "name": {"zh": "气象局", "en": "Weather"}, "division": "2102"}
    rows = yaml.safe_load((folder / "departments.yaml").read_text(encoding="utf-8"))
    rows["departments"].append(row | {"matters": [], "resources": ["weather.damage"]})
    (folder / "departments.yaml").write_text(yaml.safe_dump(rows, allow_unicode=True), encoding="utf-8")
    assert read(folder).departments[-1].code == "weather"
