"""The city's files, read strictly: every fault of every file is named at once, with file and line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.contracts import Text
from shared.contracts.identity import PURPOSES, DivisionPublished
from shared.contracts.intake import ItemPublished
from shared.contracts.sharing import ResourcePublished

Place = tuple[str | int, ...]
Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C where PyYAML has it: ten times as fast."""


class CityError(Exception):
    """The city cannot be loaded; `faults` are lines for people."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class _Row(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Officer(_Row):
    """A person who works for the department of the entry around it, within `division`."""

    id: str
    login: str
    password: str = Field(repr=False)
    name: str
    division: str
    mail: str | None = None
    phone: str | None = None
    language: Literal["zh", "en"] = "zh"


class Department(_Row):
    """A department with its duties; `matters` are service items, `resources` data."""

    code: str
    name: Text
    division: str
    matters: list[str]
    resources: list[str]
    officers: list[Officer] = Field(default_factory=list)


class Person(_Row):
    """A person who uses the services."""

    id: str
    login: str
    password: str = Field(repr=False)
    name: str
    mail: str | None = None
    phone: str | None = None
    language: Literal["zh", "en"] = "zh"


class Client(_Row):
    """A program: an application that signs people in, or a department's own system."""

    id: str
    kind: Literal["application", "department"]
    name: str
    secret: str | None = Field(default=None, repr=False)
    redirect_uris: list[str] = Field(default_factory=list)
    organisation: str | None = None
    division: str | None = None


class Rule(_Row):
    """A limit of law; `mark` says how sure the source is."""

    key: str
    value: int = Field(ge=0)
    unit: Literal["working_day", "calendar_day", "month"]
    source: str
    mark: Literal["C", "S", "M+", "M?", "D"]
    valid_from: date


class Grant(_Row):
    """A grant of the city; `consent` says where the owner's consent is written down."""

    id: str
    consumer: str
    resource: str
    fields: list[str] = Field(min_length=1)
    purpose: str
    basis: str
    consent: str | None = None
    valid_from: date
    valid_until: date


class Template(_Row):
    """A mail template."""

    code: str
    subject: Text
    body: Text


class City(_Row):
    """All files as one; each file holds the fields that `FILES` lists for it."""

    divisions: list[DivisionPublished] = Field(min_length=1)
    departments: list[Department] = Field(min_length=1)
    people: list[Person]
    clients: list[Client]
    items: list[ItemPublished]
    rules: list[Rule] = Field(min_length=1)
    years: list[int] = Field(min_length=1)
    source: str
    holidays: list[date]
    workdays: list[date]
    resources: list[ResourcePublished]
    grants: list[Grant]
    templates: list[Template]


CALENDAR = ("years", "source", "holidays", "workdays")
_NAMES = ("divisions", "departments", "people", "clients", "items", "rules", "resources", "grants", "templates")
FILES: Mapping[str, Sequence[str]] = {f"{name}.yaml": (name,) for name in _NAMES} | {"calendar.yaml": CALENDAR}
KEYS = dict.fromkeys(("divisions", "departments", "items", "resources", "templates"), "code")
KEYS |= dict.fromkeys(("clients", "grants"), "id")
FILE_OF = {name: file for file, names in FILES.items() for name in names}


@dataclass
class _Source:
    """What the files say, where each value stands, and what is wrong."""

    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[Place, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def fault(self, place: Place, message: str) -> None:
        """Something is wrong at a place, which begins with the name of a file's field."""
        known = place
        while known and known not in self.lines:
            known = known[:-1]
        at = f"{FILE_OF[str(place[0])]}:{self.lines.get(known, 1)}"
        self.faults.append(f"{at}: /{'/'.join(map(str, place))}: {message}")


def read(folder: Path) -> City:
    """The city in `folder`. Raises `CityError` with every fault."""
    source = _Source()
    found = {path.name for path in folder.iterdir() if path.suffix in (".yaml", ".yml", ".json")}
    source.faults += [f"{name}: is missing" for name in sorted(FILES.keys() - found)]
    source.faults += [f"{name}: is not a file of the city" for name in sorted(found - FILES.keys())]
    for name in sorted(FILES.keys() & found):
        _read_file(folder / name, source)
    try:
        city = City.model_validate(source.values, extra="forbid")
    except ValidationError as exc:
        for error in exc.errors(include_input=False):
            if error["type"] != "missing" or len(error["loc"]) > 1:  # a whole file's absence is told already
                source.fault(error["loc"], error["msg"])
        raise CityError(source.faults) from None
    for place, message in _contradictions(city):
        source.fault(place, message)
    if source.faults:
        raise CityError(source.faults)
    return city


# -- YAML with lines, and without duplicate keys ---------------------------------------------------------


def _read_file(path: Path, source: _Source) -> None:
    try:
        loader = Loader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        top = _value(loader, node, (), path.name, source) if node is not None else {}
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as exc:
        mark = getattr(exc, "problem_mark", None)
        what = getattr(exc, "problem", None) or type(exc).__name__
        source.faults.append(f"{path.name}:{mark.line + 1 if mark else 1}: {what}")
        return
    if not isinstance(top, dict) or set(top) != set(FILES[path.name]):
        source.faults.append(f"{path.name}:1: holds exactly {', '.join(FILES[path.name])}")
        return
    source.values |= top


def _value(loader: yaml.SafeLoader, node: yaml.Node, place: Place, file: str, source: _Source) -> Any:
    source.lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, one, (*place, n), file, source) for n, one in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node)
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "a list or mapping as a key"
        if key in found:
            source.faults.append(f"{file}:{key_node.start_mark.line + 1}: {key} is there twice")
        found[key] = _value(loader, value_node, (*place, key), file, source)
    return found


