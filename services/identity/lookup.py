"""Values that are searched for and compared, and not kept: the store has only their keyed digests."""

import hashlib
import hmac


class Lookup:
    """HMAC-SHA256 under a key of the settings: who has the store alone cannot try all ID numbers until one fits.

    Apart from `shared.lookup`, for it takes several parts, each with its length before it; accounts are known by these
    digests for good, so they stay.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def digest(self, kind: str, *parts: str) -> str:
        """The digest (hex) of a value of this kind; equal values of two kinds have nothing in common."""
        raw = (part.encode() for part in (kind, *parts))
        return hmac.new(self._key, b"".join(b"%d:%s" % (len(one), one) for one in raw), hashlib.sha256).hexdigest()
