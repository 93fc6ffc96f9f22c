"""What is asked at /authorize."""

from datetime import datetime, timedelta
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from shared.errors import DomainError


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
    scope: str
    language: Literal["zh", "en"]
    nonce: str = ""
    prompt: str = ""
    login_hint: str = ""
    acting_as: str | None = None
    """What the person wants to act as: `self`, a post or a mandate."""
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

    def as_asked(self) -> dict[str, str]:
        """The same request again, as parameters of /authorize; the language is the reader's choice."""
        optional = {"nonce": self.nonce, "prompt": self.prompt, "login_hint": self.login_hint}
        return {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            "scope": self.scope,
            **{name: value for name, value in optional.items() if value},
            **({"acting_as": self.acting_as} if self.acting_as is not None else {}),
            **({"max_age": str(self.max_age)} if self.max_age is not None else {}),
        }
