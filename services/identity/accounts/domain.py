"""Accounts: their rules, pure."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from services.identity.oauth import Scope
from services.identity.posts.domain import MOST, Holder, Post
from services.identity.revocable import Revocable
from shared.accounts import Login, Mail, Name, Password, Phone
from shared.clock import city_date
from shared.contracts.identity import AccountOpened, ContactForgotten, ContactPublished, CredentialChanged, PersonProven
from shared.errors import Conflict, Fault
from shared.personal import PERSONAL, Forgotten, Personal, blank, personal_fields

CLIENT_PATTERN = r"^[a-z][a-z0-9-]{1,62}$"
COORDINATE_PATTERN = r"^[A-Za-z0-9_-]{43}$"
DEFAULT_SCOPES: tuple[Scope, ...] = ("openid", "services")
FORGET_AGAIN = timedelta(minutes=1)
"""When forgetting a person is taken up again, where it was interrupted."""


class _Wish(BaseModel):
    """What an operator puts. Exact types, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class PersonWish(_Wish):
    """A person's account. `password` may be left out once there is one; `posts` make the person an officer."""

    login: Login
    password: Password | None = None
    name: Name
    mail: Mail | None = None
    phone: Phone | None = None
    language: Literal["zh", "en"] = "zh"
    posts: list[Post] = Field(default=[], max_length=MOST)


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
    asks_consent: bool = Field(default=False, description="somebody else's application: people agree before it is told")
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
        if self.kind != "application" and (
            self.post_logout_redirect_uris or self.backchannel_logout_uri or self.asks_consent
        ):
            raise ValueError("only applications are told of sign-outs, and ask for consent")
        if (self.kind == "department") != (self.organisation is not None):
            raise ValueError("organisation is for department programs, which need it")
        if any(not is_redirect(uri) for uri in (*self.redirect_uris, *self.post_logout_redirect_uris)):
            raise ValueError("a redirect address is an absolute https, loopback http or app address, no fragment")
        if (told := self.backchannel_logout_uri) is not None and not (told.startswith("http") and is_redirect(told)):
            raise ValueError("backchannel_logout_uri is an absolute https or loopback http address, no fragment")
        return self

    @property
    def keeps_secrets(self) -> bool:
        """Whether it runs where nobody reads its secret or key."""
        return self.kind != "application" or all(uri.startswith("https:") for uri in self.redirect_uris)


class Person(Holder):
    """A person; with a post, an officer. Personal fields go to `identity.contacts` and nowhere else.

    `ial`: how sure it is who they are (NIST SP 800-63A), which is apart from how surely they signed in: 1 an operator
    said so, 2 proven online, 3 in person. `number`: the keyed digest of the ID number, once that was proven.
    """

    login: Annotated[str, Personal(searched="login")]
    password_hash: str
    name: Annotated[str, PERSONAL]
    mail: Annotated[str | None, Personal(searched="mail")] = None
    phone: Annotated[str | None, Personal(searched="phone")] = None
    language: Literal["zh", "en"] = "zh"
    ial: int = Field(default=1, ge=1, le=3)
    number: str | None = None
    forgotten_at: datetime | None = None

    def open(self, now: datetime) -> None:
        """The account begins."""
        self._hold(self.posts, (), now)
        post = self.post_for(None, now)
        organisation = post.organisation if post else None
        self.record(AccountOpened(account=self.id, kind=self.kind(now), organisation=organisation), now)
        self.record(self._contact(), now)

    def revise(self, wish: PersonWish, password_hash: str | None, now: datetime) -> None:
        """Take over what the operator put. Changed contact data makes an event; another password, or less than was held
        by the posts, ends all sessions and tokens. Without a password hash the one that is kept stays. Raises
        `Forgotten`."""
        if self.forgotten_at is not None:
            raise Forgotten
        before, another = self._contact(), password_hash if password_hash != self.password_hash else None
        if self._hold(wish.posts, self.substitutions, now) or another is not None:
            self.sign_out(now)
        if another is not None:
            self._take_password(another, now)
        self.login = wish.login
        self.name, self.mail, self.phone, self.language = wish.name, wish.mail, wish.phone, wish.language
        if self._contact() != before:
            self.record(self._contact(), now)

    def choose_password(self, before: str, after: str, now: datetime) -> None:
        """Take a password of the person's own choice, which ends all sessions and tokens. Raises `Conflict` where it is
        not the one any more that they showed (`before`). Both are hashes."""
        if self.password_hash != before:
            raise Conflict("There is another password by now", code="password_changed")
        self._take_password(after, now)
        self.sign_out(now)

    def prove(self, number: str, proven: PersonProven, now: datetime) -> None:
        """Who they are was proven. It takes nothing from anybody, and less than what is known changes nothing."""
        if (self.number, self.ial) != (number, max(self.ial, proven.ial)):
            self.number, self.ial = number, max(self.ial, proven.ial)
            self.record(proven, now)

    def forget(self, now: datetime) -> None:
        """Keep nothing personal any more, end all sessions and tokens, and have the contact forgotten elsewhere.

        Raises `Conflict` (`still_needed`) with every reason. Who is forgotten stays so, and nothing changes.
        """
        if self.forgotten_at is not None:
            return
        today = city_date(now)
        if any(not right.is_over(today) for right in (*self.posts, *self.substitutions)):
            reason = Fault("/posts", "has_post", "an officer gives the post up first: who decided must be known")
            raise Conflict("The person cannot be forgotten yet", code="still_needed", faults=(reason,))
        for name in personal_fields(type(self)):
            setattr(self, name, blank(type(self), name))
        self.password_hash, self.language, self.forgotten_at = "", "zh", now
        self.posts, self.substitutions, self.listed_under = [], [], []
        self.number = None
        self.wake_at = now + FORGET_AGAIN
        self.sign_out(now)
        self.record(ContactForgotten(person=self.id), now)

    def rehash(self, before: str, after: str) -> None:
        """The same password, hashed anew: nothing ends, and nothing happens where there is another one by now."""
        if self.password_hash == before:
            self.password_hash = after

    def _take_password(self, password_hash: str, now: datetime) -> None:
        self.password_hash = password_hash
        self.record(CredentialChanged(account=self.id, credential="password", change="replaced"), now)

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
    asks_consent: bool = False
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
            or (wish.asks_consent and not self.asks_consent)
        )
        if is_another or taken:
            self.revoke(f"client:{self.code}", now)
        self.kind, self.name, self.secret_hash, self.jwks = wish.kind, wish.name, secret_hash, wish.jwks
        self.redirect_uris, self.organisation, self.division = wish.redirect_uris, wish.organisation, wish.division
        self.post_logout_redirect_uris, self.scopes = wish.post_logout_redirect_uris, wish.scopes
        self.backchannel_logout_uri, self.asks_consent = wish.backchannel_logout_uri, wish.asks_consent

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
