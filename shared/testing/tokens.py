"""An identity of the test's own: signs access tokens, and says its key on `identity.keys`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from shared.caller import Kind, Power, Role
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
        self,
        sub: str,
        kind: Kind = "person",
        org: str | None = None,
        division: str | None = None,
        *roles: Role,
        **more: Any,
    ) -> str:
        """An access token; `more`: further claims."""
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
            "scope": "services",
            **more,
        }
        return jwt.encode(claims, self.key, "ES256", {"typ": "at+jwt", "kid": self.kid})

    def acting(
        self,
        agent: str,
        principal: str,
        acts: Sequence[Power] = ("apply", "see", "supply"),
        items: Sequence[str] = (),
        most_cases: int | None = None,
    ) -> dict[str, str]:
        """The header of somebody who acts for somebody else."""
        id_ = f"mandate-{agent}-{principal}"
        mandate = {
            "id": id_, "acts": list(acts), "items": list(items), "most_cases": most_cases, "versions": {id_: 1},
        }  # fmt: skip
        return {"Authorization": f"Bearer {self.token(principal, act={'sub': agent}, mandate=mandate)}"}

    def bearer(
        self, sub: str, kind: Kind = "person", org: str | None = None, division: str | None = None, *roles: Role
    ) -> dict[str, str]:
        """The header that goes with a request."""
        return {"Authorization": f"Bearer {self.token(sub, kind, org, division, *roles)}"}
