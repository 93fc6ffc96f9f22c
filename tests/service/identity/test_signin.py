"""Signing in with code and PKCE, and each way to be refused."""

import base64
import json
import time
from datetime import timedelta
from urllib.parse import parse_qs, quote_plus, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.identity.passwords.hashing import Passwords
from services.identity.tokens.issuing import Versions, access_token
from shared.caller import Caller
from tests.service.identity.conftest import ASKED, ISSUER, LI_NA, OPERATOR_SECRET, PASSWORD, RETURN, Identity, challenge

NOBODY = "nobody.at.all"


async def test_ms_li_signs_in(city: Identity) -> None:
    answer = await city.submit(await city.form())
    assert answer.status_code == 303
    where = urlsplit(answer.headers["location"])
    assert f"{where.scheme}://{where.netloc}{where.path}" == RETURN
    told = parse_qs(where.query)
    assert (told["state"], told["iss"]) == (["s-1"], [ISSUER])
    answer = await city.redeem(told["code"][0])
    assert answer.status_code == 200
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 300)
    assert answer.headers["cache-control"] == "no-store"
    assert (await city.me(answer.json()["access_token"])).json()["id"] == "person-li-na"


async def test_the_login_name_is_forgiving_and_the_password_normal(city: Identity) -> None:
    answer = await city.submit(await city.form(), login="  LI.Na ")
    assert answer.status_code == 303


# -- the code ---------------------------------------------------------------------------------------------


def refused(answer: httpx.Response, error: str = "invalid_grant", status: int = 400) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "access_token" not in answer.json()


async def test_a_code_works_once(city: Identity) -> None:
    code = await city.code()
    assert (await city.redeem(code)).status_code == 200
    refused(await city.redeem(code))


async def test_a_code_lives_a_minute(city: Identity) -> None:
    code = await city.code()
    city.clock.forward(timedelta(seconds=60))
    refused(await city.redeem(code))


async def test_an_old_code_is_cleaned_away(city: Identity) -> None:
    await city.code()
    await city.bus.settle()
    assert len(await city.database.collection("codes").find({})) == 1
    city.clock.forward(timedelta(seconds=61))
    await city.bus.settle()
    assert await city.database.collection("codes").find({}) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": challenge()},
        {"redirect_uri": "https://portal.example.org/back"},
        {"redirect_uri": RETURN + "/"},
        {"client_id": "other"},
        {"code": "not-a-code"},
    ],
)
async def test_a_code_is_for_one_client_address_and_proof(city: Identity, changes: dict[str, str]) -> None:
    await city.put("/clients/other", {"kind": "application", "name": "Other", "redirect_uris": [RETURN]})
    code = await city.code()
    refused(await city.redeem(code, auth=None, **changes))
    assert (await city.redeem(code)).status_code == 200


@pytest.mark.parametrize("field", ["login", "password"])
async def test_more_than_anybody_s_name_or_password_is_a_wrong_one(city: Identity, field: str) -> None:
    answer = await city.submit(await city.form(), **{field: "x" * 201})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")


async def test_the_code_itself_is_not_in_the_store(city: Identity) -> None:
    code = await city.code()
    assert code not in str(await city.database.collection("codes").find({}))


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code_verifier": "short"}, "invalid_request"),
    ],
)
async def test_a_token_request_that_is_none_is_told_so(city: Identity, form: dict[str, str], error: str) -> None:
    refused(await city.http.post("/token", data=form), error)


async def test_a_parameter_twice_or_json_is_refused(city: Identity) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    twice = b"grant_type=client_credentials&grant_type=client_credentials"
    refused(await city.http.post("/token", content=twice, headers=headers), "invalid_request")
    refused(await city.http.post("/token", json={"grant_type": "client_credentials"}), "invalid_request")


# -- programs ---------------------------------------------------------------------------------------------


