"""Contacts by person id: a projection of `identity.contacts`."""

from services.notifications.contacts.domain import Contact
from shared.store import Collection, project


async def keep(contacts: Collection, person: str, sequence: int, contact: Contact) -> None:
    """Keep the contact as of `sequence`; an older one changes nothing."""
    await project(contacts, person, sequence, contact.model_dump())


async def find(contacts: Collection, person: str) -> Contact | None:
    """How this person is reached, where it is known."""
    found = await contacts.get(person)
    return None if found is None else Contact.model_validate(found)
