"""Data keys as they are used: opened by a master key, and remembered for a moment."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.identity.datakeys.domain import DataKey
from services.identity.datakeys.masterkeys import MasterKeys
from shared.lookup import keyed_hash
from shared.personal import Forgotten
from shared.store import AlreadyThere, Repository
from shared.store.seal import Keys, SealBroken

SECONDS = 60.0
"""So long another replica may still use a key that was destroyed or renewed. Here it is known at once."""
MOST = 10_000
BITS = 256


def context(person: str, version: int | str) -> str:
    """What a closed data key is bound to: it opens nobody else's data."""
    return f"{person}:{version}"


class OpenedKeys:
    """See `shared.store.seal.DataKeys`."""

    def __init__(
        self, data_keys: Repository[DataKey], masters: MasterKeys, lookup_key: str, seconds: float = SECONDS
    ) -> None:
        self._data_keys, self._masters, self._lookup_key = data_keys, masters, lookup_key.encode()
        self._seconds = seconds
        self._known: OrderedDict[str, tuple[Keys, float]] = OrderedDict()
        self._forgotten = 0

    def hash(self, kind: str, value: str) -> str:
        """See `DataKeys`."""
        return keyed_hash(self._lookup_key, kind, value)

    async def to_open(self, whose: str, versions: Iterable[int]) -> Keys:
        """See `DataKeys`. Raises `Unavailable` as well: the master key is not there."""
        keys = self._recall(whose)
        if keys is None or (keys.ciphers and not set(versions) <= keys.ciphers.keys()):
            keys = await self._read(whose)
        if keys is None:
            raise SealBroken(f"{whose} has no data key, and something was sealed with one")
        return keys

    async def to_seal(self, whose: str) -> Keys:
        """See `DataKeys`. Raises `Unavailable` as well: the master key is not there."""
        keys = self._recall(whose) or await self._read(whose) or await self._made(whose)
        if not keys.ciphers:
            raise Forgotten
        return keys

    def forget(self, whose: str) -> None:
        """The person's data key was changed here."""
        self._forgotten += 1
        self._known.pop(whose, None)

    def _recall(self, whose: str) -> Keys | None:
        keys, until = self._known.get(whose, (None, 0.0))
        return keys if time.monotonic() < until else None

    async def _read(self, whose: str) -> Keys | None:
        until, forgotten = time.monotonic() + self._seconds, self._forgotten
        key = await self._data_keys.find(whose)
        if key is None:
            return None
        keys = Keys(key.current, {int(n): AESGCM(raw) for n, raw in (await unwrapped(self._masters, key)).items()})
        if forgotten == self._forgotten:  # else it may be from before a change
            self._known[whose] = keys, until
            self._known.move_to_end(whose)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        return keys

    async def _made(self, whose: str) -> Keys:
        master = await self._masters.current()
        closed = await self._masters.wrap(master, fresh(), context(whose, 1))
        with suppress(AlreadyThere):  # somebody was quicker, and theirs is the one
            await self._data_keys.add(DataKey(id=whose, by=master, versions={"1": closed}))
        if (keys := await self._read(whose)) is None:
            raise SealBroken(f"the data key of {whose} is gone")
        return keys


async def unwrapped(masters: MasterKeys, key: DataKey) -> dict[str, bytes]:
    """The versions of a data key, open. Raises `SealBroken`, and `Unavailable` without the master key."""
    try:
        return {n: await masters.unwrap(key.by, closed, context(key.id, n)) for n, closed in key.versions.items()}
    except ValueError as exc:
        raise SealBroken(f"the data key of {key.id}: {exc}") from exc


async def wrapped(masters: MasterKeys, master: str, person: str, opened: dict[str, bytes]) -> dict[str, bytes]:
    """The versions of a data key, closed by this master key."""
    return {n: await masters.wrap(master, raw, context(person, n)) for n, raw in opened.items()}


def fresh() -> bytes:
    """A new data key."""
    return secrets.token_bytes(BITS // 8)