async def test_a_program_needs_its_secret(city: Identity) -> None:
    for name, secret in (("operator", "wrong-secret-of-operator"), ("nobody", OPERATOR_SECRET), ("web", "x" * 20)):
        answer = await city.client_token(name, secret)
        refused(answer, "invalid_client", 401)
        assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    "header", [None, "Basic", "Basic !!!", "Basic " + base64.b64encode(b"operator").decode(), "Bearer x"]
)
async def test_a_program_without_a_proper_header_is_refused(city: Identity, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    answer = await city.http.post("/token", data={"grant_type": "client_credentials"}, headers=headers)
    refused(answer, "invalid_client", 401)


async def test_a_secret_in_the_form_does_not_count(city: Identity) -> None:
    form = {"grant_type": "client_credentials", "client_id": "operator", "client_secret": OPERATOR_SECRET}
    refused(await city.http.post("/token", data=form), "invalid_client", 401)


async def test_a_secret_with_odd_characters_travels_encoded(city: Identity) -> None:
    secret = "a:b %c+ 山水 – long enough"
    await city.put("/clients/odd", {"kind": "operator", "name": "Odd", "secret": secret})
    assert (await city.client_token("odd", quote_plus(secret))).status_code == 200


# -- /authorize -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": "operator"},
        {"redirect_uri": "https://evil.example.org/"},
        {"redirect_uri": RETURN + "/more"},
        {"redirect_uri": RETURN + "?x=1"},
        {"redirect_uri": "http://127.0.0.1:5173"},
        {"redirect_uri": "http://127.0.0.1.evil.example.org/signed-in"},
        {"redirect_uri": "http://127.0.0.1:5173@evil.example.org/signed-in"},
        {"redirect_uri": "https://127.0.0.1:5173/signed-in"},
        {"redirect_uri": "https://portal.example.org:444/back"},
        {"redirect_uri": ""},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_the_client_s(city: Identity, changes: dict[str, str]) -> None:
    answer = await city.http.get("/authorize", params=ASKED | changes)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "evil" not in answer.text


async def test_on_loopback_the_port_is_free(city: Identity) -> None:
    port = "http://127.0.0.1:40123/signed-in"
    answer = await city.submit(await city.form(redirect_uri=port))
    assert answer.headers["location"].startswith(port + "?code=")
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    refused(await city.redeem(code, redirect_uri=RETURN))
    assert (await city.redeem(code, redirect_uri=port)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain", "code_challenge": "v" * 43}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"state": ""}, "invalid_request"),
    ],
)
async def test_a_request_without_proof_goes_back_with_its_error(
    city: Identity, changes: dict[str, str], error: str
) -> None:
    answer = await city.http.get("/authorize", params=ASKED | changes)
    assert answer.status_code == 303
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (told["error"], told["iss"]) == ([error], [ISSUER])
    assert answer.headers["location"].startswith(RETURN)


async def test_a_parameter_twice_shows_no_form(city: Identity) -> None:
    answer = await city.http.get("/authorize", params=[*ASKED.items(), ("redirect_uri", "https://evil.example.org/")])
    assert answer.status_code == 400


# -- the page ---------------------------------------------------------------------------------------------


async def test_the_page_is_in_the_reader_s_language(city: Identity) -> None:
    chinese = await city.http.get("/authorize", params=ASKED, headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})
    english = await city.http.get("/authorize", params=ASKED, headers={"Accept-Language": "en-GB"})
    chosen = await city.http.get("/authorize", params=ASKED | {"ui_locales": "en"}, headers={"Accept-Language": "zh"})
    assert '<html lang="zh-CN">' in chinese.text
    assert "登录名" in chinese.text
    assert '<html lang="en">' in english.text
    assert "Login name" in english.text
    assert "Login name" in chosen.text


async def test_the_page_allows_nothing_but_itself_and_the_way_back(city: Identity) -> None:
    page = await city.http.get("/authorize", params=ASKED)
    policy = page.headers["content-security-policy"]
    assert "form-action 'self' http://127.0.0.1:5173;" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    cookie = page.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_unknown_names_and_wrong_passwords_look_alike(city: Identity) -> None:
    wrong = await city.submit(await city.form(), password="wrong-password")
    unknown = await city.submit(await city.form(), login=NOBODY, password="wrong-password")
    assert wrong.status_code == unknown.status_code == 422

    def bare(page: str, login: str) -> str:
        start = page.index('name="request" value="')
        end = page.index('"', start + 30)
        return (page[:start] + page[end:]).replace(login, "")

    assert bare(wrong.text, "li.na") == bare(unknown.text, NOBODY)
    assert 'role="alert"' in wrong.text


async def test_unknown_names_take_as_long_as_wrong_passwords(city: Identity) -> None:
    object.__setattr__(city.desk, "passwords", Passwords())
    assert (await city.put("/people/person-li-na", LI_NA | {"password": "another password"})).status_code == 200

    async def seconds(login: str) -> float:
        form = await city.form()
        begun = time.perf_counter()
        await city.submit(form, login=login, password="wrong-password")
        return time.perf_counter() - begun

    known = min([await seconds("li.na") for _ in range(4)])
    unknown = min([await seconds(NOBODY) for _ in range(4)])
    assert 0.4 < unknown / known < 2.5


async def test_each_field_left_empty_is_named(city: Identity) -> None:
    page = await city.submit(await city.form(ui_locales="en"), login=" ", password="")
    assert page.status_code == 422
    assert "Enter your login name" in page.text
    assert "Enter your password" in page.text
    assert "<title>Error: " in page.text


async def test_the_page_never_gives_the_password_back_and_escapes_the_name(city: Identity) -> None:
    page = await city.submit(await city.form(), login='"><script>x</script>', password="canary-typo")
    assert "canary-typo" not in page.text
    assert "<script>" not in page.text


