"""Who calls: access tokens are verified here, locally, from the published keys; each route says who may call it.

Tokens are JWTs of RFC 9068: ES256, `typ` at+jwt, audience `tongban`, five minutes. A cached token is accepted until it
expires, its key goes, or what it stands on is revoked. Each route tolerates that the revocations are known to be
complete some seconds ago only, and none tolerates more than its seconds: a service that is cut off from the bus goes on
for a while, reading longest, and then says so.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import jwt
from fastapi import FastAPI, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.caller import ALGORITHM, AUDIENCE, SERVICES, TOKEN_TYPE, Assurance, Caller, Kind
from shared.clock import Clock
from shared.contracts.identity import KeyPublished
from shared.errors import DomainError, Forbidden, InsufficientAuthentication, Unauthenticated
from shared.revocations import Revocations

LEEWAY = timedelta(seconds=5)
LONGEST_TOKEN = 4096
CACHED_TOKENS = 4096
READ_SECONDS, WRITE_SECONDS, PRIVILEGED_SECONDS = 60.0, 10.0, 5.0
REVOCATIONS_AGE = "revocations-age"
"""Of the request's state: how old the revocations were that its token was held against, in seconds."""

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
    scope: str
    acr: str = ""
    auth_time: int = 0
    sid: str | None = None
    sv: int = 0
    uv: int = 0
    fv: int | None = None
    cv: int = 0

    def scopes(self) -> tuple[tuple[str, int], ...]:
        """What the token stands on, with the versions of when it was given."""
        client = (f"client:{self.client_id}", self.cv)
        user = ((f"user:{self.sub}", self.uv),) if self.kind in ("person", "officer") else ()
        factors = ((f"factors:{self.sub}", self.fv),) if self.fv is not None else ()
        session = ((f"session:{self.sid}", self.sv),) if self.sid is not None else ()
        return (client, *user, *factors, *session)


@dataclass(frozen=True, slots=True)
class _Known:
    """A token that was in order."""

    caller: Caller
    expires: int
    kid: str
    scopes: tuple[tuple[str, int], ...]


class RevocationsStale(DomainError):
    """What was revoked of late is not known here, as the bus does not answer: trying again later is right."""

    status = 503
    code = "revocations_stale"


class Verifier:
    """Verifies access tokens. `keys`: the public keys by `kid`, as they come and go; `issuer` is the exact `iss`."""

    def __init__(self, keys: Mapping[str, KeyPublished], issuer: str, clock: Clock, revocations: Revocations) -> None:
        self._keys, self._issuer, self._clock, self._revocations = keys, issuer, clock, revocations
        self._cache: OrderedDict[bytes, _Known] = OrderedDict()

    @property
    def age(self) -> float:
        """Seconds since the revocations were known to be complete."""
        return self._revocations.age()

    def verify(self, token: str) -> Caller:
        """The caller of a token. Raises `Unauthenticated` with code `token_expired`, `token_invalid` or
        `token_revoked`, by the revocations as they are known here: see `age`."""
        digest = hashlib.sha256(token.encode()).digest()
        known = self._cache.get(digest)
        if known is None or self._key(known.kid) is None:
            known = self._decode(token)
            self._cache[digest] = known
            if len(self._cache) > CACHED_TOKENS:
                self._cache.popitem(last=False)
        if self._clock.now().timestamp() >= known.expires + LEEWAY.total_seconds():
            self._cache.pop(digest, None)
            raise Unauthenticated("The access token has expired", code="token_expired")
        if self._revocations.refuse(known.scopes):
            self._cache.pop(digest, None)
            raise Unauthenticated("The access token was revoked", code="token_revoked")
        return known.caller

    def is_of_late(self, caller: Caller, max_age: int) -> bool:
        """Whether the caller signed in at most so many seconds ago."""
        return self._clock.now().timestamp() <= caller.auth_time + max_age + LEEWAY.total_seconds()

    def _key(self, kid: str) -> KeyPublished | None:
        """The key of that name, as long as it proves anything."""
        row = self._keys.get(kid)
        return None if row is None or (row.not_after is not None and row.not_after <= self._clock.now()) else row

    def _decode(self, token: str) -> _Known:
        try:
            return self._checked(token)
        except (jwt.PyJWTError, ValidationError, ValueError, TypeError, KeyError):
            # One answer for every reason: a forger learns nothing from it.
            raise Unauthenticated("The access token is not valid", code="token_invalid") from None

    def _checked(self, token: str) -> _Known:
        if len(token) > LONGEST_TOKEN:
            raise ValueError("too long")
        header = jwt.get_unverified_header(token)
        kid = header["kid"]
        if header["alg"] != ALGORITHM or header.get("typ") != TOKEN_TYPE:
            raise ValueError("not an access token of ours")
        if (row := self._key(kid)) is None:
            raise ValueError("no key of ours")
        claims = _Claims.model_validate(
            jwt.decode(
                token,
                jwt.PyJWK(row.model_dump(exclude={"not_after"}), ALGORITHM),
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
        caller = Caller(
            claims.sub,
            claims.kind,
            claims.org,
            claims.division,
            claims.client_id,
            claims.sid,
            frozenset(claims.scope.split()),
            claims.acr,
            claims.auth_time,
        )
        return _Known(caller, claims.exp, kid, claims.scopes())


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="Access token of identity")


@dataclass(frozen=True, slots=True)
class Requires:
    """The dependency of a protected route: a valid token (else 401) and the rule's yes (else 403); where `acr` is given
    a sign-in that is as sure as that, of at most `max_age` seconds ago (else 401, with what is missing: RFC 9470)."""

    rule: Rule
    within: float | None = None
    """How old the revocations may be, in seconds; `None`: as reading or writing allows."""
    scope: str = SERVICES
    acr: Assurance | None = None
    max_age: int | None = None

    async def __call__(
        self, request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> Caller:
        """The caller."""
        if credentials is None or len(request.headers.getlist("authorization")) != 1:
            raise Unauthenticated("This needs an access token")
        verifier: Verifier = request.app.state.verifier
        age = request.scope.setdefault("state", {})[REVOCATIONS_AGE] = verifier.age
        caller = verifier.verify(credentials.credentials)
        if age > (self.within or (READ_SECONDS if request.method in ("GET", "HEAD") else WRITE_SECONDS)):
            raise RevocationsStale("It is not known here what was revoked of late")
        if self.scope not in caller.scope:
            raise Forbidden(f"The token is not for this: it needs the scope {self.scope}", code="insufficient_scope")
        if not self.rule(caller):
            raise Forbidden("The caller may not do this")
        is_of_late = self.max_age is None or verifier.is_of_late(caller, self.max_age)
        if self.acr is not None and not (caller.is_known_by(self.acr) and is_of_late):
            raise InsufficientAuthentication(self.acr, self.max_age)
        return caller


@dataclass(frozen=True, slots=True)
class Public:
    """The dependency of a route that anybody may call, with the reason why."""

    why: str

    async def __call__(self) -> None:
        """Lets everybody in."""


def requires(
    rule: Rule,
    *,
    within: float | None = None,
    scope: str = SERVICES,
    acr: Assurance | None = None,
    max_age: int | None = None,
) -> Callable[..., Awaitable[Caller]]:
    """For `caller: Annotated[Caller, Depends(requires(policy.may_read))]`. `within`: see `Requires`; what only few may
    do is `PRIVILEGED_SECONDS`. `acr="aal2"` is for what a stolen password must not be enough for."""
    return Requires(rule, within, scope, acr, max_age)


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
