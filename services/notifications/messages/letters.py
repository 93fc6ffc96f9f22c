"""From facts to a letter: names in the reader's language, dates as they are written there, a mail as bytes."""

from datetime import date, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from services.notifications.contacts.domain import Contact
from services.notifications.messages.domain import Facts
from services.notifications.templates.domain import Filling, Language
from shared.contracts.identity import OrganisationPublished
from shared.contracts.intake import ItemPublished

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def filling(facts: Facts, contact: Contact, guide: ItemPublished, department: OrganisationPublished) -> Filling:
    """The facts as this person reads them."""
    language = contact.language
    materials = {material.code: material.name.within(language) for material in guide.materials}
    return Filling(
        name=contact.name,
        number=facts.number,
        item=guide.name.within(language),
        department=department.name.within(language),
        accepted_on=_dated(facts.accepted_on, language),
        deemed=facts.deemed,
        promised_due=_dated(facts.promised_due, language),
        legal_due=_dated(facts.legal_due, language),
        missing=[materials.get(one.material, one.material) for one in facts.missing],
        outcome=facts.outcome or "",
        decided_on=_dated(facts.decided_on, language),
    )


def _dated(day: date | None, language: Language) -> str:
    if day is None:
        return ""
    if language == "en":
        return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
    return f"{day.year}年{day.month}月{day.day}日"


def letter(message_id: str, sender: str, contact: Contact, subject: str, body: str, at: datetime) -> bytes:
    """The mail, the same bytes at each attempt. Raises `ValueError` where the address is none that we can reach."""
    name, address = parseaddr(sender)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = reachable(name, address)
    mail["To"] = reachable(contact.name, contact.mail or "")
    mail["Subject"] = subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{message_id}@{address.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notes in answer
    mail.set_content(body, charset="utf-8", cte="base64" if contact.language == "zh" else "quoted-printable")
    mail["Content-Language"] = "en" if contact.language == "en" else "zh-CN"
    return mail.as_bytes()


def reachable(name: str, address: str) -> Address:
    """An address one can write to. Raises `ValueError`; what the parser raises for strange input varies."""
    try:
        found = Address(display_name=" ".join(name.split()), addr_spec=address)
    except Exception as exc:
        raise ValueError("no mail address") from exc
    if not (found.username and found.domain and address.isascii() and address.isprintable()):
        raise ValueError("no mail address")
    return found
