"""What identity says: who there is, who owns which duty, with which keys tokens are signed."""

from typing import Literal

from pydantic import AwareDatetime, Field

from shared.contracts.registry import EventModel, Text, published


@published("tongban.identity.division-published.v1", on="identity.organisations", table=True)
class DivisionPublished(EventModel):
    """A row of the division tree. `level`: 1 province, 2 city, 3 district, 4 township or street, 5 village."""

    code: str
    name: Text
    level: int = Field(ge=1, le=5)
    parent: str | None = None


@published("tongban.identity.organisation-published.v1", on="identity.organisations", table=True)
class OrganisationPublished(EventModel):
    """A row of the organisations: a department, where it sits and which duties it owns.

    `matters` are service item codes, `resources` data resource codes; each has exactly one owner in the city.
    """

    code: str
    name: Text
    division: str
    matters: list[str]
    resources: list[str]


@published("tongban.identity.contact-published.v1", on="identity.contacts", personal=True, table=True)
class ContactPublished(EventModel):
    """How a person is reached. Read by notifications only."""

    person: str
    name: str
    mail: str | None = None
    phone: str | None = None
    language: Literal["zh", "en"] = "zh"


@published("tongban.identity.key-published.v1", on="identity.keys", table=True)
class KeyPublished(EventModel):
    """A public signing key as a JWK (RFC 7517): P-256, ES256, signature use.

    It comes a month before anything is signed with it. From `not_after` on it proves nothing.
    """

    kid: str
    kty: Literal["EC"] = "EC"
    crv: Literal["P-256"] = "P-256"
    x: str
    y: str
    alg: Literal["ES256"] = "ES256"
    use: Literal["sig"] = "sig"
    not_after: AwareDatetime | None = None


CANARY = "canary:"
"""Scopes of no meaning: they show how long a revocation takes to arrive."""


@published("tongban.identity.revocation-published.v1", on="identity.revocations", table=True)
class RevocationPublished(EventModel):
    """Tokens that name this scope with a lower version are refused from now on.

    `scope` is `user:<account>`, `factors:<account>` (of sign-ins with two factors), `session:<id>`, `client:<code>` or
    one that readers need not know; `at` is when it was revoked. Rows older than a day are gone: no token lives as long.
    """

    scope: str = Field(pattern=r"^[a-z]+:[^\s]{1,200}$")
    lowest: int = Field(ge=1)
    at: AwareDatetime


@published("tongban.identity.organisation-admitted.v1", on="identity.events")
class OrganisationAdmitted(EventModel):
    """A department joined the network."""

    code: str
    division: str


@published("tongban.identity.account-opened.v1", on="identity.events")
class AccountOpened(EventModel):
    """Somebody or some program can sign in from now on. `account` is an opaque id."""

    account: str
    kind: Literal["person", "officer", "department", "operator"]
    organisation: str | None = None
