"""Keys as cryptography knows them: making, closing, opening; and the one in use."""

import base64
import hashlib
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.caller import ALGORITHM
from shared.contracts.identity import KeyPublished
from shared.store import Unavailable


class Keyring:
    """The key this process signs with, once it is opened, and the public keys it accepts (`published`, by `kid`)."""

    def __init__(self) -> None:
        self.published: dict[str, KeyPublished] = {}
        self._private: ec.EllipticCurvePrivateKey | None = None
        self._kid = ""

    def use(self, private: ec.EllipticCurvePrivateKey, public: KeyPublished) -> None:
        """Sign with this key from now on."""
        self._private, self._kid = private, public.kid
        self.published[public.kid] = public

    def sign(self, claims: dict[str, Any], kind: str) -> str:
        """A compact JWS of the claims with `typ` kind. Raises `Unavailable` before the key is opened."""
        if self._private is None:
            raise Unavailable("the signing key is not open yet")
        return jwt.encode(claims, self._private, ALGORITHM, {"typ": kind, "kid": self._kid})


def new_pair(passphrase: bytes) -> tuple[KeyPublished, str]:
    """A fresh P-256 key: its public JWK, and its private half closed with the passphrase (PEM)."""
    private = ec.generate_private_key(ec.SECP256R1())
    closed = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )
    return _jwk(private.public_key()), closed.decode()


def opened(private_pem: str, passphrase: bytes) -> ec.EllipticCurvePrivateKey:
    """The private half. Raises `ValueError` where the passphrase is not the one it was closed with."""
    private = serialization.load_pem_private_key(private_pem.encode(), passphrase)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("the stored key is not an elliptic curve key")
    return private


def _jwk(public: ec.EllipticCurvePublicKey) -> KeyPublished:
    """`kid` is the JWK thumbprint (RFC 7638): another key never goes by the same name."""
    numbers = public.public_numbers()
    x, y = (_base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    thumbprint = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"))
    return KeyPublished(kid=_base64url(hashlib.sha256(thumbprint.encode()).digest()), x=x, y=y)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
