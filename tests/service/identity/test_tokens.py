"""Refresh tokens, ID tokens, userinfo and scopes: what an application gets, and each way to be refused."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from services.identity.sessions.domain import LIFE
from tests.service.identity.conftest import ISSUER, LI_NA, RETURN, WEB, Identity

FULL = "openid profile email phone offline_access services"


@pytest.fixture
async def web(city: Identity) -> Identity:
    """The web application may ask for everything."""
    assert (await city.put("/clients/web", WEB | {"scopes": FULL.split()})).status_code == 200
    return city


async def signed_in(city: Identity, **asked: str) -> dict[str, Any]:
    """The tokens of a fresh sign-in."""
    answer = await city.redeem(await city.code_for(**{"scope": FULL, **asked}))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refresh(city: Identity, token: str, **changes: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "client_id": "web", "refresh_token": token}
    return await city.http.post("/token", data=form | changes)


def refused(answer: httpx.Response, error: str = "invalid_grant", status: int = 400) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "access_token" not in answer.json()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


# -- refresh tokens ---------------------------------------------------------------------------------------


async def test_a_refresh_token_gives_tokens_and_its_follower(web: Identity) -> None:
    first = await signed_in(web)
    web.clock.forward(timedelta(minutes=6))
    assert (await web.me(first["access_token"])).json()["code"] == "token_expired"
    second = (await refresh(web, first["refresh_token"])).json()
    assert (await web.me(second["access_token"])).json()["id"] == "person-li-na"
    assert second["refresh_token"] != first["refresh_token"]
    third = (await refresh(web, second["refresh_token"])).json()
    assert claims(third["access_token"])["sid"] == claims(first["access_token"])["sid"]


async def test_one_that_is_shown_again_ends_all_and_the_session(web: Identity) -> None:
    first = await signed_in(web)
    second = (await refresh(web, first["refresh_token"])).json()
    refused(await refresh(web, first["refresh_token"]))
    refused(await refresh(web, second["refresh_token"]))
    await web.bus.settle()
    assert (await web.me(second["access_token"])).json()["code"] == "token_revoked"


async def test_somebody_else_s_or_none_is_refused_and_ends_nothing(web: Identity) -> None:
    await web.put("/clients/other", WEB | {"name": "Other", "scopes": FULL.split()})
    good = (await signed_in(web))["refresh_token"]
    refused(await refresh(web, good, client_id="other"))
    for none in ("x", "family-x.y", "." + good, "person-li-na.x", good.partition(".")[0][:-1] + "." + good):
        refused(await refresh(web, none))
    assert (await refresh(web, good)).status_code == 200


async def test_refreshing_ends_with_the_session_and_leaves_nothing(web: Identity) -> None:
    token = (await signed_in(web))["refresh_token"]
    web.clock.forward(LIFE)
    refused(await refresh(web, token))
    await web.bus.settle()
    assert await web.database.collection("families").find({}) == []


@pytest.mark.parametrize("act", ["sign out", "password", "address", "scope"])
async def test_what_ends_the_sign_in_ends_refreshing(web: Identity, act: str) -> None:
    tokens = await signed_in(web)
    if act == "sign out":
        await web.http.delete("/me/sessions", headers=bearer(tokens["access_token"]))
    elif act == "password":
        await web.put("/people/person-li-na", LI_NA | {"password": "another password"})
    elif act == "address":
        await web.put("/clients/web", WEB | {"redirect_uris": ["https://portal.example.org/back"]})
    else:
        await web.put("/clients/web", WEB | {"scopes": ["openid", "services"]})
    answer = await refresh(web, tokens["refresh_token"])
    refused(answer)


async def test_a_smaller_scope_is_for_this_token_only(web: Identity) -> None:
    first = await signed_in(web)
    second = (await refresh(web, first["refresh_token"], scope="openid")).json()
    assert (second["scope"], claims(second["access_token"])["scope"]) == ("openid", "openid")
    assert (await web.me(second["access_token"])).json()["code"] == "insufficient_scope"
    third = (await refresh(web, second["refresh_token"])).json()
    assert third["scope"] == FULL


async def test_more_than_there_was_is_refused_and_costs_nothing(web: Identity) -> None:
    token = (await signed_in(web, scope="openid offline_access"))["refresh_token"]
    refused(await refresh(web, token, scope="openid services"), "invalid_scope")
    assert (await refresh(web, token)).status_code == 200


async def test_a_refresh_token_is_given_only_where_it_was_asked(web: Identity) -> None:
    assert "refresh_token" not in await signed_in(web, scope="openid services")


async def test_the_secret_itself_is_not_in_the_store(web: Identity) -> None:
    secret = (await signed_in(web))["refresh_token"].partition(".")[2]
    assert secret not in str(await web.database.collection("families").find({}))


async def test_a_refresh_token_is_given_up(web: Identity) -> None:
    token = (await signed_in(web))["refresh_token"]
    for client, shown in (("other", token), ("web", "nothing"), ("web", token), ("web", token)):
        await web.put("/clients/other", WEB | {"name": "Other"})
        answer = await web.http.post("/revoke", data={"client_id": client, "token": shown})
        assert (answer.status_code, answer.content) == (200, b""), "RFC 7009 section 2.2"
        if client == "other":
            token = (await refresh(web, token)).json()["refresh_token"]
    refused(await refresh(web, token))


async def test_two_who_refresh_at_once_are_two_too_many(web: Identity) -> None:
    """Of a token that two show at the same time one is a thief's."""
    token = (await signed_in(web))["refresh_token"]
    answers = await asyncio.gather(*(refresh(web, token) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]
    good = next(answer.json() for answer in answers if answer.status_code == 200)
    refused(await refresh(web, good["refresh_token"]))


# -- ID tokens and userinfo -------------------------------------------------------------------------------


async def test_an_id_token_says_who_signed_in_when_and_how(web: Identity) -> None:
    begun = int(web.clock.now().timestamp())
    tokens = await signed_in(web, nonce="n-1")
    header = jwt.get_unverified_header(tokens["id_token"])
    assert (header["alg"], header["typ"]) == ("ES256", "JWT")
    found = claims(tokens["id_token"])
    assert found == {
        "iss": ISSUER,
        "sub": "person-li-na",
        "aud": "web",
        "iat": begun,
        "exp": begun + 300,
        "auth_time": begun,
        "nonce": "n-1",
        "acr": "aal1",
        "amr": ["pwd"],
        "sid": claims(tokens["access_token"])["sid"],
    }


async def test_an_id_token_is_no_access_token_and_there_is_none_without_openid(web: Identity) -> None:
    tokens = await signed_in(web)
    assert (await web.me(tokens["id_token"])).json()["code"] == "token_invalid"
    assert "id_token" not in await signed_in(web, scope="services")


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("openid", {}),
        ("openid profile", {"name": LI_NA["name"], "locale": "zh-CN"}),
        ("openid email phone", {"email": LI_NA["mail"], "phone_number": LI_NA["phone"]}),
    ],
)
async def test_userinfo_tells_what_the_scope_allows(web: Identity, scope: str, told: dict[str, str]) -> None:
    token = (await signed_in(web, scope=scope))["access_token"]
    for method in ("GET", "POST"):
        answer = await web.http.request(method, "/userinfo", headers=bearer(token))
        assert answer.json() == {"sub": "person-li-na", **told}


