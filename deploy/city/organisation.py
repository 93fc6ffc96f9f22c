"""The organisation in one file: as it is kept, as the file says, what differs, and making it so.

The file is the whole: officers whom it does not name hold no post any more, duties it does not name are given up.
Divisions and departments are never removed, for cases and journals name them: those it leaves out stay.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import httpx
import yaml
from pydantic import BaseModel, ValidationError

from deploy.city.load import Put, put_department, put_division, put_officer, put_substitution, withdraw_substitution
from deploy.city.reading import CityError, Source
from deploy.city.rows import DUTIES, Department, Officer, Organisation, Substitution, contradictions

FIELDS = ("divisions", "departments", "officers")
HEAD = "# How the city is organised, as it was exported. It names people and has no passwords.\n"
PAGE = 200
How = Literal["created", "changed", "taken away", "stays"]
# One after another, so that each finds what it needs: a duty is given up before another takes it.
DIVISIONS, RELEASES, DEPARTMENTS, WITHDRAWALS, OFFICERS, SUBSTITUTIONS = range(6)


@dataclass(frozen=True)
class Field:
    """What is different: where, and as text what was there and what is to be (empty: nothing)."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """One thing that is not as the file says, and what makes it so, each with its turn."""

    how: How
    what: str
    fields: tuple[Field, ...] = ()
    puts: tuple[tuple[int, Put], ...] = ()


def read(path: Path) -> Organisation:
    """The organisation in a file. Raises `CityError` with every fault."""
    source = Source({path.name: FIELDS})
    source.read(path)
    if source.faults:
        raise CityError(source.faults)
    organisation = source.as_model(Organisation)
    for place, message in contradictions(organisation):
        source.fault(place, message)
    if source.faults:
        raise CityError(source.faults)
    return organisation


def written(organisation: Organisation) -> str:
    """The file of an organisation: what `read` reads, without passwords."""
    told = organisation.model_dump(exclude_none=True, exclude={"officers": {"__all__": {"password"}}})
    return HEAD + yaml.safe_dump(told, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


async def kept(http: httpx.AsyncClient, identity: str) -> Organisation:
    """The organisation as identity keeps it. Raises `CityError`."""
    paths = {"divisions": "/divisions", "departments": "/organisations", "officers": "/officers"}
    rows = {name: await _all(http, identity + path) for name, path in paths.items()}
    try:
        return Organisation.model_validate_json(json.dumps(rows))
    except ValidationError as exc:
        faults = [f"/{'/'.join(map(str, one['loc']))}: {one['msg']}" for one in exc.errors(include_input=False)]
        raise CityError([f"what identity keeps is no organisation: {fault}" for fault in faults]) from None


async def _all(http: httpx.AsyncClient, url: str) -> list[Any]:
    found: list[Any] = []
    after: dict[str, str] = {}
    while True:
        page = await _answer(http, url, {"limit": str(PAGE)} | after)
        found += page.json()["items"]
        if (next_ := page.json()["next"]) is None:
            return found
        after = {"after": next_}


async def _answer(http: httpx.AsyncClient, url: str, asked: dict[str, str]) -> httpx.Response:
    try:
        answer = await http.get(url, params=asked)
    except httpx.HTTPError as exc:
        raise CityError([f"{url} does not answer: {exc}"]) from exc
    if answer.is_error and answer.status_code != httpx.codes.NOT_FOUND:
        raise CityError([f"{url}: {answer.status_code} {answer.text[:200]}"])
    return answer


# -- what differs ----------------------------------------------------------------------------------------


async def changes(
    http: httpx.AsyncClient, identity: str, now: Organisation, wanted: Organisation, today: date
) -> list[Change]:
    """All that is not as wanted. Raises `CityError` with everything that cannot be made so, before anything is."""
    faults = [*_owned_elsewhere(now, wanted)]
    known = {officer.id for officer in now.officers}
    for officer in [one for one in wanted.officers if one.id not in known and one.password is None]:
        if (await _answer(http, f"{identity}/people/{officer.id}", {})).is_error:
            faults.append(f"officer {officer.id} is new and has no password in the file")
    if faults:
        raise CityError(faults)
    return [*_divisions(now, wanted), *_departments(now, wanted), *_officers(now, wanted, today)]


def _owned_elsewhere(now: Organisation, wanted: Organisation) -> Iterator[str]:
    """What the file gives to somebody while its owner, whom it does not name, stays as it is."""
    named = {row.code for row in wanted.departments}
    taken = {duty: row.code for row in now.departments if row.code not in named for duty in _duties(row)}
    for row in wanted.departments:
        for kind, code in sorted(_duties(row) & taken.keys()):
            yield f"{kind}: {code} of {row.code} is owned by {taken[kind, code]}, which is not in the file"


def _duties(row: Department) -> set[tuple[str, str]]:
    return {(kind, code) for kind in DUTIES for code in getattr(row, kind)}


def _divisions(now: Organisation, wanted: Organisation) -> Iterator[Change]:
    before = {row.code: row for row in now.divisions}
    for row in sorted(wanted.divisions, key=lambda row: row.level):
        puts = ((DIVISIONS, put_division(row)),)
        yield from _change(f"division {row.code}", before.pop(row.code, None), row, puts)
    for code in before:
        yield Change("stays", f"division {code}")


def _departments(now: Organisation, wanted: Organisation) -> Iterator[Change]:
    before = {row.code: row for row in now.departments}
    gained = {duty for row in wanted.departments for duty in _duties(row) - _duties_of(before.get(row.code))}
    for row in wanted.departments:
        known = before.pop(row.code, None)
        puts = [(DEPARTMENTS, put_department(row))]
        if known is not None and (_duties(known) - _duties(row)) & gained:  # another one waits for it
            both = {kind: [code for code in getattr(known, kind) if code in getattr(row, kind)] for kind in DUTIES}
            puts.append((RELEASES, put_department(known.model_copy(update=both))))
        yield from _change(f"department {row.code}", known, row, tuple(puts))
    for code in before:
        yield Change("stays", f"department {code}")


def _duties_of(row: Department | None) -> set[tuple[str, str]]:
    return set() if row is None else _duties(row)


def _officers(now: Organisation, wanted: Organisation, today: date) -> Iterator[Change]:
    before = {officer.id: officer for officer in now.officers}
    for officer in wanted.officers:
        known = before.pop(officer.id, None)
        # A password in the file is for somebody new: it is not put over the one that an officer has chosen.
        put = put_officer(officer) if known is None else put_officer(officer, password=None)
        yield from _change(f"officer {officer.id}", known, officer, ((OFFICERS, put),))
        yield from _substitutions(officer.id, known.substitutions if known else [], officer.substitutions, today)
    for officer in before.values():
        fields = tuple(_fields(_bare(officer), {}))
        puts = [(WITHDRAWALS, withdraw_substitution(officer.id, one)) for one in officer.substitutions]
        puts.append((OFFICERS, put_officer(officer, posts=[])))
        yield Change("taken away", f"officer {officer.id}", fields, tuple(puts))


def _substitutions(
    officer: str, now: Sequence[Substitution], wanted: Sequence[Substitution], today: date
) -> Iterator[Change]:
    before = {one.id: one for one in now if one.until >= today}
    for one in wanted:
        if one.until >= today:
            puts = ((SUBSTITUTIONS, put_substitution(officer, one)),)
            yield from _change(f"{one.id} of {officer}", before.pop(one.id, None), one, puts)
    for one in before.values():
        puts = ((WITHDRAWALS, withdraw_substitution(officer, one)),)
        yield Change("taken away", f"{one.id} of {officer}", puts=puts)


def _change(
    what: str, before: BaseModel | None, after: BaseModel, puts: tuple[tuple[int, Put], ...]
) -> Iterator[Change]:
    if before is None:
        yield Change("created", what, tuple(_fields({}, _bare(after))), puts)
    elif fields := tuple(_fields(_bare(before), _bare(after))):
        yield Change("changed", what, fields, puts)


def _bare(row: BaseModel) -> dict[str, Any]:
    """What is compared of a row: substitutions are things of their own, and passwords are known to nobody."""
    return row.model_dump(mode="json", exclude={"substitutions", "password"} if isinstance(row, Officer) else set())


def _fields(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Field]:
    old, new = _flat(before), _flat(after)
    for name in old | new:
        if old.get(name, "") != new.get(name, ""):
            yield Field(name, old.get(name, ""), new.get(name, ""))


def _flat(value: Any, at: str = "") -> dict[str, str]:
    """Each value under its path, as text. Posts go by their place."""
    if isinstance(value, dict):
        return {name: text for key, one in value.items() for name, text in _flat(one, f"{at}.{key}".strip(".")).items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        posts = {f"{one['organisation']}.{one['division']}": one for one in value}
        return {at: ", ".join(posts)} | _flat(posts, at)
    if isinstance(value, list):
        return {at: ", ".join(map(str, value))}
    return {} if value is None else {at: str(value)}


def puts_of(found: Sequence[Change]) -> list[Put]:
    """What makes it all so, in order."""
    return [put for _, put in sorted((put for change in found for put in change.puts), key=lambda turn: turn[0])]
