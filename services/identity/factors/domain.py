"""The factors of a person: their rules, pure."""

import hashlib
import hmac
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from services.identity.attempts.domain import WrongProof
from services.identity.revocable import Revocable
from shared.aggregate import Aggregate
from shared.errors import Conflict, NotFound
from shared.personal import PERSONAL

MOST_PASSKEYS = 10
RECOVERY_CODES = 10


class WrongFactor(WrongProof):
    """The code or passkey is not right, was used before, or is somebody else's: nobody is told which."""

    code = "wrong_factor"

    def __init__(self) -> None:
        super().__init__("The code or passkey is not right")


class FormUsed(Conflict):
    """The page was sent before, and works once."""

    code = "form_used"

    def __init__(self) -> None:
        super().__init__("This page was used before")


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class App(_Kept):
    """An app that shows codes (RFC 6238). `secret` is closed by the vault; `last_step`: of the last code that was used,
    as each works once."""

    secret: str
    last_step: int
    added_at: datetime


class Passkey(_Kept):
    """A key pair that a device, or its maker's cloud (`is_synced`), keeps for the person (Web Authentication).

    `id` and `public_key` (COSE) are base64url; `counter` is the last that it told.
    """

    id: str
    public_key: str
    counter: int
    is_synced: bool
    name: str
    added_at: datetime
    used_at: datetime | None = None


class Factors(Revocable):
    """One document for each person. Taking one away ends, in the same write, all tokens that two factors stood for."""

    whose: ClassVar[str] = "person"
    most_passkeys: ClassVar[int] = MOST_PASSKEYS

    person: str
    app: App | None = None
    passkeys: Annotated[list[Passkey], PERSONAL] = Field(default_factory=list)
    """People name them."""
    recovery: list[str] = Field(default_factory=list)
    """Digests of the recovery codes that were not used yet."""

    @property
    def are_there(self) -> bool:
        """Whether the person has a second factor. Recovery codes alone are none: they stand in for one."""
        return self.app is not None or bool(self.passkeys)

    @property
    def handle(self) -> bytes:
        """What authenticators know the person by: nothing that says who it is."""
        return self.id.encode()

    def add_app(self, secret: str, step: int, now: datetime) -> None:
        """An app that has shown its first code. One that was there before is taken away."""
        before, self.app = self.app, App(secret=secret, last_step=step, added_at=now)
        if before is not None:
            self._end(now)

    def use_code(self, secret: str, step: int) -> None:
        """A code of the app with that secret, of that time step. Raises `WrongFactor` for one that was used, or is
        older than one that was."""
        if self.app is None or self.app.secret != secret or step <= self.app.last_step:
            raise WrongFactor
        self.app = self.app.model_copy(update={"last_step": step})

    def add_passkey(self, passkey: Passkey) -> None:
        """One more. Raises `Conflict` where it is there already, or where there are enough."""
        if any(one.id == passkey.id for one in self.passkeys):
            raise Conflict("This passkey is there already", code="passkey_known")
        if len(self.passkeys) >= MOST_PASSKEYS:
            raise Conflict(f"{MOST_PASSKEYS} passkeys are enough", code="too_many_passkeys")
        self.passkeys = [*self.passkeys, passkey]

    def passkey(self, id_: str) -> Passkey:
        """One of the person's. Raises `WrongFactor`."""
        if (found := next((one for one in self.passkeys if one.id == id_), None)) is None:
            raise WrongFactor
        return found

    def use_passkey(self, id_: str, counter: int, now: datetime) -> None:
        """It proved that it is itself. Raises `WrongFactor` where its counter does not go on: then there are two."""
        used = self.passkey(id_)
        if (counter or used.counter) and counter <= used.counter:
            raise WrongFactor
        used = used.model_copy(update={"counter": counter, "used_at": now})
        self.passkeys = [used if one.id == id_ else one for one in self.passkeys]

    def use_recovery(self, code: str) -> None:
        """A recovery code, which is gone then. Raises `WrongFactor`."""
        sought = recovery_digest(self.person, code)
        if not any(hmac.compare_digest(sought, one) for one in self.recovery):
            raise WrongFactor
        self.recovery = [one for one in self.recovery if one != sought]

    def renew_recovery(self, codes: list[str], now: datetime) -> None:
        """Other recovery codes; those that were there are taken away."""
        before, self.recovery = self.recovery, [recovery_digest(self.person, code) for code in codes]
        if before:
            self._end(now)

    def remove_app(self, now: datetime) -> None:
        """Take the app away. Raises `NotFound`."""
        if self.app is None:
            raise NotFound("There is no app")
        self.app = None
        self._end(now)

    def remove_passkey(self, id_: str, now: datetime) -> None:
        """Take a passkey away. Raises `NotFound`."""
        left = [one for one in self.passkeys if one.id != id_]
        if len(left) == len(self.passkeys):
            raise NotFound("There is no such passkey")
        self.passkeys = left
        self._end(now)

    def clear(self, now: datetime) -> None:
        """Take all away: the person has lost them."""
        if self.are_there or self.recovery:
            self.app, self.passkeys = None, []
            self._end(now)

    def _end(self, now: datetime) -> None:
        if not self.are_there:
            self.recovery = []
        self.revoke(f"factors:{self.person}", now)


class UsedForm(Aggregate):
    """A page's form that was used: kept as long as the form would live, so that it works once."""


def factors_id(person: str) -> str:
    """The aggregate id of a person's factors, and their handle: a digest, as devices keep it."""
    return f"factors-{hashlib.sha256(person.encode()).hexdigest()[:32]}"


def recovery_digest(person: str, code: str) -> str:
    """What is kept of a recovery code, which has 125 random bits: a plain digest is enough (ASVS 6.5.2)."""
    return hashlib.sha256(f"{person}\0{code}".encode()).hexdigest()
