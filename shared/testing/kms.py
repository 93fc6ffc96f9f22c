"""A key management service of the test's own: its keys never leave it, and it may be silent."""

import secrets
from collections import Counter

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.store import Unavailable


class FakeKms:
    """Speaks as identity wants its master keys to. `asked` counts the calls."""

    def __init__(self) -> None:
        self.keys: dict[str, AESGCM] = {}
        self.silent = False
        self.silent_after: int | None = None
        """So many keys are wrapped or unwrapped from now on, and no more."""
        self.asked: Counter[str] = Counter()
        self.rotate()

    def rotate(self) -> str:
        """A new key, which closes from now on; its name."""
        name = f"kms-{len(self.keys) + 1}"
        self.keys[name] = AESGCM(AESGCM.generate_key(256))
        return name

    async def current(self) -> str:
        self._answers("current")
        return list(self.keys)[-1]

    async def wrap(self, name: str, key: bytes, context: str) -> bytes:
        self._answers("wrap")
        nonce = secrets.token_bytes(12)
        return nonce + self._named(name).encrypt(nonce, key, context.encode())

    async def unwrap(self, name: str, closed: bytes, context: str) -> bytes:
        self._answers("unwrap")
        try:
            return self._named(name).decrypt(closed[:12], closed[12:], context.encode())
        except InvalidTag:
            raise ValueError("the service says: not closed by this key in this context") from None

    def _named(self, name: str) -> AESGCM:
        if name not in self.keys:
            raise Unavailable(f"the service has no key {name}")
        return self.keys[name]

    def _answers(self, call: str) -> None:
        self.asked[call] += 1
        if self.silent_after is not None and call != "current":
            self.silent_after -= 1
            if self.silent_after < 0:
                raise Unavailable("the service does not answer any more")
        if self.silent:
            raise Unavailable("the service does not answer")
