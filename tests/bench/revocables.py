"""Tokens of every kind, and what revokes each of them."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import jwt

from deploy.local.client import Program
from tests.bench.browser import Browser, Line
from tests.bench.city import BenchCity
from tests.bench.residents import PASSWORD, Residents, login, ours, person

KINDS = ("session", "user", "client", "mandate")
SIGNING_IN = 4
"""At once: a fifth try by one login name, while none has succeeded yet, would have to wait."""
SECRETS = ("the first secret of the bench", "the second secret of the bench")
TERMS = {"acts": ["apply", "see"], "items": [], "since": "2026-01-01", "until": "2027-12-31", "may_delegate": False}


@dataclass(frozen=True)
class Revocable:
    """A token, and the request that revokes it, which has been answered when `revoke` is over."""

    kind: str
    token: str
    revoke: Callable[[], Awaitable[None]]


class _Giving:
    """Gives tokens in a city, as an operator and as its people."""

    def __init__(self, city: BenchCity, each: int) -> None:
        self._issuer, self._each = ours(city), each
        self._http = httpx.AsyncClient(base_url=city.urls["identity"], timeout=30)
        operator = Program(city.urls["identity"], "operator", city.city.platform.secrets["operator"])
        self._operator = operator.fetch()
        self._places = asyncio.Semaphore(SIGNING_IN)

    async def sessions(self) -> list[Revocable]:
        """Somebody signs out here."""
        tokens = await asyncio.gather(*(self._signed_in(n) for n in range(self._each)))
        return [self._ends("session", token, token, f"/me/sessions/{_claims(token)['sid']}") for token in tokens]

    async def users(self) -> list[Revocable]:
        """An operator signs somebody out everywhere."""
        people = range(self._each, 2 * self._each)
        tokens = await asyncio.gather(*(self._signed_in(n) for n in people))
        return [
            self._ends("user", token, self._operator, f"/people/{person(n)}/sessions")
            for n, token in zip(people, tokens, strict=True)
        ]

    async def clients(self) -> list[Revocable]:
        """An operator gives a department's program another secret."""
        found = []
        for n in range(self._each):
            path, wish = f"/clients/bench-{n}", {"kind": "department", "organisation": "court", "name": "Bench"}
            await self._done("PUT", path, self._operator, json=wish | {"secret": SECRETS[0]})
            asked = {"grant_type": "client_credentials"}
            answer = (await self._http.post("/token", auth=(f"bench-{n}", SECRETS[0]), data=asked)).raise_for_status()
            found.append(self._ends("client", answer.json()["access_token"], self._operator, path, "PUT", wish))
        return found

    async def mandates(self) -> list[Revocable]:
        """Somebody takes back what another may do for them."""
        agent = 2 * self._each + 1
        taker, givers = await self._signed_in(agent), [await self._signed_in(n) for n in range(self._each)]
        mandates = []
        for giver in givers:  # each their own: how many one may offer in a day is limited
            wish, key = {"agent": person(agent), "terms": TERMS}, {"Idempotency-Key": str(uuid.uuid4())}
            offered = await self._done("POST", "/mandates", giver, json=wish, headers=key)
            mandates.append(offered["id"])
            await self._done("POST", f"/mandates/{offered['id']}/accept", taker)
        tokens = await asyncio.gather(*(self._signed_in(agent, acting_as=mandate) for mandate in mandates))
        return [
            self._ends("mandate", token, giver, f"/mandates/{mandate}")
            for mandate, token, giver in zip(mandates, tokens, givers, strict=True)
        ]

    def _ends(
        self, kind: str, token: str, by: str, path: str, method: str = "DELETE", wish: dict[str, Any] | None = None
    ) -> Revocable:
        async def revoke() -> None:
            sent = {} if wish is None else {"json": wish | {"secret": SECRETS[1]}}
            await self._done(method, path, by, **sent)

        return Revocable(kind, token, revoke)

    async def _signed_in(self, n: int, **asked: str) -> str:
        async with self._places:
            line = await Line.to(self._issuer.url)
            try:
                return await Browser(line, self._issuer).sign_in(login(n), PASSWORD, **asked)
            finally:
                line.close()

    async def _done(self, method: str, path: str, token: str, **sent: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} | sent.pop("headers", {})
        answer = await self._http.request(method, path, headers=headers, **sent)
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else None


async def prepared(city: BenchCity, count: int) -> list[Revocable]:
    """So many, of all kinds in turns."""
    each = -(-count // len(KINDS))
    await asyncio.to_thread(lambda: Residents(city).fill(2 * each + 2))
    giving = await asyncio.to_thread(_Giving, city, each)
    kinds = [await giving.sessions(), await giving.users(), await giving.clients(), await giving.mandates()]
    return [one for turn in zip(*kinds, strict=True) for one in turn][:count]


def _claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found
