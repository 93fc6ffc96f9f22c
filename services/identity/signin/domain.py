"""What is asked at /authorize, or by a page of our own, and how far somebody has come with signing in."""

import re
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from services.identity.attempts.domain import WrongProof
from services.identity.sessions.domain import Session
from shared.caller import Assurance
from shared.errors import Conflict

HALFWAY = timedelta(minutes=10)
"""For so long a right password waits for the second factor."""
LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]{0,8000}")
"""A path of ours, with nothing in it that a browser takes for another host (`//`, `/\\`)."""
START = "/account"

Lack = Literal["everything", "factor"]
"""What is missing: the person is asked for all, or for another factor beside what was shown before."""


class WrongCredentials(WrongProof):
    """Unknown login name or wrong password: nobody is told which. `account`: whose it is, where there is one; for the
    record, not for the answer."""

    code = "wrong_credentials"

    def __init__(self, account: str | None = None) -> None:
        super().__init__("The login name or password is not right")
        self.account = account


class Stale(Conflict):
    """What the page was for is over: somebody has to begin again."""

    code = "stale"

    def __init__(self) -> None:
        super().__init__("This page is no longer valid")


class _Wish(BaseModel):
    """Who wants somebody to sign in, and how surely."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    path: ClassVar[str]
    language: Literal["zh", "en"]
    login_hint: str = ""
    max_age: int | None = None
    """Seconds since somebody proved who they are, at most."""
    acr_values: str = ""
    prompt: str = ""

    @property
    def acr(self) -> Assurance:
        """The least that is enough: of the values that are named and known the lowest."""
        return "aal2" if "aal2" in self.acr_values.split() and "aal1" not in self.acr_values.split() else "aal1"

    def picked(self) -> Self:
        """The same, where nobody is to pick any more."""
        kept = [value for value in self.prompt.split() if value != "select_account"]
        return self.model_copy(update={"prompt": " ".join(kept)})

    def lacks(self, session: Session, now: datetime) -> Lack | None:
        """What a session lacks (OpenID Connect Core section 3.1.2.1)."""
        if {"login", "select_account", "consent"} & set(self.prompt.split()):
            return "everything"
        return None if self.is_sure(session) and self._is_young(session, now) else "factor"

    def lacks_only_a_factor(self, session: Session, now: datetime) -> bool:
        """Whether a session would do, had it two factors."""
        return not self.is_sure(session) and self._is_young(session, now)

    def is_sure(self, session: Session) -> bool:
        """Whether the person is known surely enough there, however long ago that was."""
        return self.acr == "aal1" or session.acr == "aal2"

    def _is_young(self, session: Session, now: datetime) -> bool:
        return self.max_age is None or now - session.authenticated_at <= timedelta(seconds=self.max_age)

    def again(self, **changes: str) -> str:
        """Where the same can be asked again; the language is the reader's choice."""
        return f"{self.path}?{urlencode(self._asked() | changes)}"

    def _asked(self) -> dict[str, str]:
        optional = {"login_hint": self.login_hint, "acr_values": self.acr_values, "prompt": self.prompt}
        age = {"max_age": str(self.max_age)} if self.max_age is not None else {}
        return {name: value for name, value in optional.items() if value} | age


class AuthorizationRequest(_Wish):
    """A checked request of a known client, from /authorize to the sign-in form and back."""

    path: ClassVar[str] = "/authorize"

    kind: Literal["application"] = "application"
    client: str
    redirect_uri: str
    state: str
    challenge: str
    scope: str
    nonce: str = ""
    acting_as: str | None = None
    """What the person wants to act as: `self`, a post or a mandate."""

    @property
    def may_ask(self) -> bool:
        """Whether the person may be asked to sign in."""
        return "none" not in self.prompt.split()

    @property
    def lets_choose(self) -> bool:
        """Whether the application wants the person to pick what they act as."""
        return "select_account" in self.prompt.split() and self.acting_as is None

    @property
    def is_known(self) -> bool:
        """Whether its address says who asks. One that any program on the machine can take (loopback, an app's own
        scheme) does not: there the person is asked, always (RFC 8252 section 8.6)."""
        return self.redirect_uri.startswith("https:")

    def _asked(self) -> dict[str, str]:
        return {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            "scope": self.scope,
            **({"nonce": self.nonce} if self.nonce else {}),
            **({"acting_as": self.acting_as} if self.acting_as is not None else {}),
            **super()._asked(),
        }


class Visit(_Wish):
    """Somebody wants to see a page of ours that is for people who are signed in."""

    path: ClassVar[str] = "/sign-in"
    may_ask: ClassVar[bool] = True
    is_known: ClassVar[bool] = True

    kind: Literal["visit"] = "visit"
    next: str = START

    def _asked(self) -> dict[str, str]:
        return {"next": self.next, **super()._asked()}


Wish = AuthorizationRequest | Visit
AnyWish = Annotated[Wish, Field(discriminator="kind")]


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    wish: AnyWish


class Door(_Form):
    """The sign-in page: nobody has shown anything. `challenge`: for a passkey."""

    challenge: str


class Halfway(_Form):
    """The second-factor page. The person has shown the password (`since`: unix time), or is signed in already by
    `session`; the second factor is what is missing."""

    person: str
    user_version: int
    amr: list[str]
    since: int
    session: str = ""
    challenge: str

    def is_over(self, user_version: int, now: datetime) -> bool:
        """Whether what was shown counts no more."""
        return self.user_version != user_version or now.timestamp() >= self.since + HALFWAY.total_seconds()


class Resume(_Form):
    """The person is signed in and was led away to set up a second factor; here it goes on."""

    person: str


def local(path: str) -> str:
    """A path of ours as somebody wrote it into an address; the start page for anything else."""
    return path if LOCAL.fullmatch(path) else START
