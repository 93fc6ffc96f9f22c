"""People, officers, programs, and where personal data goes."""

import json
import logging
from typing import Any

import pytest
import structlog

from shared import logging as our_logging
from shared.contracts.identity import AccountOpened, ContactPublished
from tests.service.identity.conftest import LI_NA, PASSWORD, WEB, Identity

POST = {"organisation": "police", "division": "210203", "roles": ["clerk"]}
OFFICER = LI_NA | {"login": "zhang.wei", "name": "张伟", "posts": [POST]}
PROGRAM = {"kind": "department", "name": "police system", "secret": "a long secret of police", "organisation": "police"}


async def test_opening_an_account_tells_that_it_is_there_and_how_the_person_is_reached(city: Identity) -> None:
    assert {"account": "person-li-na", "kind": "person", "organisation": None} in city.bus.said(AccountOpened)
    (contact,) = city.bus.said(ContactPublished, topic="identity.contacts")
    assert contact == {
        "person": "person-li-na",
        "name": LI_NA["name"],
        "mail": LI_NA["mail"],
        "phone": LI_NA["phone"],
        "language": "zh",
    }


async def test_the_same_account_again_is_no_event_not_even_with_its_password(city: Identity) -> None:
    before = len(city.bus.records)
    answer = await city.put("/people/person-li-na", LI_NA)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    without = {key: value for key, value in LI_NA.items() if key != "password"}
    assert (await city.put("/people/person-li-na", without)).headers["etag"] == '"1"'
    assert (await city.put("/clients/web", WEB)).headers["etag"] == '"1"'
    await city.bus.settle()
    assert len(city.bus.records) == before


async def test_a_new_mail_address_is_a_new_row_and_a_new_password_is_not(city: Identity) -> None:
    await city.put("/people/person-li-na", LI_NA | {"password": "another-password"})
    await city.bus.settle()
    assert len(city.bus.said(ContactPublished)) == 1
    assert (await city.submit(await city.form(), password=PASSWORD)).status_code == 422
    assert (await city.submit(await city.form(), password="another-password")).status_code == 303
    await city.put("/people/person-li-na", LI_NA | {"mail": None, "language": "en"})
    await city.bus.settle()
    assert city.bus.said(ContactPublished)[-1]["language"] == "en"


async def test_an_officer_s_token_says_department_division_and_roles(city: Identity) -> None:
    assert (await city.put("/people/person-zhang-wei", OFFICER)).json()["kind"] == "officer"
    token = (await city.redeem(await city.code(login="zhang.wei"))).json()["access_token"]
    me = (await city.me(token)).json()
    said = (me["id"], me["kind"], me["organisation"], me["division"], me["roles"])
    assert said == ("person-zhang-wei", "officer", "police", "210203", ["clerk"])


async def test_a_department_s_program_has_a_token_of_its_department(city: Identity) -> None:
    assert (await city.put("/clients/police", PROGRAM)).status_code == 200
    token = (await city.client_token("police", str(PROGRAM["secret"]))).json()["access_token"]
    me = (await city.me(token)).json()
    assert (me["id"], me["kind"], me["organisation"], me["name"]) == ("police", "department", "police", None)


async def test_everybody_sees_their_own_account(city: Identity) -> None:
    token = (await city.redeem(await city.code())).json()["access_token"]
    me = (await city.me(token)).json()
    assert (me["id"], me["kind"], me["name"], me["client"]) == ("person-li-na", "person", LI_NA["name"], "web")
    assert "password" not in json.dumps(me)
    assert (await city.http.get("/me")).status_code == 401


