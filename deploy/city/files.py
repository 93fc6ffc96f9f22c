"""The city's files, read strictly: every fault of every file is named at once, with file and line."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from deploy.city.reading import CityError, Place, Source
from deploy.city.rows import Organisation, Person, Row, contradictions, doubles
from shared.contracts import Text
from shared.contracts.identity import PURPOSES
from shared.contracts.intake import ItemPublished
from shared.contracts.sharing import ResourcePublished


class Client(Row):
    """A program: an application that signs people in, or a department's own system."""

    id: str
    kind: Literal["application", "department"]
    name: str
    secret: str | None = Field(default=None, repr=False)
    redirect_uris: list[str] = Field(default_factory=list)
    post_logout_redirect_uris: list[str] = Field(default_factory=list)
    backchannel_logout_uri: str | None = None
    scopes: list[str] = Field(default_factory=lambda: ["openid", "services"])
    asks_consent: bool = False
    organisation: str | None = None
    division: str | None = None


class Rule(Row):
    """A limit of law; `mark` says how sure the source is."""

    key: str
    value: int = Field(ge=0)
    unit: Literal["working_day", "calendar_day", "month"]
    source: str
    mark: Literal["C", "S", "M+", "M?", "D"]
    valid_from: date


class Grant(Row):
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


class Template(Row):
    """A mail template."""

    code: str
    subject: Text
    body: Text


class City(Organisation):
    """All files as one; each file holds the fields that `FILES` lists for it."""

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
_NAMES = (
    "divisions", "departments", "officers", "people", "clients", "items", "rules", "resources", "grants", "templates",
)  # fmt: skip
FILES: Mapping[str, Sequence[str]] = {f"{name}.yaml": (name,) for name in _NAMES} | {"calendar.yaml": CALENDAR}
KEYS = dict.fromkeys(("items", "resources", "templates"), "code") | dict.fromkeys(("clients", "grants"), "id")


def read(folder: Path) -> City:
    """The city in `folder`. Raises `CityError` with every fault."""
    source = Source(FILES)
    found = {path.name for path in folder.iterdir() if path.suffix in (".yaml", ".yml", ".json")}
    source.faults += [f"{name}: is missing" for name in sorted(FILES.keys() - found)]
    source.faults += [f"{name}: is not a file of the city" for name in sorted(found - FILES.keys())]
    for name in sorted(FILES.keys() & found):
        source.read(folder / name)
    city = source.as_model(City)
    for place, message in _contradictions(city):
        source.fault(place, message)
    if source.faults:
        raise CityError(source.faults)
    return city


def _contradictions(city: City) -> Iterator[tuple[Place, str]]:
    yield from contradictions(city)
    yield from _duplicates(city)
    yield from _clients(city)
    yield from _duties(city)
    yield from _item_faults(city)
    yield from _grant_faults(city)


def _duplicates(city: City) -> Iterator[tuple[Place, str]]:
    for key in ("id", "login"):
        officers = [getattr(officer, key) for officer in city.officers]
        yield from doubles([(("people", n, key), getattr(one, key)) for n, one in enumerate(city.people)], officers)
    for name, key in KEYS.items():
        yield from doubles([((name, n, key), getattr(row, key)) for n, row in enumerate(getattr(city, name))])
    for name in ("people", "officers"):
        for n, one in enumerate(getattr(city, name)):
            if one.password is None:
                yield (name, n), "has no password"


def _clients(city: City) -> Iterator[tuple[Place, str]]:
    departments = {row.code for row in city.departments}
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
