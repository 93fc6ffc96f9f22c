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
from functools import lru_cache
from typing import Annotated, Any, Self

import jwt
from fastapi import FastAPI, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.caller import ALGORITHM, AUDIENCE, SERVICES, TOKEN_TYPE, Assurance, Caller, Kind, Mandate, Power
from shared.clock import Clock
from shared.contracts.identity import KeyPublished
from shared.errors import DomainError, Forbidden, InsufficientAuthentication, Unauthenticated
from shared.policy import Act
from shared.revocations import Revocations

LEEWAY = timedelta(seconds=5)
NOT_VALID = "The access token is not valid"
LONGEST_TOKEN = 4096
CACHED_TOKENS = 4096
READ_SECONDS, WRITE_SECONDS, PRIVILEGED_SECONDS = 60.0, 10.0, 5.0
REVOCATIONS_AGE = "revocations-age"
"""Of the request's state: how old the revocations were that its token was held against, in seconds."""
CALLER = "caller"
"""Of the request's state: whose token it is, also where they may not do what they ask for."""


class _Actor(BaseModel):
    """Who acts for the token's subject (RFC 8693 section 4.1); those before are told and not needed."""

    model_config = ConfigDict(strict=True)
    sub: str


class _Mandate(BaseModel):
    """By what; `versions` of it and of the one that it rests on."""

    model_config = ConfigDict(strict=True)
    id: str
    acts: list[str]
    items: list[str]
    most_cases: int | None = None
    versions: dict[str, int] = Field(min_length=1, max_length=2)


class _Consent(BaseModel):
    """What the person let the application know and do."""

    model_config = ConfigDict(strict=True)
    id: str
    version: int


class _Claims(BaseModel):
    """The claims we read; types are exact, further claims are ignored."""

    model_config = ConfigDict(strict=True)
    sub: str
    exp: int
    iat: int
    nbf: int = 0
    jti: str
    client_id: str
    kind: Kind
    org: str | None
    division: str | None
    roles: list[str] = []
    scope: str
    acr: str = ""
    auth_time: int = 0
    sid: str | None = None
    sv: int = 0
    uv: int = 0
    fv: int | None = None
    cv: int = 0
    ov: int = 0
    act: _Actor | None = None
    mandate: _Mandate | None = None
    consent: _Consent | None = None

    @model_validator(mode="after")
    def _acts_by_mandate(self) -> Self:
        if (self.act is None) != (self.mandate is None):
            raise ValueError("who acts for somebody else has a mandate")
        if self.mandate is not None and self.mandate.id not in self.mandate.versions:
            raise ValueError("a mandate counts by its version")
        return self

    def scopes(self) -> tuple[tuple[str, int], ...]:
        """What the token stands on, with the versions of when it was given."""
        client = (f"client:{self.client_id}", self.cv)
        user = self.act.sub if self.act is not None else self.sub
        users = ((f"user:{user}", self.uv),) if self.kind in ("person", "officer") else ()
        factors = ((f"factors:{user}", self.fv),) if self.fv is not None else ()
        sessions = ((f"session:{self.sid}", self.sv),) if self.sid is not None else ()
        mandates = self.mandate.versions.items() if self.mandate is not None else ()
        consents = ((f"consent:{self.consent.id}", self.consent.version),) if self.consent is not None else ()
        orgs = ((f"org:{self.org}", self.ov),) if self.org is not None else ()
        return (
            client,
            *orgs,
            *users,
            *factors,
            *sessions,
            *consents,
            *((f"mandate:{id_}", version) for id_, version in mandates),
        )

    def caller(self) -> Caller:
        """Who the token says is calling."""
        mandate = None
        if (found := self.mandate) is not None:
            mandate = Mandate(found.id, frozenset(found.acts), frozenset(found.items), found.most_cases)
        return Caller(
            self.sub,
            self.kind,
            self.org,
            self.division,
            self.client_id,
            self.sid,
            frozenset(self.roles),
            frozenset(self.scope.split()),
            self.acr,
            self.act.sub if self.act is not None else None,
            mandate,
            self.auth_time,
            self.consent is not None,
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """A token that was in order."""

    caller: Caller
    expires: int
    kid: str
    scopes: tuple[tuple[str, int], ...]


class UnknownKey(Unauthenticated):
    """Nobody here knows the key that the token names. Where not all keys are known yet, it may be good."""

    code = "token_invalid"

    def __init__(self) -> None:
        super().__init__(NOT_VALID)


class RevocationsStale(DomainError):
    """Which keys count and what was revoked of late is not known here, as the service has just started or the bus does
    not answer: trying again later is right."""

    status = 503
    code = "revocations_stale"


class Verifier:
    """Verifies access tokens. `keys`: the public keys by `kid`, as they come and go; `issuer` is the exact `iss`."""

    def __init__(self, keys: Mapping[str, KeyPublished], issuer: str, clock: Clock, revocations: Revocations) -> None:
        self._keys, self._issuer, self._clock, self._revocations = keys, issuer, clock, revocations
        self._cache: OrderedDict[bytes, _Known] = OrderedDict()

    @property
    def age(self) -> float:
        """Seconds since keys and revocations were known to be complete."""
        return self._revocations.age()

    def verify(self, token: str) -> Caller:
        """The caller of a token. Raises `Unauthenticated` with code `token_expired`, `token_invalid` (`UnknownKey`
        among them) or `token_revoked`, by the keys and revocations as they are known here: see `age`."""
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
            raise Unauthenticated(NOT_VALID, code="token_invalid") from None

    def _checked(self, token: str) -> _Known:
        if len(token) > LONGEST_TOKEN:
            raise ValueError("too long")
        header = _header(token.partition(".")[0])
        kid = header["kid"]
        if header["alg"] != ALGORITHM or header.get("typ") != TOKEN_TYPE:
            raise ValueError("not an access token of ours")
        if (row := self._key(kid)) is None:
            raise ValueError("a key that is over") if kid in self._keys else UnknownKey
        claims = _Claims.model_validate(
            jwt.decode(
                token,
                _opened(row),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                # Times are checked by our own clock.
                options={
                    "strict_aud": True,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "require": ["iss", "aud", "exp"],
                },
            )
        )
        if max(claims.iat, claims.nbf) > self._clock.now().timestamp() + LEEWAY.total_seconds():
            raise ValueError("from the future")
        return _Known(claims.caller(), claims.exp, kid, claims.scopes())


@lru_cache(maxsize=64)
def _header(segment: str) -> dict[str, Any]:
    """The header of a token, which is the same in all that one key signed: to read the whole token for it, as it is
    read again for its claims, is a third of a first sight. It says which key, and is believed in nothing else."""
    return jwt.get_unverified_header(f"{segment}.e30.AA")


@lru_cache(maxsize=16)
def _opened(row: KeyPublished) -> jwt.PyJWK:
    """The key ready to verify with: to read it from its coordinates each time is a tenth of a first sight."""
    return jwt.PyJWK(row.model_dump(exclude={"not_after"}), ALGORITHM)


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="Access token of identity")


