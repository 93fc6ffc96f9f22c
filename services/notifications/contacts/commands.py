"""Following what identity says about contacts."""

from services.notifications.contacts import store
from services.notifications.contacts.domain import Contact
from services.notifications.desk import Desk
from shared.contracts.identity import CompanyRegistered, ContactForgotten, ContactPublished
from shared.messaging.envelope import Event


async def keep(desk: Desk, event: Event[ContactPublished]) -> None:
    """Project the row under its person."""
    row = event.data
    contact = Contact(name=row.name, mail=row.mail, phone=row.phone, language=row.language)
    assert event.sequence is not None  # noqa: S101 - the lane refuses a service's event without one
    await store.keep(desk.contacts, row.person, event.sequence, contact)


async def represent(desk: Desk, event: Event[CompanyRegistered]) -> None:
    """A company is reached by who represents it."""
    assert event.sequence is not None  # noqa: S101 - the lane refuses a service's event without one
    await store.represent(desk.contacts, event.subject, event.sequence, event.data.representative)


async def forget(desk: Desk, event: Event[ContactForgotten]) -> None:
    """Keep nothing of the person but that there is nothing to keep."""
    assert event.sequence is not None  # noqa: S101 - the lane refuses a service's event without one
    await store.forget(desk.contacts, event.data.person, event.sequence)
