"""Keeping accounts."""

from functools import partial

from services.identity.accounts.domain import Client, ClientWish, Person, PersonWish, client_id
from services.identity.audit import acts
from services.identity.desk import Desk
from services.identity.organisations.domain import division_id, organisation_id
from services.identity.passwords import commands as passwords
from services.identity.posts.domain import doubles
from services.identity.sessions import commands as sessions
from shared.audit.noting import noting
from shared.contracts.acts import Actor
from shared.errors import Conflict, Fault, Invalid, NotFound, PreconditionFailed
from shared.personal import Forgotten
from shared.store import DuplicateKey


async def keep_person(desk: Desk, by: Actor, id_: str, wish: PersonWish, version: int | None) -> tuple[Person, bool]:
    """Open a person's account or revise it; the account and whether anything changed.

    Raises `Invalid` with every fault, `Conflict` (`login_taken`) where somebody else signs in by that name, and
    `Forgotten`.
    """
    known = await desk.people.find(id_)
    if known is not None and known.forgotten_at is not None:
        raise Forgotten
    PreconditionFailed.unless_current(version, known.v if known else 0)
    faults = doubles(wish.posts)
    for n, post in enumerate(wish.posts):
        faults += await place_faults(desk, post.organisation, post.division, f"/posts/{n}")
    if known is None and wish.password is None:
        faults.append(Fault("/password", "missing", "a new account needs one"))
    password = wish.password.get_secret_value() if wish.password is not None else None
    if known is not None and password is not None and await desk.passwords.fits(known.password_hash, password):
        password = None  # the same one again is not chosen now
    if password is not None:
        faults += await passwords.faults(desk, password, wish)
    if faults:
        raise Invalid("The account cannot be kept", faults=tuple(faults))
    password_hash = await desk.passwords.hash(password) if password is not None else None
    now, asked = desk.clock.now(), wish.model_dump(exclude={"password"})
    person = Person(id=id_, password_hash=password_hash or "", **asked)
    person.open(now)
    person.record(acts.account_opened(by, id_), now)
    changing = partial(acts.account_changed, by, id_)
    try:
        now_kept, changed = await desk.people.put(
            person, noting(lambda one: one.revise(wish, password_hash, now), changing, now), version=version
        )
    except (DuplicateKey, NotFound):  # not the id is taken, the login name is
        raise Conflict("The login name is somebody else's", code="login_taken") from None
    if known is not None and now_kept.token_version != known.token_version:
        await sessions.end_open(desk, by, id_, "account-changed")
    return now_kept, changed


async def keep_client(
    desk: Desk, by: Actor, code: str, wish: ClientWish, version: int | None = None
) -> tuple[Client, bool]:
    """Open a program's account or revise it; the account and whether anything changed. Raises `Invalid`."""
    id_ = client_id(code)
    known = await desk.clients.find(id_)
    PreconditionFailed.unless_current(version, known.v if known else 0)
    kept = known.secret_hash if known else None
    faults = await place_faults(desk, wish.organisation, wish.division, "")
    if code.startswith("person-"):  # both are the `sub` of a token
        faults.append(Fault("", "reserved", "a program does not go by a person's id"))
    if wish.kind != "application" and kept is None and wish.secret is None and not wish.jwks:
        faults.append(Fault("/secret", "missing", "a program needs one, or keys"))
    if faults:
        raise Invalid("The account cannot be kept", faults=tuple(faults))
    secret_hash = None
    if wish.secret is not None:
        secret_hash = await desk.passwords.kept_or_new(kept, wish.secret.get_secret_value())
    client = Client(id=id_, code=code, secret_hash=secret_hash, **wish.model_dump(exclude={"secret"}))
    now = desk.clock.now()
    client.open(now)
    client.record(acts.client_opened(by, id_), now)
    changing = partial(acts.client_changed, by, id_)
    return await desk.clients.put(
        client, noting(lambda one: one.revise(wish, secret_hash, now), changing, now), version=version
    )


async def place_faults(desk: Desk, organisation: str | None, division: str | None, pointer: str) -> list[Fault]:
    """Organisation and division, where named, must be there; they are never removed."""
    faults = []
    if organisation is not None and await desk.organisations.find(organisation_id(organisation)) is None:
        faults.append(Fault(f"{pointer}/organisation", "unknown_organisation", "there is no such organisation"))
    if division is not None and await desk.divisions.find(division_id(division)) is None:
        faults.append(Fault(f"{pointer}/division", "unknown_division", "there is no such division"))
    return faults
