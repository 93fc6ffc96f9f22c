"""Sharing needs nothing beyond every service's settings."""

from typing import ClassVar

from shared.settings import ServiceSettings


class SharingSettings(ServiceSettings):
    """See `ServiceSettings`."""

    service: ClassVar[str] = "sharing"
