"""What each route of identity that is more than a look notes, and how to do it once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx

from services.identity.consents import commands as consents
from services.identity.mandates import commands as mandates
from shared.contracts.acts import Actor
from shared.messaging.envelope import Record
from tests.service.identity.conftest import (
    ASKED,
    DIVISIONS,
    LI_NA,
    NAMED,
    OPERATOR_SECRET,
    PASSWORD,
    POLICE,
    WEB,
    Identity,
)
from tests.service.identity.registering import ZHOU_TING
from tests.service.identity.walking import FACTORS, Walker, form

Doing = Callable[[Identity], Awaitable[Any]]
PORTAL = "https://portal.example.org/back"
REFRESHING = {"scope": "openid offline_access services"}


async def hers(city: Identity) -> dict[str, str]:
    """Ms Li's header."""
    token = (await city.redeem(await city.code())).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def refreshing(city: Identity) -> str:
    """A refresh token of hers."""
    await city.put("/clients/web", WEB | {"scopes": ["openid", "offline_access", "services"]})
    found: str = (await city.redeem(await city.code_for(**REFRESHING))).json()["refresh_token"]
    return found


async def refresh(city: Identity, token: str) -> Any:
    form = {"grant_type": "refresh_token", "client_id": "web", "refresh_token": token}
    return await city.http.post("/token", data=form)


async def give_up(city: Identity) -> None:
    await city.http.post("/revoke", data={"client_id": "web", "token": await refreshing(city)})


async def leave(city: Identity, path: str) -> None:
    """Sign out in the browser, by the form or with what an application knows."""
    answer = (await city.redeem(await city.code_for(scope="openid services"))).json()
    if path == "/logout":
        await city.http.post("/logout", data={"id_token_hint": answer["id_token"]})
        return
    page = (await city.http.get("/logout")).text
    sealed = page.partition('name="request" value="')[2].partition('"')[0]
    await city.http.post(path, data={"request": sealed})


async def end_mine(city: Identity) -> None:
    headers = await hers(city)
    (session,) = (await city.http.get("/me/sessions", headers=headers)).json()
    await city.http.delete(f"/me/sessions/{session['id']}", headers=headers)


async def park(city: Identity) -> None:
    record = Record("identity.audit", 0, 10_000, b"session-x", [], b"{}")
    await city.bus.hand(city.runtime, record)


def ops(path: str) -> Doing:
    async def doing(city: Identity) -> None:
        await park(city)
        at = "topic=identity.audit&key=session-x"
        await city.http.post(f"/ops/parked/{path}?{at}", headers=city.operator())

    return doing


async def replay(city: Identity) -> None:
    await city.http.post("/ops/replay", json={"since": "2026-01-01T00:00:00Z"}, headers=city.operator())


async def destroy(city: Identity) -> None:
    (first, *_) = (await city.http.get("/keys", headers=city.operator())).json()
    await city.http.delete(f"/keys/{first['kid']}", headers=city.operator())


async def sign_out_somebody(city: Identity) -> None:
    await hers(city)
    await city.http.delete("/people/person-li-na/sessions", headers=city.operator())


async def sign_out_everywhere(city: Identity) -> None:
    await city.http.delete("/me/sessions", headers=await hers(city))


@asynccontextmanager
async def named(city: Identity) -> AsyncIterator[Walker]:
    """Ms Li at another browser, which reaches the city by a name: passkeys need one."""
    desk = replace(city.desk, issuer=NAMED)
    city.app.state.desk = desk
    async with httpx.AsyncClient(transport=httpx.ASGITransport(city.app), base_url=NAMED) as http:
        yield Walker(replace(city, desk=desk), http)
    city.app.state.desk = city.desk


async def proved(li: Walker) -> Walker:
    """She has signed in and has an app."""
    await li.sign_in()
    await li.add_app()
    return li


async def walk(city: Identity) -> Walker:
    return await proved(Walker(city, city.http))


async def second(city: Identity) -> None:
    li = await walk(city)
    await li.second(await li.sign_in(prompt="login"))


async def enter(city: Identity) -> None:
    async with named(city) as li:
        await li.sign_in()
        await li.add_passkey()
        async with city.browser() as other:
            at_door = replace(li, http=other)
            await at_door.enter(await at_door.get("/sign-in"))