# -- what the files say of each other --------------------------------------------------------------------


def _contradictions(city: City) -> Iterator[tuple[Place, str]]:
    yield from _duplicates(city)
    yield from _unknown_places(city)
    yield from _duties(city)
    yield from _item_faults(city)
    yield from _grant_faults(city)


def _duplicates(city: City) -> Iterator[tuple[Place, str]]:
    owned: list[tuple[Place, str]] = [
        (("departments", n, kind, m), f"{kind} {code}")
        for n, department in enumerate(city.departments)
        for kind in ("matters", "resources")
        for m, code in enumerate(getattr(department, kind))
    ]
    people: list[tuple[Place, str]] = [(("people", n, "id"), one.id) for n, one in enumerate(city.people)]
    people += [
        (("departments", n, "officers", m, "id"), officer.id)
        for n, department in enumerate(city.departments)
        for m, officer in enumerate(department.officers)
    ]
    lists = [owned, people]
    for name, key in KEYS.items():
        lists.append([((name, n, key), getattr(row, key)) for n, row in enumerate(getattr(city, name))])
    for places in lists:
        seen: set[str] = set()
        for place, value in places:
            if value in seen:
                yield place, f"{value} is there twice"
            seen.add(value)


def _unknown_places(city: City) -> Iterator[tuple[Place, str]]:
    divisions, departments = {row.code for row in city.divisions}, {row.code for row in city.departments}
    for n, row in enumerate(city.divisions):
        if row.parent is not None and row.parent not in divisions:
            yield ("divisions", n, "parent"), f"there is no division {row.parent}"
    for n, department in enumerate(city.departments):
        if department.division not in divisions:
            yield ("departments", n, "division"), f"there is no division {department.division}"
        for m, officer in enumerate(department.officers):
            if officer.division not in divisions:
                yield ("departments", n, "officers", m, "division"), f"there is no division {officer.division}"
    for n, client in enumerate(city.clients):
        if client.organisation is not None and client.organisation not in departments:
            yield ("clients", n, "organisation"), f"there is no department {client.organisation}"


def _duties(city: City) -> Iterator[tuple[Place, str]]:
    departments = {row.code: row for row in city.departments}
    for n, item in enumerate(city.items):
        if (owner := departments.get(item.department)) is None or item.code not in owner.matters:
            yield ("items", n, "department"), f"{item.code} is none of the matters of {item.department}"
    for n, resource in enumerate(city.resources):
        if (owner := departments.get(resource.owner)) is None or resource.code not in owner.resources:
            yield ("resources", n, "owner"), f"{resource.code} is none of the resources of {resource.owner}"


def _item_faults(city: City) -> Iterator[tuple[Place, str]]:
    for n, item in enumerate(city.items):
        yield from _limit_faults(n, item)
        for m, material in enumerate(item.materials):
            if material.code in {earlier.code for earlier in item.materials[:m]}:
                yield ("items", n, "materials", m, "code"), f"{material.code} is there twice"
            if material.shared is not None:
                place: Place = ("items", n, "materials", m, "shared")
                yield from _field_faults(city, place, material.shared.resource, material.shared.fields)


def _limit_faults(n: int, item: ItemPublished) -> Iterator[tuple[Place, str]]:
    for name in ("legal_days", "promised_days"):
        if getattr(item, name) < 0:
            yield ("items", n, name), "days cannot be negative"
    if item.promised_days > item.legal_days:
        yield ("items", n, "promised_days"), "the promise is longer than the legal limit"


def _grant_faults(city: City) -> Iterator[tuple[Place, str]]:
    items = {item.code: item.department for item in city.items}
    items |= dict.fromkeys(PURPOSES, "identity")
    for n, grant in enumerate(city.grants):
        yield from _field_faults(city, ("grants", n), grant.resource, grant.fields)
        if items.get(grant.purpose) != grant.consumer:
            yield ("grants", n, "purpose"), f"{grant.purpose} is no item of {grant.consumer}"


def _field_faults(city: City, place: Place, code: str, fields: Sequence[str]) -> Iterator[tuple[Place, str]]:
    resource = next((row for row in city.resources if row.code == code), None)
    if resource is None:
        yield (*place, "resource"), f"there is no resource {code}"
        return
    known = {one.name for one in resource.fields}
    for n, name in enumerate(fields):
        if name not in known:
            yield (*place, "fields", n), f"{code} has no field {name}"
