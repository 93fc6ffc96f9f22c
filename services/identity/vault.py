"""What identity keeps closed in its store, and digests of what it must not keep: with keys made of its passphrase."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from shared.lookup import keyed_digest

NONCE = 12


@dataclass(frozen=True, slots=True)
class Stretch:
    """How scrypt makes a key of a passphrase: memory is 128 bytes times n times r, time that times p."""

    n: int
    r: int
    p: int


NOW = "2"
WAYS = {NOW: Stretch(2**15, 8, 3), "1": Stretch(2**14, 8, 1)}
"""By what stands before what is closed, and a colon; what has neither is of an earlier version, way 1. Way 2 is what
OWASP's ASVS 5.0 advises (appendix C)."""


class Vault:
    """AES-256-GCM and HMAC-SHA-256, each with a key of its own; whoever reads the store alone reads nothing."""

    def __init__(self, passphrase: str) -> None:
        self._passphrase = passphrase
        self._digesting = self.key("digesting")

    def close(self, plain: bytes, about: str) -> str:
        """Closed text, which opens as being about the same only: it cannot be moved to somebody else's document."""
        nonce = secrets.token_bytes(NONCE)
        sealed = nonce + self._cipher(NOW).encrypt(nonce, plain, about.encode())
        return f"{NOW}:{base64.b64encode(sealed).decode()}"

    def open(self, closed: str, about: str) -> bytes:
        """What was closed. Raises `cryptography.exceptions.InvalidTag` where it was changed or is about another, and
        `ValueError` where it was closed in a way that is not known here."""
        way, _, text = closed.rpartition(":")
        raw = base64.b64decode(text)
        return self._cipher(way or "1").decrypt(raw[:NONCE], raw[NONCE:], about.encode())

    def digest(self, about: str, text: str) -> str:
        """The same text for the same text, of which nobody without the key finds out what it was."""
        return keyed_digest(self._digesting, about, text).hex()

    def key(self, use: str) -> bytes:
        """A key for another use, by the same slow way: who guesses the passphrase by what this one makes is as slow."""
        return _derived(_stretched(self._passphrase, WAYS[NOW]), use.encode())

    def _cipher(self, way: str) -> AESGCM:
        if way not in WAYS:
            raise ValueError(f"closed in a way that is not known here: {way}")
        return AESGCM(_derived(_stretched(self._passphrase, WAYS[way]), b"closing"))


@cache  # slow on purpose, as somebody may have chosen the passphrase
def _stretched(passphrase: str, how: Stretch) -> bytes:
    most = 2 * 128 * how.n * how.r
    salt = b"tongban identity"
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=how.n, r=how.r, p=how.p, maxmem=most, dklen=32)


def _derived(root: bytes, use: bytes) -> bytes:
    return HKDFExpand(SHA256(), 32, use).derive(root)
