"""Who acts, as a record may say it."""

import base64
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from shared.caller import Caller
from shared.contracts.acts import Actor
from shared.lookup import keyed_digest

CHARACTERS = 12
"""Of a digest: 60 bits."""


class Places:
    """Digests of addresses, and of what people typed, under a key that is for this alone: whoever knows an address from
    elsewhere, and has the key, can ask whether it is the same. From the digest alone nobody comes back to it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, address: str) -> str:
        """The digest of a network address. Of IPv6 the first half counts: the rest changes by the day (RFC 8981)."""
        try:
            known = ip_address(address)
        except ValueError:  # a socket file, or a test
            return self.digest("place", address)
        if isinstance(known, IPv6Address) and known.ipv4_mapped is not None:
            known = known.ipv4_mapped
        raw = known.packed if isinstance(known, IPv4Address) else known.packed[:8]
        return self.digest("place", raw.hex())

    def digest(self, kind: str, text: str) -> str:
        """The digest of some other text that is nobody's business, apart from those of other kinds."""
        whole = text.encode("utf-8", "replace").decode()  # people type whatever they like
        raw = keyed_digest(self._key, kind, whole)
        return base64.b32encode(raw).decode()[:CHARACTERS].lower()


@dataclass(frozen=True, slots=True)
class Doing:
    """A caller, and how records tell who it is."""

    caller: Caller
    by: Actor


def of_caller(caller: Caller, place: str) -> Actor:
    """A verified caller."""
    return Actor(
        kind=caller.kind,
        account=caller.person,
        client=caller.client,
        session=caller.session,
        behalf=caller.id if caller.actor is not None else None,
        place=place,
    )


def visitor(place: str) -> Actor:
    """Nobody knows who."""
    return Actor(kind="visitor", place=place)


def of_service(name: str) -> Actor:
    """A service, by its own clock or settings."""
    return Actor(kind="service", account=name)
