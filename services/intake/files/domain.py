"""An uploaded file: who gave it, what it is, and the digest that is its address in the object store."""

from datetime import datetime

from shared.aggregate import Aggregate

SIGNATURES: dict[str, bytes] = {
    "application/pdf": b"%PDF-",
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
}
"""What a file of each accepted kind begins with."""


class File(Aggregate):
    """The same bytes uploaded again by the same person are the same file."""

    owner: str
    sha256: str
    size: int
    media_type: str
    name: str
    uploaded_at: datetime


def looks_like(media_type: str, head: bytes) -> bool:
    """Whether the first bytes are those of the kind the file claims to be."""
    return head.startswith(SIGNATURES[media_type])
