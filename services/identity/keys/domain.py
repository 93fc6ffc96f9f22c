"""A signing key as it is kept."""

from datetime import datetime, timedelta
from typing import Literal

from shared.aggregate import Aggregate
from shared.contracts.identity import KeyPublished

EVERY = timedelta(days=30)
"""How long a key signs."""
KEPT = timedelta(days=1)
"""How long it is accepted afterwards: far longer than an access token or an open form lives."""

State = Literal["next", "active", "retired", "ended"]


class SigningKey(Aggregate):
    """`private_pem`: PKCS #8, closed by the vault (a PEM where an earlier version closed it); it never leaves identity.

    What a key is at a moment follows from its times alone, so that all replicas change over at once, without a word.
    """

    public: KeyPublished
    private_pem: str
    begins_at: datetime

    def publish(self, now: datetime) -> None:
        """Tell everybody the public half, now or as it has become."""
        self.record(self.public, now)

    def begin(self, now: datetime) -> None:
        """Sign from now on, earlier than planned."""
        if self.begins_at > now:
            self.begins_at, self.wake_at = now, now
            self._until(now + EVERY + KEPT, now)

    def end(self, now: datetime) -> None:
        """Prove nothing any more: somebody else may have it."""
        if not self.is_over(now):
            self.wake_at = now + KEPT
            self._until(now, now)

    def is_over(self, now: datetime) -> bool:
        """Whether it proves nothing any more."""
        return self.public.not_after is not None and self.public.not_after <= now

    def _until(self, moment: datetime, now: datetime) -> None:
        self.public = self.public.model_copy(update={"not_after": moment})
        self.publish(now)


def state(key: SigningKey, signing: SigningKey | None, now: datetime) -> State:
    """What a key is now; `signing`: the one that signs."""
    if key.is_over(now):
        return "ended"
    if signing is not None and key.id == signing.id:
        return "active"
    return "next" if key.begins_at > now else "retired"
