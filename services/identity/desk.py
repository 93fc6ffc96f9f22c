"""What a command of identity works with."""

from dataclasses import dataclass

from services.identity.accounts.domain import Client, Person
from services.identity.accounts.passwords import Passwords
from services.identity.canaries.domain import Canary
from services.identity.datakeys.domain import DataKey
from services.identity.datakeys.masterkeys import MasterKeys
from services.identity.datakeys.opened import OpenedKeys
from services.identity.keys.domain import SigningKey
from services.identity.keys.keyring import Keyring
from services.identity.organisations.domain import Division, Organisation
from services.identity.organisations.store import Duties
from services.identity.sessions.domain import Session
from services.identity.signin.domain import Grant
from services.identity.signin.throttle import Throttle
from shared.clock import Clock
from shared.store import Repository


@dataclass(frozen=True)
class Desk:
    """Stores, keys and clock: everything but the wish itself. `opened`: the data keys as personal data needs them."""

    issuer: str
    clock: Clock
    divisions: Repository[Division]
    organisations: Repository[Organisation]
    duties: Duties
    masters: MasterKeys
    data_keys: Repository[DataKey]
    opened: OpenedKeys
    people: Repository[Person]
    clients: Repository[Client]
    passwords: Passwords
    keys: Repository[SigningKey]
    keyring: Keyring
    grants: Repository[Grant]
    sessions: Repository[Session]
    canaries: Repository[Canary]
    throttle: Throttle

    @property
    def sealed(self) -> tuple[Repository[Person], Repository[Session]]:
        """Where personal data is kept."""
        return self.people, self.sessions
