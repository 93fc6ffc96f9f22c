"""Asking for consents, giving them and taking them back."""

from typing import cast

from services.identity.accounts.domain import Client, client_id
from services.identity.audit import acts
from services.identity.consents import store
from services.identity.consents.domain import Consent, ConsentRequired
from services.identity.desk import Desk
from services.identity.oauth import Scope
from shared.audit.noting import noting
from shared.contracts.acts import Actor
from shared.errors import NotFound
from shared.ids import derived_id


async def standing(desk: Desk, person: str, client: Client, scope: str) -> Consent | None:
    """The consent that tokens of that scope stand on; `None` for the city's own applications, which need none.

    Raises `ConsentRequired` where the person has not agreed to all of it.
    """
    if not client.asks_consent:
        return None
    consent = await desk.consents.find(consent_id(person, client.code))
    if consent is None or not consent.covers(scope):
        raise ConsentRequired
    return consent


async def give(desk: Desk, by: Actor, person: str, client: str, scope: str) -> Consent:
    """The person agrees to the scope, beside what they agreed to before."""
    scopes, now = cast("list[Scope]", scope.split()), desk.clock.now()
    new = Consent(id=consent_id(person, client), person=person, client=client, scopes=scopes, given_at=now)
    new.record(act := acts.consent_given(by, new.id), now)
    consent, _ = await desk.consents.put(new, noting(lambda known: known.give(scopes, now), act, now))
    return consent


async def withdraw(desk: Desk, by: Actor, client: str) -> None:
    """The person takes back what they agreed to. Raises `NotFound` where there is nothing."""
    if await desk.consents.find(id_ := consent_id(by.account or "", client)) is None:
        raise NotFound("There is no such consent")
    await _withdraw(desk, by, id_)


async def withdraw_all(desk: Desk, by: Actor, person: str) -> None:
    """Who is forgotten lets nobody know anything."""
    for consent in await store.of(desk.consents, person):
        await _withdraw(desk, by, consent.id)


async def _withdraw(desk: Desk, by: Actor, id_: str) -> None:
    now, act = desk.clock.now(), acts.consent_withdrawn(by, id_)
    await desk.consents.change(id_, noting(lambda consent: consent.withdraw(now), act, now))


async def mine(desk: Desk, person: str) -> list[tuple[Consent, str]]:
    """What a person agreed to, with the applications' names, the newest first."""
    consents = await store.of(desk.consents, person)
    clients = [await desk.clients.find(client_id(consent.client)) for consent in consents]
    return [
        (consent, client.name if client else consent.client) for consent, client in zip(consents, clients, strict=True)
    ]


def consent_id(person: str, client: str) -> str:
    """The id of a person's consent to an application."""
    return derived_id("consent", person, client)
