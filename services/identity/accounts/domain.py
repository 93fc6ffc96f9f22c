"""Accounts: their rules, pure."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from services.identity.revocable import Revocable
from shared.contracts.identity import AccountOpened, ContactForgotten, ContactPublished
from shared.errors import Conflict, Fault
from shared.personal import PERSONAL, Forgotten, Personal, blank, personal_fields

PERSON_PATTERN = r"^person-[a-z0-9]+(-[a-z0-9]+)*$"
CLIENT_PATTERN = r"^[a-z][a-z0-9-]{1,62}$"
FORGET_AGAIN = timedelta(minutes=1)
"""When forgetting a person is taken up again, where it was interrupted."""


class _Wish(BaseModel):
    """What an operator puts. Exact types, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Post(_Wish):
    """What makes a person an officer: the department, and the division it is for."""

    organisation: str
    division: str


class PersonWish(_Wish):
    """A person's account. `password` may be left out once there is one; `post` makes the person an officer."""

    login: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,62}$")
    password: SecretStr | None = Field(default=None, min_length=8, max_length=128)
    name: str = Field(min_length=1, max_length=200)
    mail: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)
    phone: str | None = Field(default=None, pattern=r"^\+?[0-9 -]{5,20}$")
    language: Literal["zh", "en"] = "zh"
    post: Post | None = None


class ClientWish(_Wish):
    """A program's account.

    `application`: signs people in; it is public, has redirect addresses and no secret.
    `department` and `operator`: programs of their own right, with a secret (left out: the one it has).
    """

    kind: Literal["application", "department", "operator"]
    name: str = Field(min_length=1, max_length=200)
    secret: SecretStr | None = Field(default=None, min_length=16, max_length=128)
    redirect_uris: list[str] = []
    organisation: str | None = None
    division: str | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.kind == "application") != bool(self.redirect_uris):
            raise ValueError("redirect_uris are for applications, which need at least one")
        if self.kind == "application" and self.secret is not None:
            raise ValueError("an application has no secret: it runs where people could read it")
        if (self.kind == "department") != (self.organisation is not None):
            raise ValueError("organisation is for department programs, which need it")
        if any(not is_redirect(uri) for uri in self.redirect_uris):
            raise ValueError("a redirect address is an absolute https, loopback http or app address, no fragment")
        return self


class Person(Revocable):
    """A person; with a post, an officer. Personal fields go to `identity.contacts` and nowhere else."""

    login: Annotated[str, Personal(searched="login")]
    password_hash: str
    name: Annotated[str, PERSONAL]
    mail: Annotated[str | None, Personal(searched="mail")] = None
    phone: Annotated[str | None, Personal(searched="phone")] = None
    language: Literal["zh", "en"] = "zh"
    post: Post | None = None
    forgotten_at: datetime | None = None

    @property
    def kind(self) -> Literal["person", "officer"]:
        """What the person's tokens say."""
        return "person" if self.post is None else "officer"

    def open(self, now: datetime) -> None:
        """The account begins."""
        organisation = self.post.organisation if self.post else None
        self.record(AccountOpened(account=self.id, kind=self.kind, organisation=organisation), now)
        self.record(self._contact(), now)

    def revise(self, wish: PersonWish, password_hash: str | None, now: datetime) -> None:
        """Take over what the operator put. Changed contact data makes an event; another password or post ends all
        sessions and tokens. Without a password hash the one that is kept stays. Raises `Forgotten`."""
        if self.forgotten_at is not None:
            raise Forgotten
        before, password_hash = self._contact(), password_hash or self.password_hash
        if (password_hash, wish.post) != (self.password_hash, self.post):
            self.sign_out(now)
        self.login, self.password_hash, self.post = wish.login, password_hash, wish.post
        self.name, self.mail, self.phone, self.language = wish.name, wish.mail, wish.phone, wish.language
        if self._contact() != before:
            self.record(self._contact(), now)

    def sign_out(self, now: datetime) -> None:
        """End all sessions and tokens."""
        self.revoke(f"user:{self.id}", now)

    def forget(self, now: datetime) -> None:
        """Keep nothing personal any more, end all sessions and tokens, and have the contact forgotten elsewhere.

        Raises `Conflict` (`still_needed`) with every reason. Who is forgotten stays so, and nothing changes.
        """
        if self.forgotten_at is not None:
            return
        if self.post is not None:
            reason = Fault("/post", "has_post", "an officer gives the post up first: who decided must be known")
            raise Conflict("The person cannot be forgotten yet", code="still_needed", faults=(reason,))
        for name in personal_fields(type(self)):
            setattr(self, name, blank(type(self), name))
        self.password_hash, self.language, self.forgotten_at = "", "zh", now
        self.wake_at = now + FORGET_AGAIN
        self.sign_out(now)
        self.record(ContactForgotten(person=self.id), now)

    def _contact(self) -> ContactPublished:
        return ContactPublished(
            person=self.id, name=self.name, mail=self.mail, phone=self.phone, language=self.language
        )


