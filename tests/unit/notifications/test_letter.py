"""Letters as bytes: what mail programs and servers need."""

from datetime import UTC, date, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Literal

import pytest

from services.notifications.contacts.domain import Contact
from services.notifications.messages.domain import Facts
from services.notifications.messages.letters import filling, letter
from shared.contracts import Text
from shared.contracts.identity import OrganisationPublished
from shared.contracts.intake import ItemPublished, MaterialGuide, MissingMaterial

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
SENDER = "大连通办 <no-reply@tongban.example>"
GUIDE = ItemPublished(
    code="permit",
    name=Text(zh="居住证申领", en="Residence permit"),
    department="police",
    kind="permit",
    basis=[],
    conditions=[],
    process=[],
    fee=Text(zh="免费", en="free"),
    visits=0,
    form={},
    materials=[MaterialGuide(code="photo", name=Text(zh="照片", en="Photograph"))],
    legal_days=15,
    promised_days=5,
)
POLICE = OrganisationPublished(
    code="police", name=Text(zh="公安局", en="Police"), division="2102", matters=["permit"], resources=[]
)


def contact(language: Literal["zh", "en"] = "zh", name: str = "李娜", mail: str = "li.na@example.org") -> Contact:
    return Contact(name=name, mail=mail, language=language)


def read(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_bytes_pass_any_server(language: Literal["zh", "en"]) -> None:
    long = "很长的一行，" * 400 + "\n.\n点"
    raw = letter("message-1", SENDER, contact(language), "您的居住证申领申请已受理" * 6, long, AT)
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = read(raw)
    assert message["Subject"] == "您的居住证申领申请已受理" * 6
    assert message.get_content().replace("\r\n", "\n") == long + "\n"


def test_the_same_message_is_the_same_bytes() -> None:
    first, second = (letter("message-1", SENDER, contact(), "主题", "正文", AT) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "mail", ["", "nobody", "@example.org", "a@", "a b@example.org", "a@b\r\nBcc: c@d", "李@example.org"]
)
def test_what_is_no_address_makes_no_letter(mail: str) -> None:
    with pytest.raises(ValueError, match="no mail address"):
        letter("message-1", SENDER, contact(mail=mail), "主题", "正文", AT)


def test_a_name_cannot_add_a_header() -> None:
    message = read(letter("message-1", SENDER, contact(name="Li\r\nBcc: x@example.org"), "s", "b", AT))
    assert message["Bcc"] is None
    assert [address.addr_spec for address in message["To"].addresses] == ["li.na@example.org"]


def test_facts_are_read_in_the_persons_language() -> None:
    facts = Facts(
        number="1",
        item="permit",
        accepted_on=date(2026, 12, 31),
        missing=[MissingMaterial(material="photo", ground="no-grant"), MissingMaterial(material="old", ground="x")],
    )
    chinese, english = (filling(facts, contact(language), GUIDE, POLICE) for language in ("zh", "en"))
    assert (chinese.item, chinese.department, chinese.accepted_on) == ("居住证申领", "公安局", "2026年12月31日")
    assert (english.item, english.department, english.accepted_on) == ("Residence permit", "Police", "31 December 2026")
    assert (chinese.missing, english.missing) == (["照片", "old"], ["Photograph", "old"])
    assert english.decided_on == ""