async def test_userinfo_is_for_tokens_of_openid_only(web: Identity) -> None:
    token = (await signed_in(web, scope="services"))["access_token"]
    answer = await web.http.get("/userinfo", headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


async def test_a_token_without_services_opens_no_service(web: Identity) -> None:
    token = (await signed_in(web, scope="openid profile"))["access_token"]
    for path in ("/me", "/me/sessions"):
        answer = await web.http.get(path, headers=bearer(token))
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


async def test_an_application_gets_no_more_than_it_is_registered_for(city: Identity) -> None:
    answer = await city.http.get("/authorize", params=city.asked(scope="openid email"))
    assert answer.status_code == 303
    assert "error=invalid_scope" in answer.headers["location"]
    tokens = await signed_in(city, scope="openid unheard-of")
    assert tokens["scope"] == "openid"


async def test_a_program_gets_the_services_and_nothing_of_people_s(city: Identity) -> None:
    await city.put("/clients/odd", {"kind": "operator", "name": "Odd", "secret": "a secret of odd's own"})
    for scope, error in (("openid", "invalid_scope"), ("", None), ("services", None)):
        form = {"grant_type": "client_credentials", "scope": scope}
        answer = await city.http.post("/token", data=form, auth=("odd", "a secret of odd's own"))
        assert answer.json().get("error") == error, scope


# -- confidential applications ----------------------------------------------------------------------------

SECRET = "a secret of the portal's own"
PORTAL = {
    "kind": "application",
    "name": "Portal",
    "secret": SECRET,
    "redirect_uris": ["https://portal.example.org/back"],
}


async def test_an_application_with_a_secret_has_to_show_it(city: Identity) -> None:
    assert (await city.put("/clients/portal", PORTAL)).status_code == 200
    asked = {"client_id": "portal", "redirect_uri": PORTAL["redirect_uris"][0]}
    code = await city.code_for(**asked)
    refused(await city.redeem(code, auth=None, **asked), "invalid_client", 401)
    refused(await city.redeem(code, auth=("portal", "x" * 20), **asked), "invalid_client", 401)
    refused(await city.redeem(code, auth=("operator", SECRET), **asked), "invalid_client", 401)
    assert (await city.redeem(code, auth=("portal", SECRET), **asked)).status_code == 200


@pytest.mark.parametrize("grant", ["client_credentials", "authorization_code", "refresh_token"])
async def test_each_way_is_for_its_own_kind_of_client(city: Identity, grant: str) -> None:
    await city.put("/clients/portal", PORTAL)
    await city.put("/clients/odd", {"kind": "operator", "name": "Odd", "secret": SECRET})
    form = {
        "grant_type": grant,
        "code": "x",
        "redirect_uri": RETURN,
        "code_verifier": "v" * 43,
        "refresh_token": "family-x.y",
    }
    wrong = "portal" if grant == "client_credentials" else "odd"
    refused(await city.http.post("/token", data=form, auth=(wrong, SECRET)), "unauthorized_client")


async def test_the_form_keeps_what_was_asked(web: Identity) -> None:
    page = await web.http.get("/authorize", params=web.asked(login_hint="li.na", nonce="n-7", scope="openid profile"))
    assert 'value="li.na"' in page.text
    assert "nonce=n-7" in page.text
    assert "scope=openid+profile" in page.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://evil.example.org/"}, "request_uri_not_supported"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"nonce": "n" * 501}, "invalid_request"),
    ],
)
async def test_what_is_not_understood_is_refused(web: Identity, changes: dict[str, str], error: str) -> None:
    answer = await web.http.get("/authorize", params=web.asked(**changes))
    assert answer.headers["location"].startswith(f"{RETURN}?error={error}&")
