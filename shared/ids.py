"""Ids: `<prefix>-<26 characters>`, lower case, safe in URLs, topic keys and file names."""

import base64
import hashlib

from ulid import ULID


def new_id(prefix: str) -> str:
    """A fresh id that sorts by time of making, e.g. `case-01jd3v…` (a ULID)."""
    return f"{prefix}-{str(ULID()).lower()}"


def derived_id(prefix: str, *parts: str) -> str:
    """The same id for the same parts, for effects that must happen once: SHA-256 in 26 characters of base32 (130 bits).

    Parts are joined with their lengths, so ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.sha256(b"".join(b"%d:%s" % (len(raw), raw) for raw in (part.encode() for part in parts)))
    return f"{prefix}-{base64.b32encode(digest.digest()).decode()[:26].lower()}"
