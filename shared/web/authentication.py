"""Who calls: access tokens are verified here, locally, from the published keys; each route says who may call it.

Tokens are JWTs of RFC 9068: ES256, `typ` at+jwt, audience `tongban`, five minutes. A cached token is accepted until it
expires or its key goes; revocation is not looked at here.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import jwt
from fastapi import FastAPI, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.caller import ALGORITHM, AUDIENCE, TOKEN_TYPE, Caller, Kind
from shared.clock import Clock
from shared.errors import Forbidden, Unauthenticated

LEEWAY = timedelta(seconds=5)
LONGEST_TOKEN = 4096
CACHED_TOKENS = 4096

Jwk = Mapping[str, Any]
Rule = Callable[[Caller], bool]


class _Claims(BaseModel):
    """The claims we read; types are exact, further claims are ignored."""

    model_config = ConfigDict(strict=True)
    sub: str
    exp: int
    iat: int
    jti: str
    client_id: str
    kind: Kind
    org: str | None
    division: str | None


class Verifier:
    """Verifies access tokens. `keys` gives the public keys of the moment by `kid`; `issuer` is the exact `iss`."""

    def __init__(self, keys: Callable[[], Mapping[str, Jwk]], issuer: str, clock: Clock) -> None:
        self._keys, self._issuer, self._clock = keys, issuer, clock
        self._known: OrderedDict[bytes, tuple[Caller, int, str]] = OrderedDict()

    def verify(self, token: str) -> Caller:
        """The caller of a token. Raises `Unauthenticated` with code `token_expired` or `token_invalid`."""
        digest = hashlib.sha256(token.encode()).digest()
        found = self._known.get(digest)
        if found is None or found[2] not in self._keys():
            found = self._decode(token)
            self._known[digest] = found
            if len(self._known) > CACHED_TOKENS:
                self._known.popitem(last=False)
        caller, expires, _kid = found
        if self._clock.now().timestamp() >= expires + LEEWAY.total_seconds():
            self._known.pop(digest, None)
            raise Unauthenticated("The access token has expired", code="token_expired")
        return caller

    def _decode(self, token: str) -> tuple[Caller, int, str]:
        try:
            return self._checked(token)
        except (jwt.PyJWTError, ValidationError, ValueError, TypeError, KeyError):
            # One answer for every reason: a forger learns nothing from it.
            raise Unauthenticated("The access token is not valid", code="token_invalid") from None

    def _checked(self, token: str) -> tuple[Caller, int, str]:
        if len(token) > LONGEST_TOKEN:
            raise ValueError("too long")
        header = jwt.get_unverified_header(token)
        kid = header["kid"]
        if header["alg"] != ALGORITHM or header.get("typ") != TOKEN_TYPE:
            raise ValueError("not an access token of ours")
        claims = _Claims.model_validate(
            jwt.decode(
                token,
                jwt.PyJWK(dict(self._keys()[kid]), ALGORITHM),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                # Times are checked by our own clock.
                options={
                    "strict_aud": True,
                    "verify_exp": False,
                    "verify_iat": False,
                    "require": ["iss", "aud", "exp"],
                },
            )
        )
        if claims.iat > self._clock.now().timestamp() + LEEWAY.total_seconds():
            raise ValueError("from the future")
        caller = Caller(claims.sub, claims.kind, claims.org, claims.division, claims.client_id)
        return caller, claims.exp, kid


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="Access token of identity")


@dataclass(frozen=True, slots=True)
class Requires:
    """The dependency of a protected route: a valid token (else 401) and the rule's yes (else 403)."""

    rule: Rule

    async def __call__(
        self, request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> Caller:
        """The caller."""
        if credentials is None or len(request.headers.getlist("authorization")) != 1:
            raise Unauthenticated("This needs an access token")
        verifier: Verifier = request.app.state.verifier
        caller = verifier.verify(credentials.credentials)
        if not self.rule(caller):
            raise Forbidden("The caller may not do this")
        return caller


@dataclass(frozen=True, slots=True)
class Public:
    """The dependency of a route that anybody may call, with the reason why."""

    why: str

    async def __call__(self) -> None:
        """Lets everybody in."""


def requires(rule: Rule) -> Callable[..., Awaitable[Caller]]:
    """For `caller: Annotated[Caller, Depends(requires(policy.may_read))]`."""
    return Requires(rule)


def public(why: str) -> Callable[..., Awaitable[None]]:
    """For `dependencies=[Depends(public("why"))]`."""
    return Public(why)


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """One route and what guards it; exactly one marker is right."""

    methods: frozenset[str]
    path: str
    markers: tuple[Requires | Public, ...]


def policies(app: FastAPI) -> Iterator[RoutePolicy]:
    """What guards each route of the app, for the test that no route is without a policy."""
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        markers = () if dependant is None else tuple(_markers([dependant]))
        yield RoutePolicy(frozenset(route.methods or ()), route.path or "", markers)


def _markers(dependants: Sequence[Dependant]) -> Iterator[Requires | Public]:
    for dependant in dependants:
        if isinstance(dependant.call, (Requires, Public)):
            yield dependant.call
        yield from _markers(dependant.dependencies)