async def add_passkey(city: Identity) -> None:
    async with named(city) as li:
        await li.sign_in()
        await li.add_passkey()


async def end_on_page(city: Identity) -> None:
    li = await walk(city)
    await li.send(form(await li.get("/account/sessions"), "/account/sessions/end"))


async def send_on(city: Identity, page: str) -> None:
    """Confirm what a page of her factors asks."""
    li = await walk(city)
    await li.send(form(await li.get(f"{FACTORS}/{page}"), f"{FACTORS}/{page}"))


async def remove_by_api(city: Identity, passkey: bool = False) -> None:
    async with named(city) as li:
        await proved(li)
        await li.add_passkey()
        city.app.state.desk = city.desk  # tokens name the issuer
        path = f"passkeys/{li.device.passkeys[0].name}" if passkey else "app"
        token = (await li.tokens(await li.ask()))["access_token"]
        await li.http.delete(f"/me/factors/{path}", headers={"Authorization": f"Bearer {token}"})


async def change_password(city: Identity) -> None:
    li = Walker(city, city.http)
    await li.sign_in()
    changing = form(await li.get("/account/password"), "/account/password")
    await li.send(changing, current=PASSWORD, new="another-password", again="another-password")


async def change_password_by_api(city: Identity) -> None:
    answer = await by_li(city, "POST", "/me/password", json={"current": PASSWORD, "new": "another-password"})
    assert answer.status_code == 204, answer.text


async def clear(city: Identity) -> None:
    await walk(city)
    await city.http.delete("/people/person-li-na/factors", headers=city.operator())


async def by_li(city: Identity, method: str, path: str, **sent: Any) -> httpx.Response:
    """Ms Li asks for something, with a key."""
    headers = await hers(city) | {"Idempotency-Key": "k-1"}
    return await city.http.request(method, path, headers=headers, **sent)


def operator(method: str, path: str, **sent: Any) -> Doing:
    async def doing(city: Identity) -> None:
        answer = await city.http.request(method, path, headers=city.operator(), **sent)
        assert answer.is_success, answer.text

    return doing


TERMS = {"acts": ["apply"], "since": "2026-03-02", "until": "2026-12-31"}


async def offer(city: Identity) -> str:
    await city.put("/people/person-wang-wei", LI_NA | {"login": "wang.wei", "mail": None})
    answer = await by_li(city, "POST", "/mandates", json={"agent": "person-wang-wei", "terms": TERMS})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def accept(city: Identity) -> None:
    """Of a mandate that was offered to her."""
    by = Actor(kind="person", account="person-wang-wei")
    await city.put("/people/person-wang-wei", LI_NA | {"login": "wang.wei", "mail": None})
    wish = mandates.MandateWish.model_validate({"agent": "person-li-na", "terms": TERMS})
    mandate, _ = await mandates.offer(city.desk, by, "mandate-" + "a" * 26, wish, "digest")
    await by_li(city, "POST", f"/mandates/{mandate.id}/accept")


async def take_back(city: Identity) -> None:
    await by_li(city, "DELETE", f"/mandates/{await offer(city)}")


async def end_guardian(city: Identity) -> None:
    await operator("PUT", GUARDIAN, json={})(await guarded(city))
    await operator("DELETE", GUARDIAN)(city)


async def guarded(city: Identity) -> Identity:
    await city.put("/people/person-wang-wei", LI_NA | {"login": "wang.wei", "mail": None})
    return city


async def keep_guardian(city: Identity) -> None:
    await operator("PUT", GUARDIAN, json={})(await guarded(city))


async def agree(city: Identity) -> Walker:
    """On her way to somebody else's application."""
    bank = WEB | {"asks_consent": True}
    assert (await city.put("/clients/bank", bank)).status_code < 300
    li = Walker(city, city.http)
    asking = await li.sign_in("/authorize", **(ASKED | {"client_id": "bank", "scope": "openid"}))
    await li.send(form(asking, "/consent"), answer="agree")
    return li


async def withdraw_on_page(city: Identity) -> None:
    li = await agree(city)
    await li.send(form(await li.get("/account/consents"), "/account/consents/withdraw"))


