"""Making tokens: access tokens for the services (RFC 9068), ID tokens for applications (OpenID Connect Core)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.identity.accounts.domain import Client, Person
from services.identity.consents.domain import Consent
from services.identity.desk import Desk
from services.identity.mandates.commands import Acting
from services.identity.sessions.domain import Session
from services.identity.tokens.capacity import Capacity
from shared.caller import AUDIENCE, TOKEN_TYPE, Caller

TOKEN_LIFE = timedelta(minutes=5)
ID_TOKEN_TYPE = "JWT"  # noqa: S105 - a media type


@dataclass(frozen=True, slots=True)
class Versions:
    """Of what a token stands on, when it is given."""

    client: int
    org: int = 0
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
    capacity: Capacity
    consent: Consent | None = None
    standing: int = 0
    """The version of the post's organisation."""

    def access_token(self, desk: Desk, scope: str) -> str:
        """What the application shows to the services."""
        person, session, application = self.person, self.session, self.application
        versions = Versions(
            application.token_version,
            self.standing,
            person.token_version,
            session.token_version,
            session.factors_version,
        )
        scopes, how = frozenset(scope.split()), _how(session) | {"ial": person.ial}
        if self.consent is not None:
            how |= {"consent": {"id": self.consent.id, "version": self.consent.token_version}}
        signed_in: dict[str, Any] = {
            "client": application.code,
            "session": session.id,
            "scope": scopes,
            "acr": session.acr,
        }
        if isinstance(self.capacity, Acting):  # nobody acts for somebody else as an officer
            caller = Caller(self.capacity.mandate.principal, "person", None, None, **signed_in)
            return access_token(desk, caller, versions, how | _acting(self.capacity))
        if self.capacity is None:
            return access_token(desk, Caller(person.id, "person", None, None, **signed_in), versions, how)
        post = self.capacity
        caller = Caller(
            person.id, "officer", post.organisation, post.division, roles=frozenset(post.roles), **signed_in
        )
        return access_token(desk, caller, versions, how)

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
        "roles": sorted(caller.roles),
        "scope": " ".join(sorted(caller.scope)),
        "cv": versions.client,
        **({"ov": versions.org} if caller.org is not None else {}),
    }
    if caller.session is not None:
        claims |= {"sid": caller.session, "sv": versions.session, "uv": versions.user, "acr": caller.acr, **(how or {})}
    if versions.factors is not None:
        claims |= {"fv": versions.factors}
    return desk.keyring.sign(claims, TOKEN_TYPE)


def _acting(acting: Acting) -> dict[str, Any]:
    """Who acts, the last first (RFC 8693 section 4.1), and by what, with the versions that it stands on."""
    terms, actor = acting.mandate.terms, dict[str, Any]()
    for mandate in reversed(acting.chain):
        actor = {"sub": mandate.agent, **({"act": actor} if actor else {})}
    return {
        "act": actor,
        "mandate": {
            "id": acting.mandate.id,
            "acts": terms.acts,
            "items": terms.items,
            **({"most_cases": terms.most_cases} if terms.most_cases is not None else {}),
            "versions": {mandate.id: mandate.token_version for mandate in acting.chain},
        },
    }


def _how(session: Session) -> dict[str, Any]:
    return {"amr": session.amr, "auth_time": int(session.authenticated_at.timestamp())}


def _times(now: datetime) -> dict[str, int]:
    begin = int(now.timestamp())
    return {"iat": begin, "exp": begin + int(TOKEN_LIFE.total_seconds())}
