"""What notifications needs beyond every service's settings."""

from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from services.notifications.messages.domain import Pace
from services.notifications.messages.letters import reachable
from services.notifications.messages.post import Server
from shared import tls
from shared.settings import ServiceSettings, certificates


class NotificationsSettings(ServiceSettings):
    """`mail_from` is an address with or without a name: `Tongban <no-reply@example.org>`.

    A mail is tried until `mail_attempts` or `mail_patience_hours` are used up; a person whose address is not known
    is waited for `contact_patience_hours`. One attempt may take `mail_lease_seconds`, the hand-over half of that.
    """

    service: ClassVar[str] = "notifications"

    smtp_host: str
    smtp_port: int = Field(ge=1, le=65535)
    smtp_security: Literal["offered", "starttls", "tls"] = "offered"
    """`offered`: STARTTLS where the server has it, for a mail server on this machine or in this network; the other two
    hand over nothing in clear text."""
    smtp_ca_file: Path | None = None
    """Who may vouch for the mail server, and nobody else; without a file, whom the machine trusts."""
    smtp_lines: int = Field(default=4, ge=1, le=64)
    mail_from: str
    mail_lease_seconds: float = Field(default=60, ge=2)
    mail_attempts: int = Field(default=100, ge=1)
    mail_patience_hours: float = Field(default=72, gt=0)
    contact_patience_hours: float = Field(default=24, gt=0)

    @field_validator("smtp_ca_file")
    @classmethod
    def _ca_file_is_used(cls, value: Path | None, others: ValidationInfo) -> Path | None:
        if value is not None and others.data.get("smtp_security") == "offered":
            raise ValueError("with starttls or tls only: what is offered may be taken out by whoever is in between")
        return certificates(value)

    @field_validator("mail_from")
    @classmethod
    def _mail_from_is_an_address(cls, value: str) -> str:
        reachable(*parseaddr(value))
        if not value.isprintable():
            raise ValueError("no mail address")
        return value

    @property
    def server(self) -> Server:
        """The mail server."""
        known = tls.context(self.smtp_ca_file) if self.smtp_security != "offered" else None
        return Server(self.smtp_host, self.smtp_port, self.smtp_security, known)

    @property
    def pace(self) -> Pace:
        """How long and how often a message is tried."""
        return Pace(
            lease=timedelta(seconds=self.mail_lease_seconds),
            attempts=self.mail_attempts,
            patience=timedelta(hours=self.mail_patience_hours),
            contact_patience=timedelta(hours=self.contact_patience_hours),
        )
