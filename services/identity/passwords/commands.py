"""Choosing passwords, and changing one's own."""

from functools import partial

import structlog
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.identity.accounts.domain import Person
from services.identity.attempts.commands import attempt
from services.identity.attempts.domain import ADDRESSES, PASSWORDS, TooManyAttempts, WrongProof
from services.identity.audit import acts
from services.identity.desk import Desk
from services.identity.passwords.domain import SERVICE, Known, faults_of, words_of
from services.identity.passwords.hashing import plain
from services.identity.sessions import commands as sessions
from shared.accounts import LONGEST_PASSWORD, SHORTEST_PASSWORD, Password
from shared.audit.noting import noting
from shared.contracts.acts import Actor
from shared.errors import Fault, Invalid

CITY_LEVEL = 2
log = structlog.get_logger(__name__)


class PasswordWish(BaseModel):
    """Another password for oneself, by who knows the current one."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    current: SecretStr = Field(min_length=1, max_length=LONGEST_PASSWORD)
    new: Password


class WrongPassword(WrongProof):
    """The current password is not that one; and what else is wrong."""

    code = "wrong_password"

    def __init__(self, *others: Fault) -> None:
        super().__init__("This is not your password")
        self.faults = (Fault("/current", "wrong", "is not your password"), *others)


async def faults(desk: Desk, password: str, person: Known, *others: str, pointer: str = "/password") -> list[Fault]:
    """Why a person, of whom `others` is known too, may not choose this password. One of a wrong length is refused as
    that, and not looked at."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return []
    return faults_of(password, [*SERVICE, *await _city(desk), *words_of(person), *others], pointer)


async def change(desk: Desk, by: Actor, person: Person, here: str, wish: PasswordWish, address: str) -> str:
    """A person chooses another password in the session `here`, which goes on; all others, and all tokens, are over.
    What the browser of `here` keeps from now on: where nobody gives it that, it is signed out.

    Wrong current passwords count with those at sign-in; what who has to wait chose is not looked at. Raises
    `WrongPassword` and `Invalid` with every fault, `TooManyAttempts`, and `Conflict` where it was changed meanwhile.
    """
    current, new = wish.current.get_secret_value(), wish.new.get_secret_value()
    try:
        async with attempt(desk, (PASSWORDS, person.login), (ADDRESSES, address)):
            if not await desk.passwords.fits(person.password_hash, current):
                raise WrongPassword(*await faults(desk, new, person, pointer="/new"))
    except (WrongPassword, TooManyAttempts) as error:
        told = partial(acts.password_refused, by, ground=error.code)
        await desk.audit.sheets.note_some(told(person.id), acts.REFUSALS, told(acts.SEVERAL))
        raise
    same = [Fault("/new", "same", "is the one you have")] if plain(new) == plain(current) else []
    if refused := same or await faults(desk, new, person, pointer="/new"):
        raise Invalid("The password cannot be taken", faults=tuple(refused))
    before, after, now = person.password_hash, await desk.passwords.hash(new), desk.clock.now()
    changed = await desk.people.change(
        person.id,
        noting(
            lambda known: known.choose_password(before, after, now), partial(acts.account_changed, by, person.id), now
        ),
    )
    kept = await sessions.end_others(desk, by, person.id, changed.token_version, here)
    log.info("password.changed", account=person.id)
    return kept


async def _city(desk: Desk) -> list[str]:
    """What the city is called."""
    rows = [desk.divisions.load(one).row for one in await desk.divisions.collection.find({"row.level": CITY_LEVEL})]
    names = [name for row in rows for name in (row.name.zh.removesuffix("市"), row.name.en.removesuffix(" City"))]
    return [desk.city, *names]
