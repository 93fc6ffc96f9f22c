"""What identity needs beyond every service's settings."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from shared.audit.verify import SIX_MONTHS
from shared.settings import ServiceSettings


class IdentitySettings(ServiceSettings):
    """`key_passphrase` closes the signing keys and the secrets of authenticator apps in the store, and digests what
    wrong attempts are counted by and the addresses in records of acts; `operator_secret` is that of the client
    `operator`.

    `master_key_file` holds the keys that close people's data keys. By hashes under `lookup_key` people are found: with
    another one they have to be hashed again, and ID numbers cannot be.
    """

    service: ClassVar[str] = "identity"

    key_passphrase: SecretStr = Field(min_length=16)
    lookup_key: SecretStr = Field(min_length=32)
    operator_secret: SecretStr = Field(min_length=16, max_length=128)
    master_key_file: Path
    audit_days: int = Field(default=400, ge=SIX_MONTHS, le=3650)
    """For how long records of acts are kept: 网络安全法 Art. 21 (since 2026 Art. 23) asks for six months at least."""
    http_behind_seconds: float = Field(default=3600.0, gt=0, le=3600)
    """What waits for the lane, departments' answers and records of acts, keeps nobody from signing in."""
    trusted_proxies: Annotated[frozenset[IPv4Network | IPv6Network], NoDecode] = frozenset()
    """Addresses or networks, with commas between them: what these say in `X-Forwarded-For` is believed."""

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        return frozenset(ip_network(one.strip()) for one in value.split(",")) if isinstance(value, str) else value
