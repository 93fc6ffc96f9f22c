"""Registering people: online by proofs, at a window by an officer."""

import secrets
from datetime import timedelta
from typing import ClassVar

import structlog
from pydantic import ValidationError

from services.identity.accounts import store as accounts
from services.identity.accounts.domain import Person, PersonWish
from services.identity.attempts.commands import attempt
from services.identity.attempts.domain import PASSWORDS, TooManyAttempts, WrongProof
from services.identity.audit import acts
from services.identity.datakeys import commands as data_keys
from services.identity.desk import Desk
from services.identity.passwords import commands as passwords
from services.identity.proofs.domain import ID_CARD, Outcome, Proof
from services.identity.registrations.domain import Registration, Wanted, person_id, registration_id
from services.identity.registrations.wishes import AccountWish, RegistrationWish
from shared.audit.actors import Doing
from shared.audit.noting import noting
from shared.caller import Caller
from shared.clock import city_date
from shared.contracts.acts import Actor
from shared.contracts.sharing import AnswerDelivered, AnswerRefused
from shared.errors import Conflict, DomainError, Fault, Forbidden, IdempotencyKeyReused, Invalid, NotFound
from shared.messaging.envelope import Event
from shared.store import AlreadyThere, DuplicateKey

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIMITS = {"address": (60, HOUR), "number": (10, DAY), "mail": (10, DAY)}
"""Registrations from one address, for one ID number, with one mail address."""
KEPT_OF_WISH = {"login", "name", "mail", "phone", "language"}
log = structlog.get_logger(__name__)


class TooOften(DomainError):
    """Too many registrations from there or for this person: later again, or at a window. It is not told which."""

    status: ClassVar[int] = 429
    code = "too_many_attempts"

    def __init__(self) -> None:
        super().__init__("Too many registrations: try again later, or register at a window")


class WrongCode(DomainError):
    """The code is not the one that was sent; there are tries left."""

    status: ClassVar[int] = 422
    code = "wrong_code"

    def __init__(self) -> None:
        super().__init__("The code is not right")


def new_secret() -> str:
    """What a browser keeps to find its registration again."""
    return secrets.token_urlsafe(32)


def secret_of(desk: Desk, key: str) -> str:
    """The secret of the registration that a program begins with this Idempotency-Key: nobody else can work it out."""
    return desk.lookup.digest("registration-key", key)


async def find(desk: Desk, secret: str) -> Registration | None:
    """The registration of whoever has this secret."""
    return await desk.registrations.find(registration_id(secret))


async def register(
    desk: Desk, by: Actor, wish: RegistrationWish, secret: str, address: str
) -> tuple[Registration, bool]:
    """Ask for the proofs; the registration and whether it is new. Whether the number has an account is not looked at.

    The same again finds what it began. Raises `Invalid` with every fault, `IdempotencyKeyReused` and `TooOften`.
    """
    id_, body, now = registration_id(secret), _body(desk, wish), desk.clock.now()
    if (known := await desk.registrations.find(id_)) is not None:
        return await _same(desk, known, body, wish), False
    faults = [*wish.all_faults(desk.verifiers, city_date(now)), *await _password_faults(desk, wish)]
    if faults:
        raise Invalid("The registration cannot be taken", faults=tuple(faults))
    number = desk.lookup.digest("id-number", wish.number)
    await _not_too_often(desk, address=address, number=wish.number, mail=(wish.mail or "").lower())
    registration = Registration(
        id=id_,
        person=person_id(id_),
        number=number,
        body=body,
        account=await _wanted(desk, wish.person()),
        proofs=[Proof(kind=kind) for kind in dict.fromkeys((ID_CARD, *(one.kind for one in wish.proofs)))],
        asked_at=now,
    )
    registration.ask(desk.verifiers, wish.values(), now)
    registration.record(acts.registration_begun(by, id_), now)
    try:
        await desk.registrations.add(registration)
    except AlreadyThere:  # the same request at the same moment
        return await _same(desk, await desk.registrations.get(id_), body, wish), False
    log.info("registration.asked", registration=id_, proofs=[proof.kind for proof in registration.proofs])
    return registration, True


def _body(desk: Desk, wish: AccountWish) -> str:
    """A digest of what was asked, less the password: that one is compared by its own hash."""
    return desk.lookup.digest("registration-body", wish.model_dump_json(exclude={"password"}))


