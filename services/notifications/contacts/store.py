"""Contacts by person id: a projection of `identity.contacts`."""

from services.notifications.contacts.domain import Contact
from shared.store import Collection, project


async def keep(contacts: Collection, person: str, sequence: int, contact: Contact) -> None:
    """Keep the contact as of `sequence`; an older one changes nothing."""
    await project(contacts, person, sequence, contact.model_dump() | {"forgotten": False})


async def forget(contacts: Collection, person: str, sequence: int) -> None:
    """Forget the contact as of `sequence`. The row stays without it, lest an older one comes once more and is kept."""
    blank = dict.fromkeys(Contact.model_fields) | {"forgotten": True}
    await project(contacts, person, sequence, blank)


async def represent(contacts: Collection, company: str, sequence: int, representative: str) -> None:
    """Reach a company by a person, as of `sequence`."""
    await project(contacts, company, sequence, {"through": representative})


async def find(contacts: Collection, person: str) -> Contact | None:
    """How this person or company is reached, where it is known."""
    found = await contacts.get(person)
    if found is not None and (through := found.get("through")) is not None:
        found = await contacts.get(through)
    return None if found is None or found.get("forgotten") else Contact.model_validate(found)