async def offer_on_page(city: Identity) -> Walker:
    await guarded(city)
    li = Walker(city, city.http)
    await li.sign_in()
    page = form(await li.get("/account/mandates/new"), "/account/mandates")
    fields = {"agent": "person-wang-wei", "acts": "apply", "until": str(TERMS["until"])}
    assert (await li.send(page, **fields)).status_code == 303
    return li


async def end_mandate_on_page(city: Identity) -> None:
    li = await offer_on_page(city)
    await li.send(form(await li.get("/account/mandates"), "/account/mandates/answer"), answer="end")


async def withdraw_consent(city: Identity) -> None:
    by = Actor(kind="person", account="person-li-na")
    await consents.give(city.desk, by, "person-li-na", "web", "openid")
    await by_li(city, "DELETE", "/me/consents/web")


STANDING_IN = "/people/person-zhang/substitutions/substitution-1"
GUARDIAN = "/people/person-li-na/guardians/person-wang-wei"


async def stand_in(city: Identity) -> None:
    for login, roles in (("zhang", ["clerk"]), ("zhao", ["head"])):
        posts = [{"organisation": "police", "division": "2102", "roles": roles}]
        await city.put(f"/people/person-{login}", LI_NA | {"login": login, "mail": None, "posts": posts})
    wish = {"organisation": "police", "division": "2102", "roles": ["head"], "instead_of": "person-zhao"}
    await operator("PUT", STANDING_IN, json=wish | {"since": "2026-03-02", "until": "2026-03-31"})(city)


async def stand_in_no_more(city: Identity) -> None:
    await stand_in(city)
    await operator("DELETE", STANDING_IN)(city)


async def register(city: Identity) -> None:
    answer = await city.http.post("/registrations", json=ZHOU_TING, headers={"Idempotency-Key": "k-1"})
    assert answer.status_code == 201, answer.text


async def at_window(city: Identity) -> None:
    posts = [{"organisation": "police", "division": "2102", "roles": ["clerk"]}]
    await city.put("/people/person-li-na", LI_NA | {"posts": posts})
    wish = {name: value for name, value in ZHOU_TING.items() if name != "proofs"}
    answer = await by_li(city, "POST", "/registrations/window", json=wish)
    assert answer.status_code == 201, answer.text


async def suspend(city: Identity) -> None:
    await operator("PUT", "/organisations/police/suspension")(city)


async def resume(city: Identity) -> None:
    await suspend(city)
    await operator("DELETE", "/organisations/police/suspension")(city)


