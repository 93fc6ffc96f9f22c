"""What each route of identity that is more than a look notes, and how to do it once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx

from shared.messaging.envelope import Record
from tests.service.identity.conftest import DIVISIONS, LI_NA, NAMED, OPERATOR_SECRET, POLICE, WEB, Identity
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


async def clear(city: Identity) -> None:
    await walk(city)
    await city.http.delete("/people/person-li-na/factors", headers=city.operator())


NOTED: Mapping[tuple[str, str], tuple[str, Doing] | str] = {
    ("POST", "/authorize"): ("signed-in", lambda city: city.code()),
    ("POST", "/authorize/passkey"): ("signed-in", enter),
    ("POST", "/authorize/second"): ("stepped-up", second),
    ("POST", "/account/sessions/end"): ("session-ended", end_on_page),
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
    ("POST", "/ops/parked/retry"): ("parked-retried", ops("retry")),
    ("POST", "/ops/parked/drop"): ("parked-dropped", ops("drop")),
    ("POST", "/ops/replay"): ("replay-started", replay),
}
"""The act, and how it is done; or why there is none."""
