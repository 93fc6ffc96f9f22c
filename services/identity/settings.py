"""What identity needs beyond every service's settings."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, ClassVar

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from shared.settings import ServiceSettings


class IdentitySettings(ServiceSettings):
    """`key_passphrase` closes the signing key, and what else is closed, in the store; `operator_secret` is that of the
    client `operator`."""

    service: ClassVar[str] = "identity"

    key_passphrase: SecretStr = Field(min_length=16)
    operator_secret: SecretStr = Field(min_length=16, max_length=128)
    trusted_proxies: Annotated[frozenset[IPv4Network | IPv6Network], NoDecode] = frozenset()
    """Addresses or networks, with commas between them: what these say in `X-Forwarded-For` is believed."""

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        return frozenset(ip_network(one.strip()) for one in value.split(",")) if isinstance(value, str) else value
