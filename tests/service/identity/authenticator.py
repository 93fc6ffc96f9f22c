"""A device with passkeys, in software: what a browser and its authenticator would send, and what a thief might."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40
"""Present, verified, may be copied, is copied, a key is told (Web Authentication section 6.1)."""


@dataclass
class Passkey:
    """A key pair for a site and a person."""

    site: str
    handle: str
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    counter: int = 0

    @property
    def name(self) -> str:
        return bytes_to_base64url(self.id)

    def cose(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        return encode_cbor({1: 2, 3: -7, -1: 1, -2: x, -3: y})


@dataclass
class Device:
    """A device of somebody's. `is_synced`: its maker copies the keys, and counts nothing."""

    origin: str = "http://localhost:8101"
    is_synced: bool = False
    flags: int = UP | UV
    passkeys: list[Passkey] = field(default_factory=list)

    def make(self, options: dict[str, Any], **changes: Any) -> str:
        """The answer of `navigator.credentials.create`."""
        passkey = Passkey(options["rp"]["id"], options["user"]["id"])
        self.passkeys.append(passkey)
        told = bytes(16) + len(passkey.id).to_bytes(2, "big") + passkey.id + passkey.cose()
        data = self._data(passkey, AT) + told
        response = {
            "clientDataJSON": self._client_data("webauthn.create", options, changes),
            "attestationObject": bytes_to_base64url(encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return self._answer(passkey, response)

    def use(self, options: dict[str, Any], passkey: Passkey | None = None, **changes: Any) -> str:
        """The answer of `navigator.credentials.get`; `changes` to what the browser says about where it is."""
        used = passkey or self.passkeys[-1]
        if not self.is_synced:
            used.counter += 1
        data, client = self._data(used), self._client_data("webauthn.get", options, changes)
        signed = data + hashlib.sha256(base64url_to_bytes(client)).digest()
        response = {
            "clientDataJSON": client,
            "authenticatorData": bytes_to_base64url(data),
            "signature": bytes_to_base64url(used.key.sign(signed, ec.ECDSA(SHA256()))),
            "userHandle": used.handle,
        }
        return self._answer(used, response)

    def _data(self, passkey: Passkey, more: int = 0) -> bytes:
        flags = self.flags | more | (BE | BS if self.is_synced else 0)
        return hashlib.sha256(passkey.site.encode()).digest() + bytes([flags]) + passkey.counter.to_bytes(4, "big")

    def _client_data(self, kind: str, options: dict[str, Any], changes: dict[str, Any]) -> str:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False} | changes
        return bytes_to_base64url(json.dumps(said).encode())

    @staticmethod
    def _answer(passkey: Passkey, response: dict[str, str]) -> str:
        return json.dumps({"id": passkey.name, "rawId": passkey.name, "type": "public-key", "response": response})
