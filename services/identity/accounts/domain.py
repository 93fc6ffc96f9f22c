"""Accounts: their rules, pure."""

import re
from datetime import datetime
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from services.identity.oauth import Scope
from services.identity.revocable import Revocable
from shared.contracts.identity import AccountOpened, ContactPublished

PERSON_PATTERN = r"^person-[a-z0-9]+(-[a-z0-9]+)*$"
CLIENT_PATTERN = r"^[a-z][a-z0-9-]{1,62}$"
COORDINATE_PATTERN = r"^[A-Za-z0-9_-]{43}$"
DEFAULT_SCOPES: tuple[Scope, ...] = ("openid", "services")


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


class PublicKey(_Wish):
    """A program's own key (RFC 7517): P-256 for ES256, the public half only."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str = Field(pattern=COORDINATE_PATTERN)
    y: str = Field(pattern=COORDINATE_PATTERN)
    kid: str | None = Field(default=None, min_length=1, max_length=100)
    alg: Literal["ES256"] = "ES256"
    use: Literal["sig"] = "sig"


class ClientWish(_Wish):
    """A program's account.

    `application`: signs people in at its redirect addresses, within its scopes. It is public, or, where all its
    addresses are https, may prove who it is by secret or keys. `department` and `operator`: programs of their own right
    with a secret (left out: the one it has) or keys (`jwks`), not both.
    """

    kind: Literal["application", "department", "operator"]
    name: str = Field(min_length=1, max_length=200)
    secret: SecretStr | None = Field(default=None, min_length=16, max_length=128)
    jwks: list[PublicKey] = Field(default=[], max_length=5)
    redirect_uris: list[str] = []
    post_logout_redirect_uris: list[str] = []
    backchannel_logout_uri: str | None = None
    scopes: list[Scope] = list(DEFAULT_SCOPES)
    organisation: str | None = None
    division: str | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.kind == "application") != bool(self.redirect_uris):
            raise ValueError("redirect_uris are for applications, which need at least one")
        if self.jwks and self.secret is not None:
            raise ValueError("a secret or keys, not both")
        if (self.jwks or self.secret is not None) and not self.keeps_secrets:
            raise ValueError("an application that is not at https addresses only runs where people could read a secret")
        if self.kind != "application" and (self.post_logout_redirect_uris or self.backchannel_logout_uri):
            raise ValueError("only applications are told of sign-outs")
        if (self.kind == "department") != (self.organisation is not None):
            raise ValueError("organisation is for department programs, which need it")
        if any(not _is_redirect(uri) for uri in (*self.redirect_uris, *self.post_logout_redirect_uris)):
            raise ValueError("a redirect address is an absolute https, loopback http or app address, no fragment")
        if (told := self.backchannel_logout_uri) is not None and not (told.startswith("http") and _is_redirect(told)):
            raise ValueError("backchannel_logout_uri is an absolute https or loopback http address, no fragment")
        return self

    @property
    def keeps_secrets(self) -> bool:
        """Whether it runs where nobody reads its secret or key."""
        return self.kind != "application" or all(uri.startswith("https:") for uri in self.redirect_uris)


class Person(Revocable):
    """A person; with a post, an officer. Personal fields go to `identity.contacts` and nowhere else."""

    login: str
    password_hash: str
    name: str
    mail: str | None = None
    phone: str | None = None
    language: Literal["zh", "en"] = "zh"
    post: Post | None = None

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
        sessions and tokens. Without a password hash the one that is kept stays."""
        before, password_hash = self._contact(), password_hash or self.password_hash
        if (password_hash, wish.post) != (self.password_hash, self.post):
            self.sign_out(now)
        self.login, self.password_hash, self.post = wish.login, password_hash, wish.post
        self.name, self.mail, self.phone, self.language = wish.name, wish.mail, wish.phone, wish.language
        if self._contact() != before:
            self.record(self._contact(), now)

    def rehash(self, before: str, after: str) -> None:
        """The same password, hashed anew: nothing ends, and nothing happens where there is another one by now."""
        if self.password_hash == before:
            self.password_hash = after

    def sign_out(self, now: datetime) -> None:
        """End all sessions and tokens."""
        self.revoke(f"user:{self.id}", now)

    def _contact(self) -> ContactPublished:
        return ContactPublished(
            person=self.id, name=self.name, mail=self.mail, phone=self.phone, language=self.language
        )


class Client(Revocable):
    """A program's account. It proves who it is with its secret, or with one of its keys, or is public."""

    code: str
    kind: Literal["application", "department", "operator"]
    name: str
    secret_hash: str | None = None
    jwks: list[PublicKey] = Field(default_factory=list)
    redirect_uris: list[str] = Field(default_factory=list)
    post_logout_redirect_uris: list[str] = Field(default_factory=list)
    backchannel_logout_uri: str | None = None
    scopes: list[Scope] = Field(default_factory=lambda: list(DEFAULT_SCOPES))
    organisation: str | None = None
    division: str | None = None

    @property
    def is_public(self) -> bool:
        """Whether anybody can pose as it, so that only its redirect addresses and PKCE say who it is."""
        return self.kind == "application" and self.secret_hash is None and not self.jwks

    def keys_named(self, kid: str | None) -> list[dict[str, str]]:
        """Its keys of that name; all of them where none is named."""
        return [key.model_dump(exclude_none=True) for key in self.jwks if kid is None or key.kid in (None, kid)]

    def open(self, now: datetime) -> None:
        """The account begins; an application only hands people on and has no account of its own."""
        if self.kind != "application":
            self.record(AccountOpened(account=self.code, kind=self.kind, organisation=self.organisation), now)

    def revise(self, wish: ClientWish, secret_hash: str | None, now: datetime) -> None:
        """Take over what the operator put; without a secret's hash the one that is kept stays, unless it has keys now
        or cannot keep one. Whatever makes the program another one, or takes something from it, ends its tokens."""
        if wish.jwks or not wish.keeps_secrets:
            secret_hash = None
        elif secret_hash is None and wish.kind == self.kind:
            secret_hash = self.secret_hash
        before = (self.kind, self.secret_hash, self.organisation, self.division)
        is_another = before != (wish.kind, secret_hash, wish.organisation, wish.division)
        taken = (
            set(self.redirect_uris) - set(wish.redirect_uris)
            or set(self.jwks) - set(wish.jwks)
            or set(self.scopes) - set(wish.scopes)
        )
        if is_another or taken:
            self.revoke(f"client:{self.code}", now)
        self.kind, self.name, self.secret_hash, self.jwks = wish.kind, wish.name, secret_hash, wish.jwks
        self.redirect_uris, self.organisation, self.division = wish.redirect_uris, wish.organisation, wish.division
        self.post_logout_redirect_uris, self.scopes = wish.post_logout_redirect_uris, wish.scopes
        self.backchannel_logout_uri = wish.backchannel_logout_uri

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


def _is_redirect(uri: str) -> bool:
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
