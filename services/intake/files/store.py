"""The object store: any that obstore knows; objects lie under their SHA-256."""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import obstore
from obstore.exceptions import GenericError
from obstore.store import LocalStore, ObjectStore, from_url

from shared.errors import Invalid
from shared.ids import new_id
from shared.store import Unavailable


@dataclass(frozen=True)
class Stored:
    """What came in."""

    sha256: str
    size: int
    head: bytes


class TooLarge(Invalid):
    """More bytes than are taken."""

    status = 413
    code = "content_too_large"


class Objects:
    """Content-addressed: `put` tells the digest, `get` and `matches` ask by it."""

    def __init__(self, url: str) -> None:
        parsed = urlparse(url)
        self._store: ObjectStore = (
            LocalStore(Path(parsed.path), mkdir=True) if parsed.scheme == "file" else from_url(url)
        )

    async def put(self, chunks: AsyncIterator[bytes], limit: int, check: Callable[[Stored], None]) -> Stored:
        """Take a stream of at most `limit` bytes, visible under its digest once it is whole and checked.

        Raises `TooLarge`, what `check` raises, and `Unavailable` where there is no room; nothing is left then.
        """
        incoming = f"incoming/{new_id('upload')}"
        digest, size, head = hashlib.sha256(), 0, b""

        async def measured() -> AsyncIterator[bytes]:
            nonlocal size, head
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise TooLarge(f"A file has at most {limit} bytes")
                digest.update(chunk)
                head = head if len(head) >= 16 else head + chunk[:16]
                yield chunk

        try:
            with _reached():
                await obstore.put_async(self._store, incoming, measured())
                stored = Stored(digest.hexdigest(), size, head)
                check(stored)
                await obstore.rename_async(self._store, incoming, _path(digest.hexdigest()))
        except BaseException:
            with contextlib.suppress(FileNotFoundError, GenericError):  # it never got as far, or cannot be reached
                await obstore.delete_async(self._store, incoming)
            raise
        return stored

    async def has(self, sha256: str) -> bool:
        """Whether the object is there."""
        try:
            with _reached():
                await obstore.head_async(self._store, _path(sha256))
        except FileNotFoundError:
            return False
        return True

    async def get(self, sha256: str) -> AsyncIterator[bytes]:
        """The bytes under a digest, in chunks; raises `FileNotFoundError`."""
        with _reached():
            found = await obstore.get_async(self._store, _path(sha256))
            async for chunk in found.stream(min_chunk_size=256 * 1024):
                yield bytes(chunk)

    async def matches(self, sha256: str) -> bool | None:
        """Whether the object still is what its digest says; `None` when it is gone."""
        digest = hashlib.sha256()
        try:
            async for chunk in self.get(sha256):
                digest.update(chunk)
        except FileNotFoundError:
            return None
        return digest.hexdigest() == sha256


@contextlib.contextmanager
def _reached() -> Iterator[None]:
    """A disk that is full, a server that does not answer: trying again later is right."""
    try:
        yield
    except GenericError as exc:
        raise Unavailable("the object store") from exc


def _path(sha256: str) -> str:
    return f"sha256/{sha256[:2]}/{sha256}"
