"""A signing key as it is kept."""

from datetime import datetime

from shared.aggregate import Aggregate
from shared.contracts.identity import KeyPublished


class SigningKey(Aggregate):
    """`private_pem`: PKCS #8, encrypted with the service's passphrase; it never leaves identity."""

    public: KeyPublished
    private_pem: str

    def publish(self, now: datetime) -> None:
        """Tell everybody the public half."""
        self.record(self.public, now)
