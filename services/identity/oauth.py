"""Errors of OAuth (RFC 6749 sections 4.1.2.1 and 5.2) and OpenID Connect, and the scopes there are."""

from collections.abc import Set
from typing import Literal, get_args

from shared.caller import SERVICES
from shared.errors import DomainError

Scope = Literal["openid", "profile", "email", "phone", "offline_access", "services"]
"""`services`: use the city's services for the person. The others are OpenID Connect's (Core sections 5.4 and 11)."""
SCOPES: tuple[Scope, ...] = get_args(Scope)


class OAuthError(DomainError):
    """An error of RFC 6749 section 5.2; its code is the `error` of the answer."""

    code = "invalid_request"


class InvalidClient(OAuthError):
    """The client is unknown, or does not prove that it is itself. `client`: the one it says it is, where there is one;
    for the record, not for the answer."""

    status = 401
    code = "invalid_client"

    def __init__(self, detail: str, client: str | None = None) -> None:
        super().__init__(detail)
        self.client = client


class UnauthorizedClient(OAuthError):
    """The client is itself, and this way to a token is not for it."""

    code = "unauthorized_client"


class InvalidScope(OAuthError):
    """More is asked than the client, or what was granted, may have."""

    code = "invalid_scope"


class InvalidGrant(OAuthError):
    """The code or refresh token is not good, or not for this client; the caller is not told which."""

    code = "invalid_grant"

    def __init__(self) -> None:
        super().__init__("The code or token is not valid")


class AccessDenied(OAuthError):
    """The person, or this issuer, does not want it (RFC 6749 section 4.1.2.1)."""

    code = "access_denied"


class LoginRequired(OAuthError):
    """Nobody is signed in, and the application wants nobody to be asked (OpenID Connect Core section 3.1.2.6)."""

    code = "login_required"

    def __init__(self) -> None:
        super().__init__("Nobody is signed in")


class UnmetAuthentication(OAuthError):
    """Who is signed in is not known surely enough, and the application wants nobody to be asked (OpenID Connect Core
    Error Code unmet_authentication_requirements)."""

    code = "unmet_authentication_requirements"

    def __init__(self) -> None:
        super().__init__("This needs a sign-in with two factors")


def asked_scope(asked: str, allowed: Set[str], default: Set[str] = frozenset({SERVICES})) -> str:
    """Of the scopes that are asked those we know, in our order. Raises `InvalidScope` where one is not allowed.

    Unknown ones are left out (OpenID Connect Core section 3.1.2.1); nothing asked means `default`.
    """
    wanted = set(asked.split()) & set(SCOPES) if asked.split() else set(default)
    if wanted - allowed:
        raise InvalidScope(f"not for this client: {' '.join(sorted(wanted - allowed))}")
    return " ".join(scope for scope in SCOPES if scope in wanted)
