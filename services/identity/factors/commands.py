"""Adding factors, proving with them, taking them away."""

import base64
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import structlog
from pydantic import BaseModel, ConfigDict

from services.identity.accounts.domain import Person
from services.identity.audit import acts
from services.identity.desk import Desk
from services.identity.factors.codes import new_recovery_codes, new_secret, normal, step_of
from services.identity.factors.domain import (
    RECOVERY_CODES,
    Factors,
    FormUsed,
    Passkey,
    UsedForm,
    WrongFactor,
    factors_id,
)
from services.identity.factors.sites import site_of
from services.identity.sealing import LIFE
from services.identity.sessions import commands as sessions
from services.identity.sessions.domain import Session, Shown
from shared.audit.noting import noting
from shared.contracts.acts import Actor
from shared.contracts.identity import ActNoted, Credential, CredentialChanged
from shared.ids import derived_id
from shared.store import AlreadyThere

FRESH_S = 300
"""Who changes factors has proved who they are within so many seconds."""
CODE_AMR, PASSKEY_AMR, BOTH = "otp", ("user", "pop"), "mfa"
"""RFC 8176. A passkey's first word says where its key is: `hwk` in a device, `swk` where its maker copies it to."""
log = structlog.get_logger(__name__)


class _Wish(BaseModel):
    """What a form of a signed-in person is for. `once`: the form's own name, as it works once."""

    model_config = ConfigDict(frozen=True, strict=True)

    once: str
    next: str = ""
    """Where the person goes on afterwards."""


class AppWish(_Wish):
    """Add the app that has this secret (base64)."""

    secret: str

    @property
    def plain(self) -> bytes:
        """The secret."""
        return base64.b64decode(self.secret)


class PasskeyWish(_Wish):
    """Add a passkey that answers the challenge `once`."""


class Renewal(_Wish):
    """Make other recovery codes."""


class Removal(BaseModel):
    """Take a passkey away, or the app (`None`)."""

    model_config = ConfigDict(frozen=True, strict=True)

    passkey: str | None = None


@dataclass(frozen=True, slots=True)
class Here:
    """Who changes factors, and in which session."""

    person: Person
    session: Session


@dataclass(frozen=True, slots=True)
class Added:
    """What the browser keeps from now on, and the recovery codes where these are the first."""

    kept: str
    codes: list[str]


def new_challenge() -> str:
    """A value that nobody can foresee, base64url."""
    return secrets.token_urlsafe(32)


async def of(desk: Desk, person: str) -> Factors:
    """A person's factors; none, where there never were any."""
    id_ = factors_id(person)
    return await desk.factors.find(id_) or Factors(id=id_, person=person)


async def use_up(desk: Desk, once: str) -> None:
    """A form works once. Raises `FormUsed` the second time."""
    try:
        await desk.used_forms.add(UsedForm(id=derived_id("form", once), wake_at=desk.clock.now() + LIFE))
    except AlreadyThere:
        raise FormUsed from None


async def forget_form(desk: Desk, id_: str) -> None:
    """A form whose time is over is refused, used or not."""
    await desk.used_forms.collection.delete({"_id": id_, "wake_at": {"$lte": desk.clock.now()}})


# -- proving ----------------------------------------------------------------------------------------------


async def prove_by_code(desk: Desk, person: str, code: str) -> Shown:
    """A person shows a code of their app. Raises `WrongFactor`."""
    factors = await of(desk, person)
    if factors.app is None:
        raise WrongFactor
    closed = factors.app.secret
    step = step_of(desk.vault.open(closed, f"app {person}"), code, desk.clock.now())
    if step is None:
        raise WrongFactor
    factors = await desk.factors.change(factors.id, lambda factors: factors.use_code(closed, step))
    return Shown((CODE_AMR,), factors.token_version)


async def prove_by_recovery(desk: Desk, by: Actor, person: str, code: str) -> Shown:
    """A person shows a recovery code. Raises `WrongFactor`."""
    factors = await of(desk, person)
    if not factors.recovery:
        raise WrongFactor
    act, now = acts.recovery_code_used(by, person), desk.clock.now()
    factors = await desk.factors.change(
        factors.id, noting(lambda factors: factors.use_recovery(normal(code)), act, now)
    )
    log.info("factors.recovered", account=person, left=len(factors.recovery))
    return Shown((CODE_AMR,), factors.token_version)


async def prove_by_passkey(desk: Desk, challenge: str, text: str, person: str | None = None) -> tuple[str, Shown]:
    """Whoever's passkey it is, or this person's; and that it was shown. Raises `WrongFactor`."""
    if (site := site_of(desk.issuer)) is None:
        raise WrongFactor
    answer = site.read(text)
    factors = await desk.factors.find(factors_id(person) if person is not None else answer.handle)
    if factors is None or answer.handle not in ("", factors.id):
        raise WrongFactor
    try:
        await use_up(desk, challenge)
    except FormUsed:
        raise WrongFactor from None
    known = factors.passkey(answer.id)
    counter, now = site.used(challenge, known, answer), desk.clock.now()
    factors = await desk.factors.change(factors.id, lambda factors: factors.use_passkey(known.id, counter, now))
    return factors.person, Shown(("swk" if known.is_synced else "hwk", *PASSKEY_AMR), factors.token_version)


