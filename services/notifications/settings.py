"""What notifications needs beyond every service's settings."""

from datetime import timedelta
from email.utils import parseaddr
from typing import ClassVar

from pydantic import Field, field_validator

from services.notifications.messages.domain import Pace
from services.notifications.messages.letters import reachable
from shared.settings import ServiceSettings


class NotificationsSettings(ServiceSettings):
    """`mail_from` is an address with or without a name: `Tongban <no-reply@example.org>`.

    A mail is tried until `mail_attempts` or `mail_patience_hours` are used up; a person whose address is not known
    is waited for `contact_patience_hours`. One attempt may take `mail_lease_seconds`, the hand-over half of that.
    """

    service: ClassVar[str] = "notifications"

    smtp_host: str
    smtp_port: int = Field(ge=1, le=65535)
    smtp_lines: int = Field(default=4, ge=1, le=64)
    mail_from: str
    mail_lease_seconds: float = Field(default=60, ge=2)
    mail_attempts: int = Field(default=100, ge=1)
    mail_patience_hours: float = Field(default=72, gt=0)
    contact_patience_hours: float = Field(default=24, gt=0)

    @field_validator("mail_from")
    @classmethod
    def _mail_from_is_an_address(cls, value: str) -> str:
        reachable(*parseaddr(value))
        if not value.isprintable():
            raise ValueError("no mail address")
        return value

    @property
    def pace(self) -> Pace:
        """How long and how often a message is tried."""
        return Pace(
            lease=timedelta(seconds=self.mail_lease_seconds),
            attempts=self.mail_attempts,
            patience=timedelta(hours=self.mail_patience_hours),
            contact_patience=timedelta(hours=self.contact_patience_hours),
        )