COMPANY = {"name": "大连示例海产品有限公司", "representative": "person-li-na"}
PAGES = "the form of `POST {}`: the command notes it"
NOTED: Mapping[tuple[str, str], tuple[str, Doing] | str] = {
    ("POST", "/authorize"): ("signed-in", lambda city: city.code()),
    ("POST", "/authorize/passkey"): ("signed-in", enter),
    ("POST", "/authorize/second"): ("stepped-up", second),
    ("POST", "/account/sessions/end"): ("session-ended", end_on_page),
    ("POST", "/authorize/as"): "it gives a code, which notes the token that is given for it",
    ("POST", "/consent"): ("consent-given", agree),
    ("POST", "/account/consents/withdraw"): ("consent-withdrawn", withdraw_on_page),
    ("POST", "/account/mandates"): ("mandate-offered", offer_on_page),
    ("POST", "/account/mandates/answer"): ("mandate-ended", end_mandate_on_page),
    ("POST", "/account/password"): ("password-changed", change_password),
    ("POST", "/me/password"): ("password-changed", change_password_by_api),
    ("POST", "/account/factors/app"): ("factor-added", walk),
    ("POST", "/account/factors/passkeys"): ("factor-added", add_passkey),
    ("POST", "/account/factors/recovery"): ("recovery-codes-made", lambda city: send_on(city, "recovery")),
    ("POST", "/account/factors/remove"): ("factor-removed", lambda city: send_on(city, "remove")),
    ("DELETE", "/me/factors/app"): ("factor-removed", remove_by_api),
    ("DELETE", "/me/factors/passkeys/{passkey}"): ("factor-removed", lambda city: remove_by_api(city, passkey=True)),
    ("DELETE", "/people/{id}/factors"): ("factor-removed", clear),
    ("POST", "/token"): ("program-token-given", lambda city: city.client_token("operator", OPERATOR_SECRET)),
    ("POST", "/revoke"): ("token-given-up", give_up),
    ("POST", "/userinfo"): "it is a look, asked with POST",
    ("POST", "/logout"): ("signed-out", lambda city: leave(city, "/logout")),
    ("POST", "/logout/confirmed"): ("signed-out", lambda city: leave(city, "/logout/confirmed")),
    ("PUT", "/divisions/{code}"): (
        "division-published",
        lambda city: city.put("/divisions/21", DIVISIONS[0] | {"name": {"zh": "辽", "en": "L"}}),
    ),
    ("PUT", "/organisations/{code}"): (
        "organisation-published",
        lambda city: city.put("/organisations/police", POLICE | {"division": "21"}),
    ),
    ("PUT", "/people/{id}"): ("account-changed", lambda city: city.put("/people/person-li-na", LI_NA | {"mail": None})),
    ("PUT", "/clients/{code}"): ("client-changed", lambda city: city.put("/clients/web", WEB | {"name": "Other"})),
    ("DELETE", "/me/sessions"): ("signed-out-everywhere", sign_out_everywhere),
    ("DELETE", "/me/sessions/{session}"): ("session-ended", end_mine),
    ("DELETE", "/people/{id}/sessions"): ("signed-out-everywhere", sign_out_somebody),
    ("POST", "/keys/rotate"): ("key-rotated", lambda city: city.http.post("/keys/rotate", headers=city.operator())),
    ("DELETE", "/keys/{kid}"): ("key-destroyed", destroy),
    ("PUT", "/organisations/{code}/suspension"): ("organisation-suspended", suspend),
    ("DELETE", "/organisations/{code}/suspension"): ("organisation-resumed", resume),
    ("PUT", "/people/{id}/substitutions/{substitution}"): ("substitution-kept", stand_in),
    ("DELETE", "/people/{id}/substitutions/{substitution}"): ("substitution-withdrawn", stand_in_no_more),
    ("POST", "/mandates"): ("mandate-offered", offer),
    ("POST", "/mandates/{mandate}/accept"): ("mandate-accepted", accept),
    ("DELETE", "/mandates/{mandate}"): ("mandate-ended", take_back),
    ("PUT", "/people/{ward}/guardians/{guardian}"): ("mandate-registered", keep_guardian),
    ("DELETE", "/people/{ward}/guardians/{guardian}"): ("mandate-ended", end_guardian),
    ("DELETE", "/me/consents/{client}"): ("consent-withdrawn", withdraw_consent),
    ("POST", "/registrations"): ("registration-begun", register),
    ("POST", "/registrations/window"): ("registration-begun", at_window),
    ("POST", "/registrations/{registration}/code"): "noted as `registration-went-on`, see test_registrations",
    ("POST", "/registrations/{registration}/login"): "noted as `registration-went-on`, see test_registered_already",
    ("POST", "/register"): PAGES.format("/registrations"),
    ("POST", "/register/code"): PAGES.format("/registrations/{registration}/code"),
    ("POST", "/register/login"): PAGES.format("/registrations/{registration}/login"),
    ("PUT", "/companies/{code}"): ("company-kept", operator("PUT", "/companies/91210200MA0EXAMPH3", json=COMPANY)),
    ("POST", "/companies"): "noted as `company-claimed`, see test_companies",
    ("DELETE", "/people/{id}"): ("account-forgotten", operator("DELETE", "/people/person-li-na")),
    ("POST", "/people/{id}/data-key"): ("data-key-renewed", operator("POST", "/people/person-li-na/data-key")),
    ("POST", "/master-keys/rewrap"): ("data-keys-rewrapped", operator("POST", "/master-keys/rewrap")),
    ("POST", "/ops/parked/retry"): ("parked-retried", ops("retry")),
    ("POST", "/ops/parked/drop"): ("parked-dropped", ops("drop")),
    ("POST", "/ops/replay"): ("replay-started", replay),
}
"""The act, and how it is done; or why there is none."""