def beside(before: Iterable[str], shown: Shown) -> Shown:
    """What is shown beside what was shown before."""
    amr = tuple(dict.fromkeys((*before, *shown.amr)))
    return Shown((*amr, BOTH) if "pwd" in amr and BOTH not in amr else amr, shown.factors_version)


# -- changing ---------------------------------------------------------------------------------------------


def wish_for_app() -> AppWish:
    """A new app, with a secret that nobody else has."""
    return AppWish(once=new_challenge(), secret=base64.b64encode(new_secret()).decode())


async def add_app(desk: Desk, by: Actor, here: Here, wish: AppWish, code: str) -> Added:
    """Add an app that shows its first code. Raises `WrongFactor` and `FormUsed`."""
    step, now = step_of(wish.plain, code, desk.clock.now()), desk.clock.now()
    if step is None:
        raise WrongFactor
    await use_up(desk, wish.once)
    closed = desk.vault.close(wish.plain, f"app {here.person.id}")
    act = acts.factor_added(by, here.person.id, "app")
    added = await _add(desk, act, here, "app", lambda factors: factors.add_app(closed, step, now), (CODE_AMR,))
    log.info("factors.added", account=here.person.id, what="app")
    return added


async def add_passkey(desk: Desk, by: Actor, here: Here, wish: PasskeyWish, name: str, text: str) -> Added:
    """Add a passkey. Raises `WrongFactor`, `FormUsed` and `Conflict`."""
    if (site := site_of(desk.issuer)) is None:
        raise WrongFactor
    await use_up(desk, wish.once)
    made = site.made(wish.once, text)
    passkey = Passkey(name=name, added_at=desk.clock.now(), **made)
    amr = ("swk" if passkey.is_synced else "hwk", *PASSKEY_AMR)
    act = acts.factor_added(by, here.person.id, "passkey")
    added = await _add(desk, act, here, "passkey", lambda factors: factors.add_passkey(passkey), amr)
    log.info("factors.added", account=here.person.id, what="passkey")
    return added


async def renew_recovery(desk: Desk, by: Actor, here: Here, wish: Renewal) -> list[str]:
    """Other recovery codes. Raises `FormUsed`."""
    await use_up(desk, wish.once)
    codes, now = new_recovery_codes(RECOVERY_CODES), desk.clock.now()
    act = acts.recovery_codes_made(by, here.person.id)
    await _take(desk, act, here.session.id, "recovery-codes", lambda factors: factors.renew_recovery(codes, now))
    return codes


async def remove(desk: Desk, by: Actor, person: str, here: str | None, passkey: str | None) -> None:
    """Take a passkey away, or the app (`None`), in the session `here`. Raises `NotFound`."""
    what: Credential = "app" if passkey is None else "passkey"
    now, act = desk.clock.now(), acts.factor_removed(by, person, what)
    await _take(
        desk,
        act,
        here,
        what,
        lambda factors: factors.remove_app(now) if passkey is None else factors.remove_passkey(passkey, now),
    )


async def clear(desk: Desk, by: Actor, person: str) -> None:
    """Take all away from somebody who has lost them, or is forgotten: then there is nobody to be told. Raises
    `NotFound`."""
    what: Credential | None = "factors" if (await desk.people.get(person)).forgotten_at is None else None
    now, act = desk.clock.now(), acts.factor_removed(by, person, "all")
    if await desk.factors.find(factors_id(person)) is not None:
        await _take(desk, act, None, what, lambda factors: factors.clear(now))


async def _add(
    desk: Desk, act: ActNoted, here: Here, what: Credential, add: Callable[[Factors], None], amr: tuple[str, ...]
) -> Added:
    """Who adds a factor has shown it: the session goes on with two. With the first come the recovery codes."""
    codes, now, told = new_recovery_codes(RECOVERY_CODES), desk.clock.now(), list[bool]()

    def change(factors: Factors) -> None:
        told.append(is_first := not factors.are_there)
        add(factors)
        factors.record(CredentialChanged(account=here.person.id, credential=what, change="added"), now)
        if is_first:
            factors.renew_recovery(codes, now)
            factors.record(acts.recovery_codes_made(act.by, here.person.id), now)

    noted = noting(change, act, now)
    factors = Factors(id=factors_id(here.person.id), person=here.person.id)
    noted(factors)
    factors, _ = await desk.factors.put(factors, noted)
    shown = beside(here.session.amr, Shown(amr, factors.token_version))
    _, kept = await sessions.prove(desk, act.by, here.session.id, shown)
    await sessions.end_less_sure(desk, act.by, here.person.id, factors.token_version, None)
    return Added(kept, codes if told[-1] else [])


async def _take(
    desk: Desk, act: ActNoted, here: str | None, what: Credential | None, take: Callable[[Factors], None]
) -> None:
    """`what`: of which the person is told, if anything was taken."""
    person, now = act.on, desk.clock.now()

    def change(factors: Factors) -> None:
        before = factors.token_version
        take(factors)
        if what is not None and factors.token_version != before:
            done: Literal["replaced", "removed"] = "replaced" if what == "recovery-codes" else "removed"
            factors.record(CredentialChanged(account=person, credential=what, change=done), now)

    factors = await desk.factors.change(factors_id(person), noting(change, act, now))
    await sessions.end_less_sure(desk, act.by, person, factors.token_version, here)
    log.info("factors.taken", account=person)
