"""What is asked at /authorize, and the code that answers it."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from shared.aggregate import Aggregate
from shared.errors import DomainError

CODE_LIFE = timedelta(seconds=60)
CHALLENGE_PATTERN = r"[A-Za-z0-9_-]{43}"
VERIFIER_PATTERN = r"^[A-Za-z0-9._~-]{43,128}$"


class OAuthError(DomainError):
    """An error of RFC 6749 section 5.2; its code is the `error` of the answer."""

    code = "invalid_request"


class InvalidClient(OAuthError):
    """The client is unknown, or its secret is wrong."""

    status = 401
    code = "invalid_client"


class InvalidGrant(OAuthError):
    """The code is not good, or not for this client; the caller is not told which."""

    code = "invalid_grant"

    def __init__(self) -> None:
        super().__init__("The code is not valid")


class CodeReused(InvalidGrant):
    """The code was used before, and who shows it again has its proof as well: two have both."""


class LoginRequired(OAuthError):
    """Nobody is signed in, and the application wants nobody to be asked (OpenID Connect Core section 3.1.2.6)."""

    code = "login_required"

    def __init__(self) -> None:
        super().__init__("Nobody is signed in")


class WrongCredentials(DomainError):
    """Unknown login name or wrong password: nobody is told which."""

    status: ClassVar[int] = 422
    code = "wrong_credentials"

    def __init__(self) -> None:
        super().__init__("The login name or password is not right")


class TooManyAttempts(DomainError):
    """Too many wrong passwords for this login name; `wait` in whole seconds."""

    status: ClassVar[int] = 429
    code = "too_many_attempts"

    def __init__(self, wait: int) -> None:
        super().__init__("Too many attempts")
        self.wait = wait


class AuthorizationRequest(BaseModel):
    """A checked request of a known client, from /authorize to the sign-in form and back."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    client: str
    redirect_uri: str
    state: str
    challenge: str
    language: Literal["zh", "en"]
    prompt: str = ""
    max_age: int | None = None
    """Seconds since signing in, at most."""

    @property
    def may_ask(self) -> bool:
        """Whether the person may be asked to sign in."""
        return "none" not in self.prompt.split()

    def is_enough(self, begun_at: datetime, now: datetime) -> bool:
        """Whether a session of that age will do (OpenID Connect Core section 3.1.2.1)."""
        is_young = self.max_age is None or now - begun_at <= timedelta(seconds=self.max_age)
        return is_young and not {"login", "select_account", "consent"} & set(self.prompt.split())


class Grant(Aggregate):
    """A code that was handed out: in which session, to which client, against which proof. Only its digest is kept."""

    client: str
    redirect_uri: str
    challenge: str
    session: str
    expires_at: datetime
    redeemed: bool = False

    def redeem(self, client: str, redirect_uri: str, verifier: str, now: datetime) -> None:
        """Use the code, once. Raises `InvalidGrant`, and `CodeReused` the second time."""
        proof = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        fits = (client, redirect_uri) == (self.client, self.redirect_uri) and hmac.compare_digest(proof, self.challenge)
        if now >= self.expires_at or not fits:
            raise InvalidGrant
        if self.redeemed:
            raise CodeReused
        self.redeemed = True
