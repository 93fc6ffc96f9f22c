"""Keys as cryptography knows them: making, closing, opening; and those in use."""

import base64
import hashlib
import json
from datetime import datetime
from typing import Any

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.identity.keys.domain import SigningKey
from services.identity.vault import Vault
from shared.caller import ALGORITHM
from shared.clock import Clock
from shared.contracts.identity import KeyPublished
from shared.store import Unavailable


class Keyring:
    """The keys this process has opened, and the public ones that count (`published`, by `kid`)."""

    def __init__(self, clock: Clock, passphrase: str, vault: Vault) -> None:
        self._clock, self._passphrase, self._vault = clock, passphrase.encode(), vault
        self.published: dict[str, KeyPublished] = {}
        self._open: dict[str, ec.EllipticCurvePrivateKey] = {}
        self._keys: list[SigningKey] = []

    def new_pair(self) -> tuple[ec.EllipticCurvePrivateKey, KeyPublished, str]:
        """A fresh P-256 key: its private half, its public JWK, and the private half closed."""
        private = ec.generate_private_key(ec.SECP256R1())
        plain = private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = _jwk(private.public_key())
        return private, public, self._vault.close(plain, _about(public.kid))

    def opened(self, key: SigningKey) -> ec.EllipticCurvePrivateKey:
        """The private half. Raises `ValueError` where the passphrase is not the one it was closed with."""
        if (known := self._open.get(key.id)) is not None:
            return known
        if key.private_pem.startswith("-----BEGIN"):  # closed by an earlier version
            private = serialization.load_pem_private_key(key.private_pem.encode(), self._passphrase)
        else:
            private = serialization.load_der_private_key(self._plain(key), None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise TypeError("the stored key is not an elliptic curve key")
        return private

    def _plain(self, key: SigningKey) -> bytes:
        try:
            return self._vault.open(key.private_pem, _about(key.public.kid))
        except InvalidTag:
            raise ValueError("another passphrase, or another key's name") from None

    def hold(self, id_: str, private: ec.EllipticCurvePrivateKey) -> None:
        """A key that was just made needs no opening, which is slow on purpose."""
        self._open[id_] = private

    def use(self, keys: dict[str, ec.EllipticCurvePrivateKey], known: list[SigningKey]) -> None:
        """These are all the keys there are, with their private halves by id."""
        self._open, self._keys = keys, sorted(known, key=lambda key: (key.begins_at, key.id))
        # In place: whoever verifies holds this very mapping.
        for kid in self.published.keys() - {key.public.kid for key in known}:
            del self.published[kid]
        self.published.update({key.public.kid: key.public for key in known})

    def signing(self, now: datetime) -> SigningKey | None:
        """The key that signs: of those that have begun and are not over the one that began last."""
        begun = [key for key in self._keys if key.begins_at <= now and not key.is_over(now)]
        return begun[-1] if begun else None

    def ready(self) -> SigningKey:
        """The key that signs now. Raises `Unavailable` before one is opened."""
        if (key := self.signing(self._clock.now())) is None:
            raise Unavailable("the signing key is not open yet")
        return key

    def sign(self, claims: dict[str, Any], kind: str) -> str:
        """A compact JWS of the claims with `typ` kind. Raises `Unavailable` before a key is opened."""
        key = self.ready()
        return jwt.encode(claims, self._open[key.id], ALGORITHM, {"typ": kind, "kid": key.public.kid})

    def verify(self, token: str, kind: str, **checks: Any) -> dict[str, Any]:
        """The claims of a token of ours of that `typ`, expired or not. Raises `jwt.PyJWTError` or `KeyError`, and
        `Unavailable` before a key is opened: then nobody knows what is ours."""
        if not self._keys:
            raise Unavailable("no key is open yet")
        header = jwt.get_unverified_header(token)
        if header.get("typ") != kind:
            raise jwt.InvalidTokenError("another kind of token")
        row = self.published[header["kid"]]
        if row.not_after is not None and row.not_after <= self._clock.now():
            raise KeyError("the key is over")
        # Times are whoever asks to judge, by our own clock.
        times = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
        options = times | {"strict_aud": True, "verify_aud": "audience" in checks}
        key = jwt.PyJWK(jwk(row), ALGORITHM)
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=[ALGORITHM], options=options, **checks)  # type: ignore[arg-type]
        return claims


def _about(kid: str) -> str:
    return f"signing key {kid}"


def jwk(row: KeyPublished) -> dict[str, str]:
    """The public key as RFC 7517 has it, without our own field."""
    return row.model_dump(exclude={"not_after"})


def _jwk(public: ec.EllipticCurvePublicKey) -> KeyPublished:
    """`kid` is the JWK thumbprint (RFC 7638): another key never goes by the same name."""
    numbers = public.public_numbers()
    x, y = (_base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    thumbprint = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"))
    return KeyPublished(kid=_base64url(hashlib.sha256(thumbprint.encode()).digest()), x=x, y=y)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