class Client(Revocable):
    """A program's account. `secret_hash` is `None` for applications."""

    code: str
    kind: Literal["application", "department", "operator"]
    name: str
    secret_hash: str | None = None
    redirect_uris: list[str] = Field(default_factory=list)
    organisation: str | None = None
    division: str | None = None

    def open(self, now: datetime) -> None:
        """The account begins; an application only hands people on and has no account of its own."""
        if self.kind != "application":
            self.record(AccountOpened(account=self.code, kind=self.kind, organisation=self.organisation), now)

    def revise(self, wish: ClientWish, secret_hash: str | None, now: datetime) -> None:
        """Take over what the operator put; without a secret's hash the one that is kept stays. Whatever makes the
        program another one, or takes something from it, ends the tokens that were given to it."""
        secret_hash = None if wish.kind == "application" else secret_hash or self.secret_hash
        before = (self.kind, self.secret_hash, self.organisation, self.division)
        narrowed = before != (wish.kind, secret_hash, wish.organisation, wish.division)
        if narrowed or not set(self.redirect_uris) <= set(wish.redirect_uris):
            self.revoke(f"client:{self.code}", now)
        self.kind, self.name, self.secret_hash = wish.kind, wish.name, secret_hash
        self.redirect_uris, self.organisation, self.division = wish.redirect_uris, wish.organisation, wish.division

    def may_be_told_at(self, uri: str) -> bool:
        """Whether it signs people in, and hears of it there."""
        return self.kind == "application" and self.may_return_to(uri)

    def may_return_to(self, uri: str) -> bool:
        """Whether `uri` is exactly one of the client's; on loopback the port may be any (RFC 8252 section 7.3)."""
        return any(
            uri == known or _without_port(uri) == _without_port(known) is not None for known in self.redirect_uris
        )


def client_id(code: str) -> str:
    """The aggregate id of a client, apart from the ids of organisations of the same code."""
    return f"client-{code}"


def is_redirect(uri: str) -> bool:
    """Whether people may be sent there at all: https, this machine, or an app's own scheme."""
    parts = urlsplit(uri)
    if parts.fragment or not parts.scheme or re.search(r"\s|[\x00-\x1f\\#]", uri):
        return False
    if parts.scheme == "http":
        return _without_port(uri) is not None
    if parts.scheme == "https":
        return bool(parts.hostname) and "@" not in parts.netloc
    return "." in parts.scheme  # an app's own scheme is a reversed domain name (RFC 8252 section 7.1)


def _without_port(uri: str) -> str | None:
    """A loopback address less its port; `None` for any other address."""
    found = re.fullmatch(r"http://(127\.0\.0\.1|\[::1\])(:\d{1,5})?(/[^\s\\#]*)?", uri)
    return f"{found[1]}{found[3] or ''}" if found else None
