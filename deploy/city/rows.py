"""The rows of the organisation's file: divisions, departments with their duties, officers. See `organisation.py`."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from deploy.city.reading import Place
from shared.accounts import Login, Mail, Name, PersonId, Phone
from shared.caller import Role
from shared.contracts import Text
from shared.contracts.identity import DivisionPublished
from shared.divisions import division_faults

DUTIES = ("matters", "resources", "systems")


class Row(BaseModel):
    """Strict, and nothing unknown in it."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Department(Row):
    """A department with its duties; `matters` are service items, `resources` data, `systems` information systems."""

    code: str
    name: Text
    division: str
    matters: list[str]
    resources: list[str]
    systems: list[str] = Field(default_factory=list)


class Post(Row):
    """What an officer is, where, and on which days, if not for good."""

    organisation: str
    division: str
    roles: list[Role] = Field(min_length=1)
    since: date | None = None
    until: date | None = None


class Substitution(Row):
    """For whom an officer stands in, at which post, on which days."""

    id: str
    organisation: str
    division: str
    roles: list[Role] = Field(min_length=1)
    instead_of: PersonId
    since: date
    until: date


class Person(Row):
    """A person who uses the services."""

    id: PersonId
    login: Login
    password: str | None = Field(default=None, min_length=8, max_length=128, repr=False)
    name: Name
    mail: Mail | None = None
    phone: Phone | None = None
    language: Literal["zh", "en"] = "zh"


class Officer(Person):
    """A person who works for departments. `password`: for one who is new."""

    posts: list[Post] = Field(min_length=1)
    substitutions: list[Substitution] = Field(default_factory=list)


class Organisation(Row):
    """How the city is organised."""

    divisions: list[DivisionPublished] = Field(min_length=1)
    departments: list[Department] = Field(min_length=1)
    officers: list[Officer]


def contradictions(organisation: Organisation) -> Iterator[tuple[Place, str]]:
    """What the rows say of each other that cannot be."""
    for places in _unique(organisation):
        yield from doubles(places)
    yield from _tree_faults(organisation)
    yield from _unknown_places(organisation)
    yield from _substitution_faults(organisation)


def doubles(places: Sequence[tuple[Place, str]], known: Iterable[str] = ()) -> Iterator[tuple[Place, str]]:
    """A fault for each value that is there a second time, here or among those that are `known`."""
    seen = set(known)
    for place, value in places:
        if value in seen:
            yield place, f"{value} is there twice"
        seen.add(value)


def _unique(organisation: Organisation) -> Iterator[list[tuple[Place, str]]]:
    officers = list(enumerate(organisation.officers))
    yield [(("divisions", n, "code"), row.code) for n, row in enumerate(organisation.divisions)]
    yield [(("departments", n, "code"), row.code) for n, row in enumerate(organisation.departments)]
    yield [
        (("departments", n, kind, m), f"{kind} {code}")
        for n, department in enumerate(organisation.departments)
        for kind in DUTIES
        for m, code in enumerate(getattr(department, kind))
    ]
    for key in ("id", "login"):
        yield [(("officers", n, key), getattr(officer, key)) for n, officer in officers]
    for n, officer in officers:
        yield [(("officers", n, "posts", m), f"{p.organisation}.{p.division}") for m, p in enumerate(officer.posts)]
        yield [(("officers", n, "substitutions", m, "id"), one.id) for m, one in enumerate(officer.substitutions)]


def _tree_faults(organisation: Organisation) -> Iterator[tuple[Place, str]]:
    rows = {row.code: row for row in organisation.divisions}
    for n, row in enumerate(organisation.divisions):
        if row.parent is not None and row.parent not in rows:
            yield ("divisions", n, "parent"), f"there is no division {row.parent}"
            continue
        for fault in division_faults(row, rows.get(row.parent or "")):
            yield ("divisions", n, fault.pointer.removeprefix("/")), fault.detail


def _unknown_places(organisation: Organisation) -> Iterator[tuple[Place, str]]:
    divisions = {row.code for row in organisation.divisions}
    departments = {row.code for row in organisation.departments}
    for n, department in enumerate(organisation.departments):
        if department.division not in divisions:
            yield ("departments", n, "division"), f"there is no division {department.division}"
    for n, officer in enumerate(organisation.officers):
        for kind in ("posts", "substitutions"):
            for m, post in enumerate(getattr(officer, kind)):
                at: Place = ("officers", n, kind, m)
                if post.division not in divisions:
                    yield (*at, "division"), f"there is no division {post.division}"
                if post.organisation not in departments:
                    yield (*at, "organisation"), f"there is no department {post.organisation}"
                if post.since is not None and post.until is not None and post.until < post.since:
                    yield (*at, "until"), "it would end before it begins"


def _substitution_faults(organisation: Organisation) -> Iterator[tuple[Place, str]]:
    officers = {officer.id: officer for officer in organisation.officers}
    for n, officer in enumerate(organisation.officers):
        for m, one in enumerate(officer.substitutions):
            at: Place = ("officers", n, "substitutions", m)
            if one.organisation not in {post.organisation for post in officer.posts}:
                yield at, f"only an officer of {one.organisation} stands in there"
            holder = officers.get(one.instead_of)
            if holder is None or holder is officer or not any(_is_lent(one, post) for post in holder.posts):
                yield (
                    (*at, "instead_of"),
                    f"{one.instead_of} does not hold that post with these roles on all these days",
                )


def _is_lent(one: Substitution, post: Post) -> bool:
    is_there = (one.organisation, one.division) == (post.organisation, post.division)
    begins = post.since is None or post.since <= one.since
    return is_there and begins and (post.until is None or one.until <= post.until) and set(one.roles) <= set(post.roles)