class Guard:
    """What says who may call a route: it has exactly one."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Requires(Guard):
    """The dependency of a protected route: a valid token (else 401), and an act that the caller may do (else 403);
    where `acr` is given a sign-in that is as sure as that, of at most `max_age` seconds ago (else 401, with what is
    missing: RFC 9470)."""

    act: Act
    within: float | None = None
    """How old the revocations may be, in seconds; `None`: as reading or writing allows."""
    scope: str = SERVICES
    powers: frozenset[Power] = frozenset()
    """With which of these one may be acting for somebody else; none: only for oneself."""
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
        within = self.within or (READ_SECONDS if request.method in ("GET", "HEAD") else WRITE_SECONDS)
        try:
            caller = request.scope["state"][CALLER] = verifier.verify(credentials.credentials)
        except UnknownKey:
            if age > min(within, READ_SECONDS):
                raise RevocationsStale("It is not known here which keys count") from None
            raise
        if age > within:
            raise RevocationsStale("It is not known here what was revoked of late")
        if self.scope not in caller.scope:
            raise Forbidden(f"The token is not for this: it needs the scope {self.scope}", code="insufficient_scope")
        if caller.mandate is not None and not self.powers & caller.mandate.acts:
            raise Forbidden("The mandate does not cover this", code="mandate_does_not_cover")
        if not self.act(caller):
            raise Forbidden(f"This is for {self.act.rule.whom.en}: GET /me/rights says more")
        is_of_late = self.max_age is None or verifier.is_of_late(caller, self.max_age)
        if self.acr is not None and not (caller.is_known_by(self.acr) and is_of_late):
            raise InsufficientAuthentication(self.acr, self.max_age)
        return caller


@dataclass(frozen=True, slots=True)
class Public(Guard):
    """The dependency of a route that anybody may call, with the reason why."""

    why: str

    async def __call__(self) -> None:
        """Lets everybody in."""


def requires(
    act: Act,
    *powers: Power,
    within: float | None = None,
    scope: str = SERVICES,
    acr: Assurance | None = None,
    max_age: int | None = None,
) -> Callable[..., Awaitable[Caller]]:
    """For `caller: Annotated[Caller, Depends(requires(policy.may_read, "see"))]`: `powers` are those by which a mandate
    opens the route. `within`: see `Requires`; what only few may do is `PRIVILEGED_SECONDS`. `acr="aal2"` is for what a
    stolen password must not be enough for."""
    return Requires(act, within, scope, frozenset(powers), acr, max_age)


def public(why: str) -> Callable[..., Awaitable[None]]:
    """For `dependencies=[Depends(public("why"))]`."""
    return Public(why)


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """One route and what guards it; exactly one marker is right."""

    methods: frozenset[str]
    path: str
    markers: tuple[Guard, ...]


def policies(app: FastAPI) -> Iterator[RoutePolicy]:
    """What guards each route of the app, for the test that no route is without a policy."""
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        markers = () if dependant is None else tuple(_markers([dependant]))
        yield RoutePolicy(frozenset(route.methods or ()), route.path or "", markers)


def _markers(dependants: Sequence[Dependant]) -> Iterator[Guard]:
    for dependant in dependants:
        if isinstance(dependant.call, Guard):
            yield dependant.call
        yield from _markers(dependant.dependencies)
