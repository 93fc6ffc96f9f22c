"""Any body at all, at every route of identity that takes one. The routes are the app's own, so a new one is tried too;
so are the forms, which are those of all pages."""

import base64
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from services.identity.consents import commands as consents
from shared.contracts.acts import Actor
from tests.contract.specs import app_of
from tests.service.identity.acts import hers, offer_on_page
from tests.service.identity.conftest import ASKED, Identity
from tests.service.identity.test_own_pages import BANK, OF_BANK
from tests.service.identity.walking import PORTAL, Form, Walker, forms

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
CHUNK = b"x" * 100_000
LIMIT = 1024 * 1024
OPERATORS: tuple[Any, ...] = ({"$ne": None}, {"$gt": ""}, {"$where": "1"}, [{"$ne": None}])
NAMES = ("$where", "$ne", "a.b", "login[$ne]", "request[$gt]", "__proto__", "\0")


@dataclass(frozen=True)
class Route:
    """One that is more than a look. `kind`: what it takes, if that is documented, with the fields of it."""

    method: str
    path: str
    kind: str | None
    fields: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes_of(app: FastAPI) -> Iterator[Route]:
    document = app.openapi()
    for found in iter_route_contexts(app.routes):
        for method in sorted((found.methods or set()) - {"GET", "HEAD", "OPTIONS"}):
            operation = document["paths"].get(found.path, {}).get(method.lower(), {})
            content = operation.get("requestBody", {}).get("content", {})
            kind = next(iter(content), None)
            schema = content[kind]["schema"] if kind else {}
            if "$ref" in schema:
                schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            yield Route(method, found.path or "", kind, tuple(schema.get("properties", ())))


ROUTES = tuple(routes_of(app_of("identity")))
IN_JSON = tuple(route for route in ROUTES if route.kind == JSON)
IN_FORMS = tuple(route for route in ROUTES if route.kind == FORM or (route.kind is None and route.method == "POST"))
"""Some read a form that is not in the documents, as OpenID Connect has theirs."""


def is_plain(answer: httpx.Response, where: object) -> None:
    """No failure of ours."""
    assert answer.status_code < 500, (str(where), answer.text[:1000])
    if answer.status_code >= 400 and not answer.headers["content-type"].startswith("text/html"):
        assert answer.headers["content-type"] in ("application/problem+json", JSON), str(where)


async def callers(city: Identity) -> list[Mapping[str, str]]:
    """Everybody whom some route is for; the browser is signed in beside that."""
    await city.officer("person-zhao", "police.2102", "head", "clerk")
    everybody = [city.operator(), await hers(city), await city.bearer("person-zhao"), {}]
    return [dict(headers) for headers in everybody]


def test_the_list_is_not_empty() -> None:
    assert {route.kind for route in ROUTES} == {JSON, FORM, None}
    assert len(IN_JSON) > 10
    assert all(route.fields for route in ROUTES if route.kind)


# -- far too much -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [JSON, FORM])
async def test_no_body_is_larger_than_the_limit(city: Identity, kind: str) -> None:
    body = b"a=" + b"x" * 2 * LIMIT
    for route in ROUTES:
        for headers in ({}, city.operator()):
            told = headers | {"content-type": kind}
            answer = await city.http.request(route.method, route.path, content=body, headers=told)
            assert answer.status_code == 413, str(route)
            assert answer.json()["code"] == "content_too_large", str(route)


@pytest.mark.parametrize("kind", [JSON, FORM])
async def test_nor_is_one_that_does_not_say_how_large_it_is(city: Identity, kind: str) -> None:
    for route in ROUTES:
        taken = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal taken
            while taken < 3 * LIMIT:
                taken += len(CHUNK)
                yield CHUNK

        headers = city.operator() | {"content-type": kind}
        answer = await city.http.request(route.method, route.path, content=endless(), headers=headers)
        is_plain(answer, route)
        assert taken <= LIMIT + len(CHUNK), f"{route} reads more than it may"
        assert answer.status_code == 413 or kind != route.kind, str(route)


async def test_a_form_of_very_many_fields_is_refused(city: Identity) -> None:
    body = "&".join(f"f{n}=x" for n in range(5000)).encode()
    await Walker(city, city.http).sign_in()
    for route in IN_FORMS:
        answer = await city.http.post(route.path, content=body, headers={"content-type": FORM})
        is_plain(answer, route)
        assert answer.status_code == 400 or route.kind is None, str(route)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"$or":'], ids=["arrays", "objects", "both"])
async def test_no_body_is_nested_without_end(city: Identity, opening: str) -> None:
    await Walker(city, city.http).sign_in()
    for route in ROUTES:
        headers = city.operator() | {"content-type": JSON}
        answer = await city.http.request(route.method, route.path, content=opening * 100_000, headers=headers)
        is_plain(answer, route)
        assert answer.status_code == 400 or route.kind != JSON, str(route)


# -- what is no value -------------------------------------------------------------------------------------


async def reached(city: Identity, route: Route, body: Any, everybody: list[Mapping[str, str]]) -> httpx.Response:
    """The answer to whoever may use the route."""
    for headers in everybody:
        told = {"Idempotency-Key": "k", **headers}
        answer = await city.http.request(route.method, route.path, json=body, headers=told)
        is_plain(answer, route)
        if answer.status_code not in (401, 403):
            return answer
    raise AssertionError(f"{route} is for nobody here: add who may")


