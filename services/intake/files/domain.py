"""An uploaded file: who gave it, what it is, and the digest that is its address in the object store."""

import re
from datetime import datetime

from shared.aggregate import Aggregate

SIGNATURES: dict[str, bytes] = {
    "application/pdf": b"%PDF-",
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
}
"""What a file of each accepted kind begins with."""
ENDINGS: dict[str, tuple[str, ...]] = {
    "application/pdf": (".pdf",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
}
"""How the name of a file of each kind may end; the first is how we call it."""


class File(Aggregate):
    """The same bytes uploaded again by the same person are the same file."""

    owner: str
    sha256: str
    size: int
    media_type: str
    name: str
    uploaded_at: datetime

    @property
    def own_name(self) -> str:
        """What it is called when it is handed out: nothing in it was typed by anybody."""
        return f"{self.id}{ENDINGS[self.media_type][0]}"


def looks_like(media_type: str, head: bytes) -> bool:
    """Whether the first bytes are those of the kind the file claims to be."""
    return head.startswith(SIGNATURES[media_type])


def goes_with(media_type: str, name: str) -> bool:
    """Whether a file of this kind may be called so: no path, nothing invisible, its kind's ending or none at all."""
    if not name.isprintable() or re.search(r"[/\\]", name) or not name.strip(". "):
        return False
    return "." not in name or name.lower().endswith(ENDINGS[media_type])
