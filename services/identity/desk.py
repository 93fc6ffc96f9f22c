"""What a command of identity works with."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from services.identity.accounts.domain import Client, Person
from services.identity.accounts.passwords import Passwords
from services.identity.attempts.domain import Attempts
from services.identity.canaries.domain import Canary
from services.identity.factors.domain import Factors, UsedForm
from services.identity.keys.domain import SigningKey
from services.identity.keys.keyring import Keyring
from services.identity.organisations.domain import Division, Organisation
from services.identity.organisations.store import Duties
from services.identity.sessions.domain import Session
from services.identity.tokens.domain import Assertion, Code, Family
from services.identity.vault import Vault
from shared.clock import Clock
from shared.store import Repository

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Desk:
    """Stores, keys and clock: everything but the wish itself."""

    issuer: str
    clock: Clock
    divisions: Repository[Division]
    organisations: Repository[Organisation]
    duties: Duties
    people: Repository[Person]
    clients: Repository[Client]
    passwords: Passwords
    keys: Repository[SigningKey]
    keyring: Keyring
    codes: Repository[Code]
    families: Repository[Family]
    assertions: Repository[Assertion]
    sessions: Repository[Session]
    canaries: Repository[Canary]
    tell: Callable[[str, str], Awaitable[bool]]
    """Post a logout token to an address of an application; whether that is done."""
    vault: Vault
    factors: Repository[Factors]
    used_forms: Repository[UsedForm]
    attempts: Repository[Attempts]
    judging: Counter[str] = field(default_factory=Counter)
    """Attempts at what this process judges just now, by their ids."""
    proxies: frozenset[Network] = frozenset()
    """Who is believed about where a request came from."""
