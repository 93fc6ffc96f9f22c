"""What a command of identity works with."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from services.identity.accounts.domain import Client, Person
from services.identity.attempts.domain import Attempts
from services.identity.audit.kit import Audit
from services.identity.canaries.domain import Canary
from services.identity.companies.domain import Claim, Company
from services.identity.consents.domain import Consent
from services.identity.datakeys.domain import DataKey
from services.identity.datakeys.masterkeys import MasterKeys
from services.identity.datakeys.opened import OpenedKeys
from services.identity.factors.domain import Factors, UsedForm
from services.identity.keys.domain import SigningKey
from services.identity.keys.keyring import Keyring
from services.identity.lookup import Lookup
from services.identity.mandates.domain import Mandate
from services.identity.organisations.domain import Division, Organisation
from services.identity.organisations.store import Duties
from services.identity.passwords.hashing import Passwords
from services.identity.proofs.domain import Verifiers
from services.identity.proofs.verifiers import CodeVerifier
from services.identity.registrations.domain import Registration
from services.identity.registrations.store import Tries
from services.identity.sessions.domain import Session
from services.identity.tokens.domain import Assertion, Code, Family
from services.identity.vault import Vault
from shared.clock import Clock
from shared.store import Repository
from shared.store.remembered import Remembered

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Desk:
    """Stores, keys and clock: everything but the wish itself. `opened`: the data keys as personal data needs them."""

    issuer: str
    city: str
    clock: Clock
    divisions: Repository[Division]
    organisations: Repository[Organisation]
    standing: Remembered[Organisation]
    """The same as they were a moment ago, for each token."""
    duties: Duties
    masters: MasterKeys
    data_keys: Repository[DataKey]
    opened: OpenedKeys
    people: Repository[Person]
    clients: Repository[Client]
    applications: Remembered[Client]
    """The same as they were a moment ago, to know who asks. One that another replica has narrowed meanwhile gets what
    carries its version of before, and every service refuses that; nobody is refused for what is remembered."""
    passwords: Passwords
    keys: Repository[SigningKey]
    keyring: Keyring
    codes: Repository[Code]
    families: Repository[Family]
    assertions: Repository[Assertion]
    sessions: Repository[Session]
    canaries: Repository[Canary]
    mandates: Repository[Mandate]
    consents: Repository[Consent]
    tell: Callable[[str, str], Awaitable[bool]]
    """Post a logout token to an address of an application; whether that is done."""
    lookup: Lookup
    verifiers: Verifiers
    code_verifier: CodeVerifier
    registrations: Repository[Registration]
    tries: Tries
    companies: Repository[Company]
    claims: Repository[Claim]
    audit: Audit
    vault: Vault
    factors: Repository[Factors]
    used_forms: Repository[UsedForm]
    attempts: Repository[Attempts]
    judging: Counter[str] = field(default_factory=Counter)
    """Attempts at what this process judges just now, by their ids."""
    proxies: frozenset[Network] = frozenset()
    """Who is believed about where a request came from."""

    @property
    def sealed(self) -> tuple[Repository[Any], ...]:
        """Where personal data is kept."""
        return self.people, self.sessions, self.factors, self.registrations, self.claims
