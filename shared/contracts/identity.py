"""What identity says: who there is, who owns which duty, with which keys tokens are signed; and what it wishes to know
of people who want to prove who they are."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from shared.contracts.acts import ChainSealed, NotedAct
from shared.contracts.registry import EventModel, Text, published
from shared.personal import PERSONAL

REAL_NAME, COMPANY = "real-name-registration", "company-registration"
PURPOSES = frozenset({REAL_NAME, COMPANY})
"""What identity itself asks departments for. Others name a service item as their purpose."""


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

    `matters` are service item codes, `resources` data resource codes, `systems` codes of information systems; each has
    exactly one owner in the city.
    """

    code: str
    name: Text
    division: str
    matters: list[str]
    resources: list[str]
    systems: list[str] = Field(default_factory=list)


@published("tongban.identity.contact-published.v1", on="identity.contacts", personal=True, table=True)
class ContactPublished(EventModel):
    """How a person is reached. Read by notifications only."""

    person: str
    name: Annotated[str, PERSONAL]
    mail: Annotated[str | None, PERSONAL] = None
    phone: Annotated[str | None, PERSONAL] = None
    language: Literal["zh", "en"] = "zh"


@published("tongban.identity.contact-forgotten.v1", on="identity.contacts", personal=True, table=True)
class ContactForgotten(EventModel):
    """The last row of a person who was forgotten: whoever keeps contacts forgets this one.

    It stands in the contact's place for good. An empty record (a tombstone of Kafka's) would go after a day, and a
    reader that was away for longer would never hear of it.
    """

    person: str


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

    `scope` is `user:<account>`, `factors:<account>` (of sign-ins with two factors), `session:<id>`, `client:<code>`,
    `mandate:<id>`, `consent:<id>`, `org:<code>` or one that readers need not know; `at` is when it was revoked. Rows
    older than a day are gone: no token lives as long.
    """

    scope: str = Field(pattern=r"^[a-z]+:[^\s]{1,200}$")
    lowest: int = Field(ge=1)
    at: AwareDatetime


@published("tongban.identity.organisation-admitted.v1", on="identity.events")
class OrganisationAdmitted(EventModel):
    """A department joined the network."""

    code: str
    division: str


DutyKind = Literal["matter", "resource", "system"]


@published("tongban.identity.duty-assigned.v1", on="identity.events")
class DutyAssigned(EventModel):
    """An organisation owns a duty from now on, and nobody else does (职责清单, exactly one owner)."""

    kind: DutyKind
    code: str
    organisation: str


@published("tongban.identity.duty-released.v1", on="identity.events")
class DutyReleased(EventModel):
    """An organisation owns a duty no more. Only after it can another one be assigned it."""

    kind: DutyKind
    code: str
    organisation: str


@published("tongban.identity.organisation-suspended.v1", on="identity.events")
class OrganisationSuspended(EventModel):
    """Nobody acts for the department until it is resumed: its officers' and programs' tokens have ended."""

    code: str


@published("tongban.identity.organisation-resumed.v1", on="identity.events")
class OrganisationResumed(EventModel):
    """The department's officers and programs may sign in again."""

    code: str


@published("tongban.identity.account-opened.v1", on="identity.events")
class AccountOpened(EventModel):
    """Somebody or some program can sign in from now on. `account` is an opaque id."""

    account: str
    kind: Literal["person", "officer", "department", "operator"]
    organisation: str | None = None


Credential = Literal["password", "app", "passkey", "recovery-codes", "factors"]


@published("tongban.identity.credential-changed.v1", on="identity.events")
class CredentialChanged(EventModel):
    """What a person signs in with is another one now; `factors`: all of them. The person is told, as it may have been
    somebody else (ASVS 6.3.7). `account` is an opaque id."""

    account: str
    credential: Credential
    change: Literal["added", "replaced", "removed"]


@published("tongban.identity.mandate-offered.v1", on="identity.events")
class MandateOffered(EventModel):
    """Somebody shall act for a person or company, and has not agreed yet. `by` gave it. All are opaque ids."""

    mandate: str
    principal: str
    agent: str
    by: str


@published("tongban.identity.mandate-granted.v1", on="identity.events")
class MandateGranted(EventModel):
    """`agent` acts for `principal` from now on, at the latest until the end of `until`. No items: all of them.

    `source`: the consent of both, or a register (a company's legal representative, a guardian).
    """

    mandate: str
    principal: str
    agent: str
    by: str
    source: Literal["register", "grant"]
    acts: list[str] = Field(min_length=1)
    items: list[str]
    since: date
    until: date


@published("tongban.identity.mandate-ended.v1", on="identity.events")
class MandateEnded(EventModel):
    """`agent` acts for `principal` no more, or never did (`declined`, `lapsed`)."""

    mandate: str
    principal: str
    agent: str
    by: str
    ground: Literal["declined", "lapsed", "withdrawn", "given-up", "expired", "register", "above", "forgotten"]


@published("tongban.identity.substitution-arranged.v1", on="identity.events")
class SubstitutionArranged(EventModel):
    """Somebody stands in for an officer, from one day to another, both included. Said again where it is changed.

    `account` and `instead_of` are opaque ids.
    """

    substitution: str
    account: str
    instead_of: str
    organisation: str
    division: str
    roles: list[str]
    since: date
    until: date


@published("tongban.identity.substitution-ended.v1", on="identity.events")
class SubstitutionEnded(EventModel):
    """Somebody stands in no more: its last day is `over`, it was `withdrawn`, or the substitute has `left`."""

    substitution: str
    account: str
    reason: Literal["over", "withdrawn", "left"]


@published("tongban.identity.person-proven.v1", on="identity.events")
class PersonProven(EventModel):
    """Who somebody is was proven, at an identity assurance level (NIST SP 800-63A): 2 online, 3 in person at a window.

    `proofs`: the kinds that were confirmed; `clerk` and `organisation`: who looked at the document, at a window.
    """

    account: str
    ial: int = Field(ge=1, le=3)
    proofs: list[str] = Field(min_length=1)
    registration: str
    clerk: str | None = None
    organisation: str | None = None


@published("tongban.identity.proof-wished.v1", on="identity.to.sharing", personal=True)
class ProofWished(EventModel):
    """Identity wishes to hear from the owner of a register whether what somebody says is so: a yes or a no.

    `about`: a registration, or a claim to a company; `given`: what the resource compares, by field.
    """

    about: str
    proof: str
    resource: str
    fields: list[str] = Field(min_length=1)
    purpose: str
    subject: str
    given: Annotated[dict[str, str], PERSONAL] = Field(min_length=1)


@published("tongban.identity.code-issued.v1", on="identity.to.notifications", personal=True)
class CodeIssued(EventModel):
    """A one-time code, to be sent at once to somebody who has no account yet; after `until` it is worth nothing.

    It carries no name: nobody knows yet whose the address is.
    """

    about: str
    person: str
    mail: Annotated[str, PERSONAL]
    language: Literal["zh", "en"]
    code: Annotated[str, PERSONAL]
    until: AwareDatetime


@published("tongban.identity.company-registered.v1", on="identity.events")
class CompanyRegistered(EventModel):
    """A company is known by its unified social credit code; `representative` is its legal representative's account.

    Said again where the name or the representative is another one: the one before represents it no more.
    """

    code: str
    name: str
    representative: str


@published("tongban.identity.act-noted.v1", on="identity.audit")
class ActNoted(NotedAct):
    """Somebody did something in identity, or was refused."""


@published("tongban.identity.audit-sealed.v1", on="identity.events")
class AuditSealed(ChainSealed):
    """Where identity's chain of noted acts stood."""