async def test_guessing_gets_slower_for_known_and_unknown_names_alike(city: Identity) -> None:
    for login in ("li.na", NOBODY):
        statuses = [
            (await city.submit(await city.form(), login=login, password="wrong-password")).status_code for _ in range(6)
        ]
        assert statuses == [422, 422, 422, 422, 422, 429]
    waits = await city.submit(await city.form())
    assert (waits.status_code, 0 < int(waits.headers["retry-after"]) <= 3600) == (429, True)
    city.clock.forward(timedelta(seconds=60))
    assert (await city.submit(await city.form())).status_code == 303
    assert (await city.submit(await city.form(), password="wrong-password")).status_code == 422


# -- the form's request -----------------------------------------------------------------------------------


async def test_a_form_from_another_browser_is_refused(city: Identity) -> None:
    """Login CSRF: an attacker's form, posted by the victim's browser."""
    async with city.browser() as attacker:
        stolen = await city.form(attacker)
    await city.form()
    answer = await city.submit(stolen)
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_two_tabs_of_one_browser_both_work(city: Identity) -> None:
    first, second = await city.form(), await city.form(state="s-2")
    assert "state=s-1" in (await city.submit(first)).headers["location"]
    assert "state=s-2" in (await city.submit(second)).headers["location"]


async def test_a_form_kept_open_too_long_is_refused(city: Identity) -> None:
    request = await city.form()
    city.clock.forward(timedelta(minutes=30))
    assert (await city.submit(request)).status_code == 400


async def test_a_changed_request_is_refused(city: Identity) -> None:
    header, payload, signature = (await city.form()).split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["request"]["wish"]["redirect_uri"] = "https://evil.example.org/"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    for request in (f"{header}.{forged}.{signature}", "", "x", "x.y.z", header + "." + payload + "."):
        answer = await city.submit(request)
        assert answer.status_code == 400
        assert "location" not in answer.headers


async def test_a_token_is_no_form_and_a_form_is_no_token(city: Identity) -> None:
    token = (await city.client_token("operator", OPERATOR_SECRET)).json()["access_token"]
    assert (await city.submit(token)).status_code == 400
    assert (await city.me(await city.form())).status_code == 401


# -- tokens -----------------------------------------------------------------------------------------------


async def test_identity_refuses_tokens_that_are_not_its_own(city: Identity) -> None:
    caller = Caller("person-li-na", "person", None, None, "web")
    good = access_token(city.desk, caller, Versions(1))
    assert (await city.me(good)).status_code == 200
    header, claims = jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})
    foreign = ec.generate_private_key(ec.SECP256R1())
    keep = {"typ": header["typ"], "kid": header["kid"]}
    forged = {
        "foreign key": jwt.encode(claims, foreign, "ES256", keep),
        "foreign kid": jwt.encode(claims, foreign, "ES256", keep | {"kid": "x"}),
        "alg none": f"{_part({'alg': 'none', **keep})}.{_part(claims)}.",
        "wrong aud": city.desk.keyring.sign(claims | {"aud": "bank"}, "at+jwt"),
        "wrong iss": city.desk.keyring.sign(claims | {"iss": "http://evil.example.org"}, "at+jwt"),
        "wrong typ": city.desk.keyring.sign(claims, "JWT"),
    }
    for how, token in forged.items():
        assert (await city.me(token)).json()["code"] == "token_invalid", how
    city.clock.forward(timedelta(minutes=6))
    assert (await city.me(good)).json()["code"] == "token_expired"


def _part(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


async def test_a_store_that_is_away_is_told_as_that(city: Identity) -> None:
    form, code = await city.form(), await city.code()
    city.database.down = True
    assert (await city.submit(form, password=PASSWORD)).status_code == 503
    assert (await city.redeem(code)).status_code == 503
    city.database.down = False
    assert (await city.redeem(code)).status_code == 200


async def test_a_right_password_renews_a_dated_hash_and_ends_nothing(city: Identity) -> None:
    object.__setattr__(city.desk, "passwords", Passwords())
    dated = await Passwords(memory_kib=8 * 1024, passes=1).hash(PASSWORD)
    await city.desk.people.change("person-li-na", lambda person: person.rehash(person.password_hash, dated))
    before = (await city.redeem(await city.code())).json()["access_token"]
    kept = (await city.desk.people.get("person-li-na")).password_hash
    assert "m=19456,t=2,p=1" in kept
    async with city.browser() as other:
        sent = {"request": await city.form(other), "login": "li.na", "password": PASSWORD}
        assert (await other.post("/authorize", data=sent)).status_code == 303
    assert (await city.desk.people.get("person-li-na")).password_hash == kept, "it is renewed once"
    await city.bus.settle()
    assert (await city.me(before)).status_code == 200


async def test_a_wrong_password_renews_nothing(city: Identity) -> None:
    dated = await Passwords(memory_kib=8 * 1024, passes=1).hash(PASSWORD)
    await city.desk.people.change("person-li-na", lambda person: person.rehash(person.password_hash, dated))
    assert (await city.submit(await city.form(), password="wrong-password")).status_code == 422
    assert (await city.desk.people.get("person-li-na")).password_hash == dated
