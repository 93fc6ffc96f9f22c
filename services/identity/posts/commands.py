"""Who stands in for whom, and what an officer is in words."""

from collections.abc import Sequence

from services.identity import policy
from services.identity.accounts.commands import place_faults
from services.identity.accounts.domain import Person
from services.identity.audit import acts
from services.identity.desk import Desk
from services.identity.posts import store
from services.identity.posts.domain import EVERYWHERE, Standing, Substitution, substitution_faults
from shared.audit.actors import Doing
from shared.audit.noting import noting
from shared.caller import Caller
from shared.clock import city_date
from shared.contracts import Text
from shared.errors import Forbidden, Invalid, NotFound, PreconditionFailed
from shared.policy import at_post, standing
from shared.web.paging import Window


async def list_officers(desk: Desk, caller: Caller, window: Window) -> list[Person]:
    """An operator sees all officers, a head those of the own place and below."""
    own = EVERYWHERE if policy.may_administer(caller) else f"{caller.org}.{caller.division}"
    return await store.officers(desk.people, own, window)


async def keep_substitution(
    desk: Desk, who: Doing, account: str, id_: str, wish: Standing, version: int | None
) -> tuple[Person, bool]:
    """Have somebody stand in for an officer, or otherwise than so far; the substitute and whether anything changed.

    Raises `Forbidden` where it is not the caller's to say, `NotFound`, and `Invalid` with every fault.
    """
    caller = who.caller
    await _ensure_may_keep(desk, caller, account, [wish])
    substitute = await _found(desk, account)
    await _ensure_may_keep(desk, caller, account, [one for one in substitute.substitutions if one.id == id_])
    PreconditionFailed.unless_current(version, substitute.v)
    faults = await place_faults(desk, wish.organisation, wish.division, "")
    holder = await desk.people.find(wish.instead_of)
    faults += substitution_faults(wish, substitute, holder, city_date(desk.clock.now()))
    if faults:
        raise Invalid("Nobody can stand in like this", faults=tuple(faults))
    found: list[int] = []

    def arrange(person: Person) -> None:
        found.append(person.v)
        person.arrange(Substitution(id=id_, **wish.model_dump()), desk.clock.now())

    act = acts.substitution_kept(who.by, account)
    kept = await desk.people.change(account, noting(arrange, act, desk.clock.now()), version=version)
    return kept, kept.v != found[-1]


async def withdraw_substitution(desk: Desk, who: Doing, account: str, id_: str) -> None:
    """Have somebody stand in no more. Raises `Forbidden` and `NotFound`."""
    substitute, now, act = await _found(desk, account), desk.clock.now(), acts.substitution_withdrawn(who.by, account)
    await _ensure_may_keep(desk, who.caller, account, [one for one in substitute.substitutions if one.id == id_])
    await desk.people.change(account, noting(lambda person: person.withdraw(id_, now), act, now))


async def explained(desk: Desk, caller: Caller) -> Text:
    """What the caller is, in words: of an officer also until when, and whether by their own right."""
    person = await desk.people.find(caller.id) if caller.kind == "officer" else None
    held = person.held(desk.clock.now()) if person is not None else []
    post = next((one for one in held if one.id == f"{caller.org}.{caller.division}"), None)
    if post is None:
        return standing(caller)
    return at_post(post.id, caller.roles, post.until, post.instead_of)


async def _found(desk: Desk, account: str) -> Person:
    if (person := await desk.people.find(account)) is None:
        raise NotFound("There is no such person")
    return person


async def _ensure_may_keep(desk: Desk, caller: Caller, account: str, concerned: Sequence[Standing]) -> None:
    """A head says so only where they are the head, by a post of their own, and for others than themselves: what is lent
    is not lent on, and nobody makes it last longer."""
    if not all(policy.keeps_substitutes_at(caller, one.organisation, one.division) for one in concerned):
        raise Forbidden("It is for the head of the place to say who stands in there")
    if policy.may_administer(caller):
        return
    if caller.id == account:
        raise Forbidden("Nobody says of themselves that they stand in", code="oneself")
    head, today = await desk.people.get(caller.id), city_date(desk.clock.now())
    place = f"{caller.org}.{caller.division}"
    if not any(p.place == place and "head" in p.roles and p.is_held(today, today) for p in head.posts):
        raise Forbidden("Who stands in for a head does not say who stands in for others", code="head_by_substitution")
