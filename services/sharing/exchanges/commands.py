"""From a wish to an answer: what sharing does on the events of intake, of identity and of the departments."""

from datetime import datetime

from services.sharing import policy
from services.sharing.desk import Desk
from services.sharing.exchanges import store
from services.sharing.exchanges.domain import (
    Exchange,
    Ground,
    NotTaken,
    Wish,
    belongs_to_item,
    given_by,
    gives_what_is_compared,
    of_wish,
)
from services.sharing.grants.domain import Grant, choose
from services.sharing.grants.store import for_use
from services.sharing.resources.store import offer_of
from shared.caller import Caller
from shared.clock import city_date
from shared.contracts.department import QuestionAnswered
from shared.contracts.intake import MaterialWished
from shared.contracts.sharing import ResourcePublished, StatementRejected
from shared.errors import Forbidden, Invalid, NotFound
from shared.messaging.envelope import Event
from shared.rejection import reject
from shared.store import AlreadyThere


async def take_wish(desk: Desk, event: Event[Wish]) -> None:
    """Begin the exchange of a wish: ask the owner under a grant, or refuse with the ground. Once per wish."""
    wish, now = event.data, desk.clock.now()
    offer = await offer_of(desk.resources, wish.resource)
    exchange = of_wish(event.id, wish, offer, now)
    if offer is None:
        exchange.refuse("unknown-resource", now)
    else:
        found = await _grant_for(desk, wish, exchange.consumer, offer, now)
        if isinstance(found, Grant):
            exchange.ask(found, offer, now, given_by(wish))
        else:
            exchange.refuse(found, now)
    try:
        await desk.exchanges.add(exchange, cause=event)
    except AlreadyThere:  # the wish came before
        return


async def _grant_for(desk: Desk, wish: Wish, consumer: str, offer: ResourcePublished, now: datetime) -> Grant | Ground:
    if isinstance(wish, MaterialWished) and not belongs_to_item(wish, desk.items.get(wish.item)):
        return "not-the-items-resource"
    if not gives_what_is_compared(wish, offer):
        return "given-differs"
    if offer.sharing == "none":  # the law came after the grant
        return "grant-not-valid"
    return choose(await for_use(desk.grants, consumer, wish.resource, wish.purpose), wish.fields, city_date(now))


async def take_answer(desk: Desk, event: Event[QuestionAnswered]) -> None:
    """Take the owner's answer; anything else a department says about an exchange is rejected and recorded."""
    answer, now = event.data, desk.clock.now()
    exchange = await desk.exchanges.find(answer.exchange)
    if exchange is None:
        await reject(desk.rejections, event, answer.exchange, "unknown", StatementRejected, now)
        return
    grant = await desk.grants.find(exchange.grant) if exchange.grant is not None else None
    try:
        await desk.exchanges.change(exchange.id, lambda e: e.take_answer(event.member, answer, grant, now), cause=event)
    except NotTaken as error:
        await reject(desk.rejections, event, answer.exchange, error.ground, StatementRejected, now)


async def show_exchange(desk: Desk, caller: Caller, id_: str) -> Exchange:
    """The exchange, for those it concerns; `NotFound` for everybody else."""
    exchange = await desk.exchanges.find(id_)
    if exchange is None or not policy.may_see_exchange(caller, exchange):
        raise NotFound("There is no such exchange")
    return exchange


async def list_exchanges(
    desk: Desk, caller: Caller, *, mine: bool, case: str | None, before: tuple[datetime, str] | None, limit: int
) -> list[Exchange]:
    """Who saw the caller's data (`mine`), or what was shared for a case, newest first.

    A person sees the own data only, a department what it asked for or was asked for, an operator the whole case.
    """
    if mine != (caller.kind == "person"):
        raise Forbidden("People ask with subject=me, departments and operators with case=…")
    if mine:
        return await store.seen(desk.exchanges, subject=caller.id, case=case, before=before, limit=limit)
    if case is None:
        raise Invalid("Say of which case", code="case_missing")
    return await store.seen(desk.exchanges, case=case, party=policy.party_of(caller), before=before, limit=limit)
