"""A person's data key as it is kept: its rules, pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.aggregate import Aggregate
from shared.personal import Forgotten

OVERLAP = timedelta(minutes=10)
"""How long the versions before stay after a new one: many times what a process remembers a key for, so that nobody
seals with a version that goes."""


class DataKey(Aggregate):
    """The data key of one person, whose id is its id. It is a document of its own, so that it can be destroyed whatever
    becomes of the person's other documents; what is left then keeps another one from being made."""

    by: str
    """The master key that closed it; empty once it is destroyed."""
    versions: dict[str, bytes]
    """Each version, closed. The current one seals, those before open what was sealed with them."""
    current: int = 1
    destroyed_at: datetime | None = None

    @property
    def is_destroyed(self) -> bool:
        """Whether the person was forgotten."""
        return self.destroyed_at is not None

    def close_by(self, master: str, versions: Mapping[str, bytes]) -> None:
        """The same versions, closed by another master key."""
        self._replace(master, versions)

    def renew(self, master: str, versions: Mapping[str, bytes], now: datetime) -> None:
        """One version more, which is the current one from now on; those before go after a while."""
        self._replace(master, versions)
        self.current += 1
        self.wake_at = now + OVERLAP

    def retire(self) -> None:
        """Only the current version stays."""
        self.versions = {str(self.current): self.versions[str(self.current)]}
        self.wake_at = None

    def destroy(self, now: datetime) -> None:
        """Nothing that was sealed with it can be opened any more. Once it is destroyed nothing changes."""
        if self.destroyed_at is None:
            self.by, self.versions, self.destroyed_at, self.wake_at = "", {}, now, None

    def _replace(self, master: str, versions: Mapping[str, bytes]) -> None:
        if self.is_destroyed:
            raise Forgotten
        self.by, self.versions = master, dict(versions)
