"""Loads the sample city into running services. The same files again change nothing.

Everything is put with its whole content, in the order in which one thing needs another. Services learn of each other
over Kafka: where one does not know yet what another has just taken, it is asked again for a while.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel

from deploy.city.files import CALENDAR, City, read
from deploy.city.reading import CityError
from deploy.city.rows import Department, Officer, Substitution
from shared.clock import SystemClock, city_date
from shared.contracts.identity import DivisionPublished
from shared.settings import THIS_MACHINE

WAIT_SECONDS = 30.0
"""How long, from the start, facts may take from one service to the others."""
GRACE_SECONDS = 3.0
"""How long after a refusal: what needs the refused thing would wait in vain."""
PAUSE_SECONDS = 0.1
PUBLISHED = "-demo"
"""How the sample city's passwords end: everybody can read them, so they are for this machine alone."""
NOT_SEEN_YET = frozenset({
    "unknown_organisation", "unknown_division", "not_its_duty", "not_its_item", "unknown",
    "token_invalid",
})  # fmt: skip
"""What a service says that has not read a row yet. The files agree with each other, so it is not their fault."""

Outcome = Literal["created", "changed", "taken away", "unchanged"]


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
class Put:
    """Something to be put, under a service's path; without a body it is taken away."""

    kind: str
    service: str
    path: str
    body: dict[str, Any] | None


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
    puts = list(_puts(read(folder), city_date(SystemClock().now())))
    async with operator(addresses["identity"], operator_secret, transport) as http:
        if (public := [put.path for put in puts if _is_public(put)]) and not await _is_here(http, addresses):
            raise CityError([f"{path}: its password is in the sample city's files, for all to read" for path in public])
        return await put_all(http, addresses, puts)


def _is_public(put: Put) -> bool:
    secrets = ((put.body or {}).get(name) or "" for name in ("password", "secret"))
    return any(secret.endswith(PUBLISHED) for secret in secrets)


async def _is_here(http: httpx.AsyncClient, addresses: Mapping[str, str]) -> bool:
    """Whether nobody but this machine reaches identity: it says itself where it is reached."""
    told = (await http.get(f"{addresses['identity']}/.well-known/openid-configuration")).raise_for_status().json()
    return urlsplit(told["issuer"]).hostname in THIS_MACHINE


@asynccontextmanager
async def operator(
    identity: str, secret: str, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is the operator. Raises `CityError`."""
    async with httpx.AsyncClient(transport=transport, timeout=15.0) as http:
        http.headers["Authorization"] = f"Bearer {await _token(http, identity, secret)}"
        yield http


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


async def put_all(
    http: httpx.AsyncClient,
    addresses: Mapping[str, str],
    puts: Iterable[Put],
    on_put: Callable[[], None] = lambda: None,
) -> Summary:
    """Put everything in this order. Raises `CityError` with every refusal, after all was tried."""
    summary, refusals, until = Summary(), list[str](), time.monotonic() + WAIT_SECONDS
    for put in puts:
        answer = await _put(http, addresses[put.service], put, until)
        on_put()
        if isinstance(answer, str) or answer.is_error:
            refusals += _told(put, answer)
            until = min(until, time.monotonic() + GRACE_SECONDS)
        else:
            summary.counts.setdefault(put.kind, Counter())[_outcome(answer)] += 1
    if refusals:
        raise CityError(refusals)
    return summary


def _puts(city: City, today: date) -> Iterator[Put]:
    """Everything, each after what it needs."""
    yield from _accounts(city, today)
    yield Put("rules", "intake", "/rules", {"rules": [_json(rule) for rule in city.rules]})
    yield Put("calendar", "intake", "/calendar", city.model_dump(mode="json", include=set(CALENDAR)))
    for item in city.items:
        yield Put("items", "intake", f"/items/{item.code}", _json(item))
    for resource in city.resources:
        yield Put("resources", "sharing", f"/resources/{resource.code}", _json(resource))
    for grant in city.grants:
        yield Put("grants", "sharing", f"/grants/{grant.id}", _json(grant, "id"))
    for template in city.templates:
        yield Put("templates", "notifications", f"/templates/{template.code}", _json(template, "code"))


def _accounts(city: City, today: date) -> Iterator[Put]:
    """What identity keeps."""
    for division in sorted(city.divisions, key=lambda row: row.level):
        yield put_division(division)
    for department in city.departments:
        yield put_department(department)
    for person in city.people:
        yield Put("people", "identity", f"/people/{person.id}", _json(person, "id"))
    for officer in city.officers:
        yield put_officer(officer)
    for officer in city.officers:
        for substitution in officer.substitutions:
            if substitution.until >= today:
                yield put_substitution(officer.id, substitution)
    for client in city.clients:
        yield Put("clients", "identity", f"/clients/{client.id}", _json(client, "id"))


def put_division(row: DivisionPublished) -> Put:
    """A row of the tree, after the row above it."""
    return Put("divisions", "identity", f"/divisions/{row.code}", _json(row))


def put_department(row: Department) -> Put:
    """A department with its duties, after its division, and after whoever had one of its duties."""
    return Put("organisations", "identity", f"/organisations/{row.code}", _json(row))


def put_officer(officer: Officer, **changes: Any) -> Put:
    """An officer, after the departments and divisions of the posts."""
    body = _json(officer, "id", "substitutions") | changes
    return Put("officers", "identity", f"/people/{officer.id}", body)


def put_substitution(officer: str, one: Substitution) -> Put:
    """For whom an officer stands in, after both of them."""
    return Put("substitutions", "identity", f"/people/{officer}/substitutions/{one.id}", _json(one, "id"))


def withdraw_substitution(officer: str, one: Substitution) -> Put:
    """An officer stands in no more."""
    return Put("substitutions", "identity", f"/people/{officer}/substitutions/{one.id}", None)


def _json(row: BaseModel, *without: str) -> dict[str, Any]:
    return row.model_dump(mode="json", exclude=set(without))


async def _put(http: httpx.AsyncClient, address: str, put: Put, until: float) -> httpx.Response | str:
    """The answer, or why there was none; asked again until `until` while it may still change."""
    while True:
        found: httpx.Response | str
        try:
            method = "PUT" if put.body is not None else "DELETE"
            found = await http.request(method, address + put.path, json=put.body)
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
    if answer.request.method == "DELETE":
        return "taken away"
    if answer.headers.get("Tongban-Changed") != "true":
        return "unchanged"
    return "created" if answer.headers.get("ETag") == '"1"' else "changed"


def _told(put: Put, answer: httpx.Response | str) -> list[str]:
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
