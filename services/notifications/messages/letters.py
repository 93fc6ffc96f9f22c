"""From facts to a letter: names in the reader's language, dates as they are written there, a mail as bytes."""

from datetime import date, datetime
from email.charset import BASE64, QP, Charset
from email.header import Header
from email.headerregistry import Address
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import compat32
from email.utils import format_datetime, parseaddr
from functools import lru_cache

from services.notifications.contacts.domain import Contact
from services.notifications.messages.domain import Facts
from services.notifications.templates.domain import Filling, Language
from shared.clock import CITY_TIME
from shared.contracts.identity import OrganisationPublished
from shared.contracts.intake import ItemPublished
from shared.day import LAST

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


_ON_THE_WIRE = compat32.clone(linesep="\r\n")


def filling(
    facts: Facts, contact: Contact, guide: ItemPublished | None, department: OrganisationPublished | None
) -> Filling:
    """The facts as this person reads them."""
    language = contact.language
    known = guide.materials if guide is not None else []
    materials = {material.code: material.name.within(language) for material in known}
    return Filling(
        name=contact.name,
        number=facts.number,
        item=guide.name.within(language) if guide is not None else "",
        department=department.name.within(language) if department is not None else "",
        accepted_on=_dated(facts.accepted_on, language),
        deemed=facts.deemed,
        promised_due=_dated(facts.promised_due, language),
        legal_due=_dated(facts.legal_due, language),
        missing=[materials.get(one.material, one.material) for one in facts.missing],
        outcome=facts.outcome or "",
        decided_on=_dated(facts.decided_on, language),
        code=facts.code or "",
        role=facts.role or "",
        last_day=_dated(facts.last_day, language) if facts.last_day != LAST else "",
        ground=facts.ended or "",
        credential=facts.credential or "",
        change=facts.change or "",
        until=f"{facts.until.astimezone(CITY_TIME):%H:%M}" if facts.until is not None else "",
    )


def _dated(day: date | None, language: Language) -> str:
    if day is None:
        return ""
    if language == "en":
        return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
    return f"{day.year}年{day.month}月{day.day}日"


def letter(message_id: str, sender: str, contact: Contact, subject: str, body: str, at: datetime) -> bytes:
    """The mail, the same bytes at each attempt. Raises `ValueError` where the address is none that we can reach."""
    written_by = _sender(sender)
    mail = MIMENonMultipart("text", "plain", policy=_ON_THE_WIRE)  # a third of the work of an EmailMessage
    mail["From"] = _shown(written_by)
    mail["To"] = _shown(reachable(contact.name, contact.mail or ""))
    mail["Subject"] = Header(subject, "utf-8", header_name="Subject").encode()
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{message_id}@{written_by.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notes in answer
    mail["Content-Language"] = "en" if contact.language == "en" else "zh-CN"
    coding = Charset("utf-8")
    coding.body_encoding = BASE64 if contact.language == "zh" else QP
    mail.set_payload("\r\n".join([*body.replace("\r\n", "\n").removesuffix("\n").split("\n"), ""]), coding)
    return mail.as_bytes()


@lru_cache(maxsize=4)
def _sender(sender: str) -> Address:
    return reachable(*parseaddr(sender))


def _shown(address: Address) -> str:
    """An address in a header: a name of other letters is encoded (RFC 2047), one of ours is quoted where it must be."""
    if address.display_name.isascii():
        return str(address)
    return f"{Header(address.display_name, 'utf-8').encode()} <{address.addr_spec}>"


def reachable(name: str, address: str) -> Address:
    """An address one can write to. Raises `ValueError`; what the parser raises for strange input varies."""
    try:
        found = Address(display_name=" ".join(name.split()), addr_spec=address)
    except Exception as exc:
        raise ValueError("no mail address") from exc
    if not (found.username and found.domain and address.isascii() and address.isprintable()):
        raise ValueError("no mail address")
    return found