async def test_a_login_name_is_one_person_s(city: Identity) -> None:
    answer = await city.put("/people/person-other", LI_NA | {"name": "Other"})
    assert (answer.status_code, answer.json()["code"]) == (409, "login_taken")
    await city.put("/people/person-zhang-wei", OFFICER)
    answer = await city.put("/people/person-zhang-wei", OFFICER | {"login": "li.na"})
    assert (answer.status_code, answer.json()["code"]) == (409, "login_taken")


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("/people/person-x", LI_NA | {"login": "x y", "mail": "nowhere"}, {"/login", "/mail"}),
        ("/people/person-x", LI_NA | {"login": "x1", "password": "short"}, {"/password"}),
        ("/people/person-x", LI_NA | {"login": "x1", "password": None}, {"/password"}),
        ("/people/person-x", LI_NA | {"login": "x1", "admin": True}, {"/admin"}),
        (
            "/people/person-x",
            LI_NA | {"login": "x1", "posts": [POST, POST | {"organisation": "moon", "division": "99"}, POST]},
            {"/posts/1/organisation", "/posts/1/division", "/posts/2"},
        ),
        ("/people/person-x", LI_NA | {"posts": [POST | {"roles": ["king"]}]}, {"/posts/0/roles/0"}),
        ("/people/person-x", LI_NA | {"posts": [POST | {"roles": []}]}, {"/posts/0/roles"}),
        ("/people/person-x", LI_NA | {"posts": [POST | {"roles": ["head", "head"]}]}, {"/posts/0"}),
        ("/people/person-x", LI_NA | {"posts": [POST | {"until": "9999-12-31"}]}, {"/posts/0/until"}),
        ("/people/person-x", LI_NA | {"posts": [POST | {"until": 1}]}, {"/posts/0/until"}),
        ("/people/person-x", LI_NA | {"posts": [POST | {"since": "2026-02-02", "until": "2026-02-01"}]}, {"/posts/0"}),
        ("/people/person-x", LI_NA | {"post": POST}, {"/post"}),
        ("/people/operator", LI_NA, {"/id"}),
        ("/clients/person-x", PROGRAM, {""}),
        ("/clients/x1", PROGRAM | {"organisation": "moon"}, {"/organisation"}),
        ("/clients/x1", PROGRAM | {"secret": None}, {"/secret"}),
        ("/clients/x1", PROGRAM | {"organisation": None}, {""}),
        ("/clients/x1", WEB | {"secret": "x" * 20}, {""}),
        ("/clients/x1", WEB | {"redirect_uris": []}, {""}),
        ("/clients/x1", WEB | {"redirect_uris": ["http://example.org/back"]}, {""}),
        ("/clients/x1", WEB | {"redirect_uris": ["javascript:alert(1)"]}, {""}),
    ],
)
async def test_what_does_not_fit_is_refused_with_every_fault(
    city: Identity, path: str, body: dict[str, Any], pointers: set[str]
) -> None:
    answer = await city.put(path, body)
    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json()["faults"]} == pointers
    assert "canary" not in answer.text


async def test_only_an_operator_keeps_accounts(city: Identity) -> None:
    token = (await city.redeem(await city.code())).json()["access_token"]
    for path, body in (("/people/person-li-na", LI_NA), ("/clients/web", WEB)):
        assert (await city.http.put(path, json=body)).status_code == 401
        refused = await city.http.put(path, json=body, headers={"Authorization": f"Bearer {token}"})
        assert refused.status_code == 403


async def test_personal_data_is_on_the_contacts_topic_and_nowhere_else(
    identity: Identity, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers = root.handlers[:]
    our_logging.configure("identity", "DEBUG")
    try:
        await identity.put("/people/person-li-na", LI_NA)
        await identity.put("/people/person-li-na", LI_NA | {"login": "x y"})
        await identity.put("/clients/web", WEB)
        await identity.redeem(await identity.code())
        await identity.submit(await identity.form(), login="canary-login", password="canary-typo")
        await identity.bus.settle()
    finally:
        root.handlers[:] = handlers
        structlog.reset_defaults()
    logged = capsys.readouterr().err
    assert "signin.succeeded" in logged
    assert not [line for line in logged.splitlines() if "canary" in line or "13900007777" in line]
    for record in identity.bus.records:
        if record.topic != "identity.contacts":
            assert b"canary-" not in bytes(record.value or b"")
            assert b"13900007777" not in bytes(record.value or b"")
    assert all(b"password" not in bytes(record.value or b"") for record in identity.bus.records)
