"""Making tokens: access tokens for the services (RFC 9068), ID tokens for applications (OpenID Connect Core)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.identity.accounts.domain import Client, Person
from services.identity.desk import Desk
from services.identity.sessions.domain import Session
from shared.caller import AUDIENCE, TOKEN_TYPE, Caller

TOKEN_LIFE = timedelta(minutes=5)
ID_TOKEN_TYPE = "JWT"  # noqa: S105 - a media type


@dataclass(frozen=True, slots=True)
class Versions:
    """Of what a token stands on, when it is given."""

    client: int
    user: int = 0
    session: int = 0
    factors: int | None = None
    """Of the person's factors, where two were shown."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person, in a session, at an application."""

    person: Person
    session: Session
    application: Client

    def access_token(self, desk: Desk, scope: str) -> str:
        """What the application shows to the services."""
        person, session, application = self.person, self.session, self.application
        post = person.post
        caller = Caller(
            person.id,
            person.kind,
            post.organisation if post else None,
            post.division if post else None,
            application.code,
            session.id,
            frozenset(scope.split()),
            session.acr,
        )
        versions = Versions(
            application.token_version, person.token_version, session.token_version, session.factors_version
        )
        return access_token(desk, caller, versions, _how(session))

    def id_token(self, desk: Desk, nonce: str) -> str:
        """What tells the application who signed in, when and how."""
        claims = {
            "iss": desk.issuer,
            "sub": self.person.id,
            "aud": self.application.code,
            **_times(desk.clock.now()),
            "sid": self.session.id,
            "acr": self.session.acr,
            **_how(self.session),
            **({"nonce": nonce} if nonce else {}),
        }
        return desk.keyring.sign(claims, ID_TOKEN_TYPE)


def access_token(desk: Desk, caller: Caller, versions: Versions, how: Mapping[str, Any] | None = None) -> str:
    """A signed access token of five minutes; `how`: further claims about how somebody signed in."""
    claims = {
        "iss": desk.issuer,
        "sub": caller.id,
        "aud": AUDIENCE,
        **_times(desk.clock.now()),
        "jti": secrets.token_urlsafe(16),
        "client_id": caller.client,
        "kind": caller.kind,
        "org": caller.org,
        "division": caller.division,
        "scope": " ".join(sorted(caller.scope)),
        "cv": versions.client,
    }
    if caller.session is not None:
        claims |= {"sid": caller.session, "sv": versions.session, "uv": versions.user, "acr": caller.acr, **(how or {})}
    if versions.factors is not None:
        claims |= {"fv": versions.factors}
    return desk.keyring.sign(claims, TOKEN_TYPE)


def _how(session: Session) -> dict[str, Any]:
    return {"amr": session.amr, "auth_time": int(session.authenticated_at.timestamp())}


def _times(now: datetime) -> dict[str, int]:
    begin = int(now.timestamp())
    return {"iat": begin, "exp": begin + int(TOKEN_LIFE.total_seconds())}
