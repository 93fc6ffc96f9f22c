"""Loads the sample city into running services. The same files again change nothing.

Everything is put with its whole content, in the order in which one thing needs another. Services learn of each other
over Kafka: where one does not know yet what another has just taken, it is asked again for a while.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import BaseModel

from deploy.city.files import CALENDAR, City, CityError, read

WAIT_SECONDS = 30.0
"""How long, from the start, facts may take from one service to the others."""
GRACE_SECONDS = 3.0
"""How long after a refusal: what needs the refused thing would wait in vain."""
PAUSE_SECONDS = 0.1
NOT_SEEN_YET = frozenset({
    "unknown_organisation", "unknown_division", "not_its_duty", "not_its_item", "unknown",
    "token_invalid",
})  # fmt: skip
"""What a service says that has not read a row yet. The files agree with each other, so it is not their fault."""

Outcome = Literal["created", "changed", "unchanged"]


@dataclass
class Summary:
    """How many of each kind (divisions, items, …) were created, changed or unchanged."""

    counts: dict[str, Counter[Outcome]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """One line a kind, for people."""
        return [f"{kind}: {', '.join(f'{n} {how}' for how, n in found.items())}" for kind, found in self.counts.items()]

    def __str__(self) -> str:
        return "\n".join(self.lines())


@dataclass(frozen=True)
class _Put:
    kind: str
    service: str
    path: str
    body: dict[str, Any]


async def load(
    addresses: Mapping[str, str],
    operator_secret: str,
    folder: Path,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Summary:
    """Load the files of `folder` into the services at `addresses` (service → URL), as their operator.

    Raises `CityError`: with every fault of the files before anything is sent, or with every refusal of the services
    after all was tried. `transport` takes the place of the network in tests.
    """
    city = read(folder)
    async with httpx.AsyncClient(transport=transport, timeout=15.0) as http:
        token = await _token(http, addresses["identity"], operator_secret)
        http.headers["Authorization"] = f"Bearer {token}"
        return await _put_all(http, addresses, city)


async def _token(http: httpx.AsyncClient, identity: str, secret: str) -> str:
    try:
        answer = await http.post(
            f"{identity}/token", auth=("operator", secret), data={"grant_type": "client_credentials"}
        )
    except httpx.HTTPError as exc:
        raise CityError([f"identity does not answer at {identity}: {exc}"]) from exc
    if answer.is_error:
        raise CityError([f"identity gives the operator no token: {answer.status_code} {answer.text[:200]}"])
    return str(answer.json()["access_token"])


async def _put_all(http: httpx.AsyncClient, addresses: Mapping[str, str], city: City) -> Summary:
    summary, refusals, until = Summary(), list[str](), time.monotonic() + WAIT_SECONDS
    for put in _puts(city):
        answer = await _put(http, addresses[put.service], put, until)
        if isinstance(answer, str) or answer.is_error:
            refusals += _told(put, answer)
            until = min(until, time.monotonic() + GRACE_SECONDS)
        else:
            summary.counts.setdefault(put.kind, Counter())[_outcome(answer)] += 1
    if refusals:
        raise CityError(refusals)
    return summary


def _puts(city: City) -> Iterator[_Put]:
    """Everything, each after what it needs."""
    yield from _accounts(city)
    yield _Put("rules", "intake", "/rules", {"rules": [_json(rule) for rule in city.rules]})
    yield _Put("calendar", "intake", "/calendar", city.model_dump(mode="json", include=set(CALENDAR)))
    for item in city.items:
        yield _Put("items", "intake", f"/items/{item.code}", _json(item))
    for resource in city.resources:
        yield _Put("resources", "sharing", f"/resources/{resource.code}", _json(resource))
    for grant in city.grants:
        yield _Put("grants", "sharing", f"/grants/{grant.id}", _json(grant, "id"))
    for template in city.templates:
        yield _Put("templates", "notifications", f"/templates/{template.code}", _json(template, "code"))


def _accounts(city: City) -> Iterator[_Put]:
    """What identity keeps."""
    for division in sorted(city.divisions, key=lambda row: row.level):
        yield _Put("divisions", "identity", f"/divisions/{division.code}", _json(division))
    for department in city.departments:
        path = f"/organisations/{department.code}"
        yield _Put("organisations", "identity", path, _json(department, "officers"))
    for person in city.people:
        yield _Put("people", "identity", f"/people/{person.id}", _json(person, "id"))
    for department in city.departments:
        for officer in department.officers:
            post = {"organisation": department.code, "division": officer.division}
            body = _json(officer, "id", "division") | {"post": post}
            yield _Put("officers", "identity", f"/people/{officer.id}", body)
    for client in city.clients:
        yield _Put("clients", "identity", f"/clients/{client.id}", _json(client, "id"))


def _json(row: BaseModel, *without: str) -> dict[str, Any]:
    return row.model_dump(mode="json", exclude=set(without))


async def _put(http: httpx.AsyncClient, address: str, put: _Put, until: float) -> httpx.Response | str:
    """The answer, or why there was none; asked again until `until` while it may still change."""
    while True:
        found: httpx.Response | str
        try:
            found = await http.put(address + put.path, json=put.body)
        except httpx.HTTPError as exc:
            found = f"does not answer ({type(exc).__name__})"
        if time.monotonic() >= until or not _may_change(found):
            return found
        await asyncio.sleep(PAUSE_SECONDS)


def _may_change(answer: httpx.Response | str) -> bool:
    if isinstance(answer, str) or answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return True
    if not answer.is_client_error:
        return False
    problem = _problem(answer)
    codes = {fault["code"] for fault in problem.get("faults") or [problem]}
    return codes <= NOT_SEEN_YET


def _outcome(answer: httpx.Response) -> Outcome:
    if answer.headers.get("Tongban-Changed") != "true":
        return "unchanged"
    return "created" if answer.headers.get("ETag") == '"1"' else "changed"


def _told(put: _Put, answer: httpx.Response | str) -> list[str]:
    if isinstance(answer, str):
        return [f"{put.service} {put.path}: {answer}"]
    problem = _problem(answer)
    head = f"{put.service} {put.path}: {answer.status_code} {problem.get('code', '')}: {problem.get('detail', '')}"
    return [head, *(f"  {fault['pointer'] or '/'}: {fault['detail']}" for fault in problem.get("faults") or [])]


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {"code": "", "detail": answer.text[:200]}
    return found if isinstance(found, dict) else {"code": "", "detail": "not a problem"}