async def _same(desk: Desk, known: Registration, body: str, wish: AccountWish) -> Registration:
    kept = known.account.password_hash if known.account is not None else None
    fits = kept is None or await desk.passwords.fits(kept, wish.password.get_secret_value())
    if known.body != body or not fits:
        raise IdempotencyKeyReused
    return known


async def _password_faults(desk: Desk, wish: AccountWish) -> list[Fault]:
    return await passwords.faults(desk, wish.password.get_secret_value(), wish, wish.number)


async def _wanted(desk: Desk, person: PersonWish) -> Wanted:
    assert person.password is not None  # noqa: S101 - whoever registers chooses one
    hashed = await desk.passwords.hash(person.password.get_secret_value())
    return Wanted(password_hash=hashed, **person.model_dump(include=KEPT_OF_WISH))


async def _not_too_often(desk: Desk, **values: str) -> None:
    for what, value in values.items():
        most, period = LIMITS[what]
        digest = desk.lookup.digest(f"tries-{what}", value)
        if value and not await desk.tries.take(digest, most, period, desk.clock.now()):
            log.warning("registration.too-often", by=what)
            raise TooOften


async def take(
    desk: Desk, id_: str, kind: str, outcome: Outcome, event: Event[AnswerDelivered] | Event[AnswerRefused]
) -> None:
    """A proof was confirmed or not. What follows, its timer does: an event changes one aggregate."""
    now = desk.clock.now()
    await desk.registrations.change(id_, lambda r: r.take(kind, outcome, desk.verifiers, now), cause=event)


async def enter_code(desk: Desk, by: Actor, id_: str, typed: str) -> Registration:
    """The person types the code that was sent. Raises `WrongCode` while there are tries left, `Conflict`."""
    settled: list[bool] = []

    def enter(registration: Registration) -> None:
        settled.append(registration.enter_code(typed, desk.code_verifier, desk.verifiers, desk.clock.now()))

    now, act = desk.clock.now(), acts.registration_went_on(by, id_, "code")
    registration = await desk.registrations.change(id_, noting(enter, act, now))
    if not settled[-1]:
        raise WrongCode
    return await _finish(desk, registration)


async def choose_login(desk: Desk, by: Actor, id_: str, login: str) -> Registration:
    """Another login name, where the first was somebody else's. Raises `Invalid` and `Conflict`."""
    login = login.strip().lower()
    try:
        PersonWish(login=login, name="-")
    except ValidationError as exc:
        told = tuple(Fault("/login", error["type"], error["msg"]) for error in exc.errors())
        raise Invalid("The login name cannot be used", faults=told) from None
    now, act = desk.clock.now(), acts.registration_went_on(by, id_, "login")
    chosen = await desk.registrations.change(id_, noting(lambda r: r.choose_login(login, now), act, now))
    return await _finish(desk, chosen)


async def leave(desk: Desk, by: Actor, id_: str) -> None:
    """The person begins anew."""
    now, act = desk.clock.now(), acts.registration_went_on(by, id_, "left")
    await desk.registrations.change(id_, noting(lambda registration: registration.leave(now), act, now))


async def tend(desk: Desk, id_: str) -> bool:
    """What is proven is finished, what took too long ends, what ended long ago goes once all it said is published.
    Whether there was anything to do."""
    now, registration = desk.clock.now(), await desk.registrations.find(id_)
    if registration is None or registration.wake_at is None or registration.wake_at > now:
        return False
    if registration.is_over:
        if await desk.people.find(registration.person) is None:  # nothing came of it, and nothing of it is left
            await data_keys.destroy(desk, registration.person)
        return await desk.registrations.collection.delete({"_id": id_, "pending": 0, "wake_at": {"$lte": now}}) > 0
    if registration.state == "proven" and not registration.login_taken:
        await _finish(desk, registration)
    else:
        await desk.registrations.wake(id_, now)
    return True