def faulty(answer: httpx.Response) -> set[str]:
    """The fields of the body that are wrong; the path is as well, which has nothing filled in."""
    assert answer.status_code == 422, answer.text
    pointers = [fault["pointer"] for fault in answer.json()["faults"] if fault["where"] == "body"]
    return {pointer.split("/")[1] for pointer in pointers if pointer}


async def test_a_query_is_no_value_of_any_field(city: Identity) -> None:
    everybody = await callers(city)
    deep: Any = 1
    for _ in range(60):
        deep = {"$and": [deep]}
    for route in IN_JSON:
        for value in (*OPERATORS, deep):
            answer = await reached(city, route, dict.fromkeys(route.fields, value), everybody)
            assert faulty(answer) >= set(route.fields), (str(route), str(value)[:50], answer.text)


async def test_no_field_is_named_as_the_store_names_its_own(city: Identity) -> None:
    everybody = await callers(city)
    for route in IN_JSON:
        for name in NAMES:
            answer = await reached(city, route, {name: {"$ne": None}}, everybody)
            assert faulty(answer) >= {name.replace("~", "~0").replace("/", "~1")}, (str(route), name, answer.text)


async def test_a_field_of_such_a_name_is_none_of_a_form(city: Identity) -> None:
    """It is as if it were not there."""
    await Walker(city, city.http).sign_in()
    for route in IN_FORMS:
        plain = await city.http.post(route.path, content=b"x=1", headers={"content-type": FORM})
        is_plain(plain, route)
        for name in NAMES:
            answer = await city.http.post(route.path, data={name: "1"})
            assert answer.status_code == plain.status_code, (str(route), name, answer.text[:1000])
            assert answer.headers.get("location") == plain.headers.get("location"), (str(route), name)


# -- the forms of all pages -------------------------------------------------------------------------------

TEXTS = {
    "deep": "[" * 15_000,
    "deep objects": '{"id":' * 2_500,
    "a deep token": base64.urlsafe_b64encode(b"[" * 3_000).decode() + ".e30.x",
    "a token of deep claims": ".".join(["eyJhbGciOiJFUzI1NiJ9", base64.urlsafe_b64encode(b"[" * 3_000).decode(), "x"]),
    "rather deep": '{"response":' * 400 + "1" + "}" * 400,
    "a query": json.dumps({"$ne": None}),
    "no text": "\0\ud7ff\ufffe",
    "long": "9" * 300_000,
}
ELSEWHERE = {
    "/token": "applications send it, no page",
    "/revoke": "applications send it, no page",
    "/logout": "applications send people there; the page's own form goes on",
    "/register/code": "shown when a code was sent: tried by itself in test_registration_pages",
    "/register/login": "shown when a login name is taken: tried by itself in test_registration_pages",
}
OF_OTHER = OF_BANK | {"client_id": "other", "redirect_uri": PORTAL}


async def pages(city: Identity, other: httpx.AsyncClient) -> list[tuple[httpx.AsyncClient, httpx.Response]]:
    """Every page that a browser is shown: hers, signed in, and another; those on the way through signing in too."""
    for code, name in (("bank", "滨城银行"), ("other", "Other")):
        assert (await city.put(f"/clients/{code}", BANK | {"name": name})).status_code == 200
    li = await offer_on_page(city)
    await consents.give(city.desk, Actor(kind="person", account="person-li-na"), "person-li-na", "bank", "openid")
    assert (await city.put("/people/person-wang-wei/guardians/person-li-na", {})).is_success
    await li.add_app()
    await li.second(await li.sign_in(prompt="login"))
    shown = [(li.http, await li.sign_in(prompt="login")), (li.http, await li.get("/authorize", **OF_OTHER))]
    shown.append((li.http, await li.ask(prompt="select_account")))
    for http in (li.http, other):
        for route in iter_route_contexts(city.app.routes):
            if "GET" in (route.methods or ()) and "{" not in (path := route.path or ""):
                shown.append((http, await http.get(path, params=ASKED if path == "/authorize" else {})))
    return [(http, page) for http, page in shown if page.headers.get("content-type", "").startswith("text/html")]


async def forms_of(city: Identity, other: httpx.AsyncClient) -> list[tuple[httpx.AsyncClient, Form]]:
    """Each form once for each browser that it is shown to; only those that are sent as a body."""
    sent = {route.path for route in IN_FORMS}
    found = {
        (http is other, form.action, frozenset(form.fields)): (http, form)
        for http, page in await pages(city, other)
        for form in forms(page)
        if form.action in sent
    }
    return list(found.values())


async def test_no_text_breaks_any_form_of_any_page(named_city: Identity) -> None:
    """The form is the real one, and so is the browser; one field is not. None is slowed down by the one before."""
    city = named_city
    async with city.browser() as other:
        found = await forms_of(city, other)
        missing = {route.path for route in IN_FORMS if route.kind == FORM} - {form.action for _, form in found}
        assert missing <= set(ELSEWHERE), f"no page shows these: {missing - set(ELSEWHERE)}"
        for http, form in found:
            for name in form.fields:
                for what, text in TEXTS.items():
                    await city.database.collection("attempts").delete({})
                    body = {field: value or "x" for field, value in form.fields.items()} | {name: text}
                    answer = await http.post(form.action, data=body)
                    is_plain(answer, f"{form.action} {name} {what}")
                    is_stale = answer.status_code == 400 and name not in ("request", "form")
                    assert not is_stale, f"{form.action} {name} {what}: the form is not tried"
