"""What identity needs beyond every service's settings."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr

from shared.settings import ServiceSettings


class IdentitySettings(ServiceSettings):
    """`key_passphrase` closes the signing key in the store; `operator_secret` is that of the client `operator`.

    `master_key_file` holds the keys that close people's data keys; by hashes under `lookup_key` people are found.
    """

    service: ClassVar[str] = "identity"

    key_passphrase: SecretStr = Field(min_length=16)
    operator_secret: SecretStr = Field(min_length=16, max_length=128)
    master_key_file: Path
    lookup_key: SecretStr = Field(min_length=32)
