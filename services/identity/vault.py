"""What identity keeps closed in its store, and digests of what it must not keep: with keys made of its passphrase."""

import base64
import hashlib
import secrets
from functools import cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from shared.lookup import keyed_digest

NONCE = 12


class Vault:
    """AES-256-GCM and HMAC-SHA-256, each with a key of its own; whoever reads the store alone reads nothing."""

    def __init__(self, passphrase: str) -> None:
        root = _stretched(passphrase)
        self._closing, self._digesting = (_derived(root, use) for use in (b"closing", b"digesting"))

    def close(self, plain: bytes, about: str) -> str:
        """Closed text, which opens as being about the same only: it cannot be moved to somebody else's document."""
        nonce = secrets.token_bytes(NONCE)
        return base64.b64encode(nonce + AESGCM(self._closing).encrypt(nonce, plain, about.encode())).decode()

    def open(self, closed: str, about: str) -> bytes:
        """What was closed. Raises `cryptography.exceptions.InvalidTag` where it was changed or is about another."""
        raw = base64.b64decode(closed)
        return AESGCM(self._closing).decrypt(raw[:NONCE], raw[NONCE:], about.encode())

    def digest(self, about: str, text: str) -> str:
        """The same text for the same text, of which nobody without the key finds out what it was."""
        return keyed_digest(self._digesting, about, text).hex()


@cache  # slow on purpose, as somebody may have chosen the passphrase
def _stretched(passphrase: str) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=b"tongban identity", n=2**14, r=8, p=1, dklen=32)


def _derived(root: bytes, use: bytes) -> bytes:
    return HKDFExpand(SHA256(), 32, use).derive(root)
