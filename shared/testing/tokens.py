"""An identity of the test's own: signs access tokens, and says its key on `identity.keys`."""

from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from shared.caller import Kind, Role
from shared.clock import Clock
from shared.contracts.identity import KeyPublished
from shared.testing.bus import MemoryBus

ISSUER = "http://127.0.0.1:8101"


@dataclass
class FakeIdentity:
    """Tokens of five minutes by this clock."""

    clock: Clock
    kid: str = "key-test"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    async def publish(self, bus: MemoryBus) -> None:
        """Put the public key on its topic."""
        jwk = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        row = KeyPublished(kid=self.kid, x=str(jwk["x"]), y=str(jwk["y"]))
        await bus.say("identity.keys", row, key=self.kid, id_=f"{self.kid}:1", ce_sequence="1")

    def token(
        self, sub: str, kind: Kind = "person", org: str | None = None, division: str | None = None, *roles: Role
    ) -> str:
        """An access token."""
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "sub": sub,
            "aud": "tongban",
            "iat": now,
            "exp": now + 300,
            "jti": f"{sub}-{now}",
            "client_id": "test",
            "kind": kind,
            "org": org,
            "division": division,
            "roles": list(roles),
        }
        return jwt.encode(claims, self.key, "ES256", {"typ": "at+jwt", "kid": self.kid})

    def bearer(
        self, sub: str, kind: Kind = "person", org: str | None = None, division: str | None = None, *roles: Role
    ) -> dict[str, str]:
        """The header that goes with a request."""
        return {"Authorization": f"Bearer {self.token(sub, kind, org, division, *roles)}"}
