"""What each route of identity that is more than a look notes, and how to do it once."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from shared.messaging.envelope import Record
from tests.service.identity.conftest import DIVISIONS, LI_NA, OPERATOR_SECRET, POLICE, WEB, Identity

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


NOTED: Mapping[tuple[str, str], tuple[str, Doing] | str] = {
    ("POST", "/authorize"): ("signed-in", lambda city: city.code()),
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
