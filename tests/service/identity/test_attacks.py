"""What is tried against an issuer, beyond what the tests of each part show: any input at all, and too much of it; any
body is in test_bodies."""

import asyncio
import json
import string
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.identity.conftest import ASKED, ISSUER, LI_NA, PASSWORD, RETURN, WEB, Identity

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ODD = st.one_of(
    st.text(max_size=40),
    st.text(string.printable, max_size=40),
    st.sampled_from(
        ["", " ", "\0", "\r\nLocation: https://evil.example.org", "$where", "%00", "../..", "javascript:x", "x" * 3000]
    ),
)
PARAMETERS = st.sampled_from(
    [*ASKED, "scope", "nonce", "prompt", "max_age", "login_hint", "ui_locales", "acr_values", "acting_as", "request",
     "request_uri", "response_mode", "id_token_hint", "claims", "registration", "display"]
)  # fmt: skip
FIELDS = st.sampled_from(
    ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret", "refresh_token", "scope",
     "client_assertion", "client_assertion_type", "token", "username", "password", "audience", "resource"]
)  # fmt: skip


def is_plain(answer: httpx.Response) -> None:
    """No failure of ours, and nobody sent to a stranger."""
    assert answer.status_code < 500, answer.text
    where = urlsplit(answer.headers.get("location", RETURN))
    assert (where.scheme, where.netloc) in {("http", "127.0.0.1:5173"), ("https", "portal.example.org")}
    assert "evil.example.org" not in answer.headers.get("location", "").partition("?")[0]


# -- any input at all -------------------------------------------------------------------------------------


@FEW
@given(changes=st.dictionaries(PARAMETERS, ODD, max_size=4))
async def test_any_request_to_sign_in_is_answered_and_leads_nowhere_else(
    city: Identity, changes: dict[str, str]
) -> None:
    answer = await city.http.get("/authorize", params=ASKED | changes)
    is_plain(answer)
    told = parse_qs(urlsplit(answer.headers.get("location", "")).query)
    assert "code" not in told, "nobody has signed in"


@FEW
@given(form=st.dictionaries(FIELDS, ODD, max_size=5), kind=st.sampled_from(["", "authorization_code", "refresh_token"]))
async def test_any_request_for_tokens_is_answered_and_gives_none(
    city: Identity, form: dict[str, str], kind: str
) -> None:
    grant = {"grant_type": kind, "client_id": "web"} if kind else {}
    answer = await city.http.post("/token", data=grant | form)
    assert answer.status_code in (400, 401)
    assert set(answer.json()) == {"error", "error_description"}


@FEW
@given(changes=st.dictionaries(st.sampled_from(["request", "login", "password", "code", "x"]), ODD, max_size=3))
async def test_any_answer_to_the_sign_in_form_is_answered(city: Identity, changes: dict[str, str]) -> None:
    form = {"request": await city.form(), "login": "li.na", "password": "wrong"} | changes
    answer = await city.http.post("/authorize", data=form)
    is_plain(answer)
    assert answer.status_code in (200, 400, 422, 429)
    city.clock.forward(timedelta(minutes=10))


@FEW
@given(asked=st.dictionaries(
    st.sampled_from(["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"]), ODD, max_size=3
))  # fmt: skip
async def test_any_request_to_sign_out_is_answered_and_leads_nowhere(city: Identity, asked: dict[str, str]) -> None:
    answer = await city.http.get("/logout", params=asked)
    assert answer.status_code in (200, 400)
    assert "location" not in answer.headers


@FEW
@given(header=st.text(string.printable, max_size=60).filter(lambda text: text.isascii() and text.strip() == text))
async def test_any_header_is_answered(city: Identity, header: str) -> None:
    if any(sign in header for sign in "\r\n\x0b\x0c"):
        return
    for method, path in (("GET", "/me"), ("GET", "/userinfo"), ("POST", "/token")):
        answer = await city.http.request(method, path, headers={"Authorization": header}, data={"grant_type": "x"})
        assert answer.status_code in (400, 401)


# -- far too much -----------------------------------------------------------------------------------------


async def test_keys_that_nobody_knows_cost_nothing(city: Identity) -> None:
    """No lookup anywhere: the keys are here, or there is no such key."""
    token = (await city.redeem(await city.code())).json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    city.database.down = True
    for n in range(300):
        header = {"typ": "at+jwt", "alg": "ES256", "kid": f"kid-{n}"}
        parts = [json.dumps(part).encode() for part in (header, claims)]
        forged = ".".join([*(jwt.utils.base64url_encode(part).decode() for part in parts), "x" * 86])
        assert (await city.me(forged)).json()["code"] == "token_invalid"
    city.database.down = False
    assert (await city.me(token)).status_code == 200


async def test_many_wrong_passwords_at_once_do_not_slip_through(city: Identity) -> None:
    forms = [await city.form() for _ in range(20)]
    answers = await asyncio.gather(*(city.submit(form, password="wrong") for form in forms))
    assert sum(answer.status_code == 422 for answer in answers) <= 5


# -- operators of the store -------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", [{"$ne": None}, {"$gt": ""}, {"$where": "1"}, ["x"], 7, True], ids=str)
async def test_a_query_is_no_value(city: Identity, operator: Any) -> None:
    bodies: dict[str, dict[str, Any]] = {"/people/person-x": LI_NA, "/clients/x": WEB}
    for path, body in bodies.items():
        for field in body:
            if not isinstance(body[field], list) and body[field] is not None:
                answer = await city.put(path, body | {field: operator})
                assert answer.status_code == 422, (path, field)
    for name in ("login[$ne]", "login.$ne", "$where"):
        form = {"request": await city.form(), name: "x", "password": PASSWORD}
        assert (await city.http.post("/authorize", data=form)).status_code == 422


@pytest.mark.parametrize("name", ["$ne", "a.b", "$where: 1", "\0"])
async def test_a_name_with_signs_of_the_store_is_a_name(city: Identity, name: str) -> None:
    assert (await city.put("/people/person-li-na", LI_NA | {"name": name})).status_code in (200, 422)
    assert (await city.submit(await city.form(), login=name)).status_code == 422
    for address in (f"/people/{quote(name)}", f"/clients/{quote(name)}"):
        assert (await city.put(address, LI_NA)).status_code == 422


# -- mixed up ---------------------------------------------------------------------------------------------


async def test_a_code_says_whose_it_is_and_serves_nobody_else(city: Identity) -> None:
    """RFC 9700 section 4.4: an application that two issuers were mixed up for sees it, and the code is of no use."""
    await city.put("/clients/other", WEB | {"name": "Other"})
    answer = await city.submit(await city.form())
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    assert told["iss"] == [ISSUER]
    assert (await city.redeem(told["code"][0], client_id="other")).json()["error"] == "invalid_grant"
    assert (await city.redeem(told["code"][0])).status_code == 200


async def test_without_a_nonce_the_application_sees_that_there_is_none(city: Identity) -> None:
    code = await city.code_for(scope="openid")
    claims = jwt.decode((await city.redeem(code)).json()["id_token"], options={"verify_signature": False})
    assert "nonce" not in claims


async def test_every_page_forbids_frames_and_foreign_scripts(city: Identity) -> None:
    for path in ("/authorize", "/logout"):
        page = await city.http.get(path, params=ASKED if path == "/authorize" else {})
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