async def _finish(desk: Desk, registration: Registration) -> Registration:
    """Open the account of a proven registration, or prove the one there is; and note how it ended.

    Person and registration are two documents: after a crash between them the timer comes here again, and finds the
    person that it made.
    """
    if registration.state != "proven" or registration.login_taken or registration.account is None:
        return registration
    now, wanted = desk.clock.now(), registration.account
    try:
        if await desk.people.find(registration.person) is None:
            person = Person(id=registration.person, **wanted.model_dump())
            person.open(now)
            person.prove(registration.number, registration.proven, now)
            person.record(acts.account_opened(acts.IDENTITY, person.id), now)
            await desk.people.add(person)
        else:
            act = acts.account_proven(acts.IDENTITY, registration.person)
            await desk.people.change(
                registration.person,
                noting(lambda known: known.prove(registration.number, registration.proven, now), act, now),
            )
    except (AlreadyThere, DuplicateKey):
        return await _not_opened(desk, registration)
    log.info("registration.opened", registration=registration.id, account=registration.person)
    return await desk.registrations.change(registration.id, lambda one: one.opened(now))


async def _not_opened(desk: Desk, registration: Registration) -> Registration:
    """Something of the account is taken: by this very registration a moment ago, by the person, or the login name."""
    now, holder = desk.clock.now(), await accounts.by_number(desk.people, registration.number)
    if holder is None:
        return await desk.registrations.change(registration.id, lambda one: one.ask_for_login(now))
    if holder.id == registration.person:
        return await desk.registrations.change(registration.id, lambda one: one.opened(now))
    log.info("registration.known", registration=registration.id, account=holder.id)
    return await desk.registrations.change(registration.id, lambda one: one.known(holder.id, now))


async def register_at_window(desk: Desk, who: Doing, id_: str, wish: AccountWish) -> tuple[Registration, bool]:
    """An officer has person and document before them: a new account, or one that the person shows to be theirs by
    its password. The registration and whether it is new. Raises `Invalid`, `Conflict`, `Forbidden`."""
    body, now, caller = _body(desk, wish), desk.clock.now(), who.caller
    if (known := await desk.registrations.find(id_)) is not None:
        return await _same(desk, known, body, wish), False
    faults = wish.faults(city_date(now))
    if await accounts.by_login(desk.people, desk.opened.hash("login", wish.login.strip().lower())) is None:
        faults += await _password_faults(desk, wish)  # who has an account shows its password, whatever that is
    if faults:
        raise Invalid("The registration cannot be taken", faults=tuple(faults))
    number, person = desk.lookup.digest("id-number", wish.number), wish.person()
    account = await _shown_account(desk, caller, number, person)
    registration = Registration.at_window(
        id_,
        caller.id,
        caller.org or "",
        now,
        person=account.id if account is not None else person_id(id_),
        number=number,
        body=body,
        account=await _wanted(desk, person),
    )
    registration.record(acts.registration_begun(who.by, id_), now)
    try:
        await desk.registrations.add(registration)
    except AlreadyThere:
        return await _same(desk, await desk.registrations.get(id_), body, wish), False
    log.info("registration.at-window", registration=id_, clerk=caller.id)
    return await _finish(desk, registration), True


async def _shown_account(desk: Desk, caller: Caller, number: str, wish: PersonWish) -> Person | None:
    """The account that the person has already, and shows to have. Raises `Conflict` and `Forbidden`."""
    holder = await accounts.by_number(desk.people, number)
    named = await accounts.by_login(desk.people, desk.opened.hash("login", wish.login))
    if caller.id in {one.id for one in (holder, named) if one is not None}:
        raise Forbidden("Nobody registers themselves", code="own_account")
    if holder is not None and (named is None or named.id != holder.id):
        raise Conflict("This person has an account under another login name", code="number_has_account")
    if named is None:
        return None
    if named.number not in (None, number):
        raise Conflict("The account is of somebody with another ID number", code="account_is_anothers")
    assert wish.password is not None  # noqa: S101 - see `AccountWish`
    try:
        async with attempt(desk, (PASSWORDS, wish.login.strip().lower())):
            if not await desk.passwords.fits(named.password_hash, wish.password.get_secret_value()):
                raise WrongProof("This is not the account's password")
    except TooManyAttempts:
        raise TooOften from None
    except WrongProof:
        raise Conflict("Somebody has this login name, and another password", code="login_taken") from None
    return named


async def shown(desk: Desk, id_: str, secret: str) -> Registration:
    """A registration, for who has its secret. Raises `NotFound` for everybody else."""
    if registration_id(secret) != id_ or (found := await desk.registrations.find(id_)) is None:
        raise NotFound("There is no such registration")
    return found
