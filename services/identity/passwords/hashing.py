"""Passwords and client secrets: argon2id, off the event loop, a bounded number at once."""

import asyncio
import hashlib
import secrets
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

T = TypeVar("T")
AT_ONCE = 2
NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$dT+7n4BSjYV8fBpzLFAQQg$VL+8BhWXV75jTAs0+Mr0Cur9I1Be/ADhpz1RWJJ/kFw"
"""Of a random password that was thrown away: who is compared with it is refused as slowly as anybody."""
REMEMBERED = 1_000
"""Programs whose secret was shown of late."""


class Passwords:
    """Hashes with 19 MiB, two passes, one lane: the first choice of OWASP's password storage guide. Tests that are not
    about that take less. libsodium makes them, as it takes the widest vectors that a processor has (ADR 21)."""

    def __init__(self, memory_kib: int = 19 * 1024, passes: int = 2) -> None:
        self._memory, self._passes = memory_kib * 1024, passes
        self._today = f"$argon2id$v=19$m={memory_kib},t={passes},p=1$"
        self._pool = ThreadPoolExecutor(AT_ONCE, "argon2")
        self._salt, self._shown = secrets.token_bytes(32), OrderedDict[bytes, None]()

    async def hash(self, password: str) -> str:
        """A hash to keep."""
        return await self._run(lambda: self._hash(password))

    async def fits(self, kept: str | None, password: str) -> bool:
        """Whether the password is the one kept. `None` (nobody of that name) takes as long as any other."""
        return await self._run(lambda: self._verify(kept or NOBODYS, password)) and kept is not None

    async def fits_program(self, kept: str | None, secret: str) -> bool:
        """`fits` for a program, which asks often: what was right once is known by a keyed digest in this process's
        memory. A guesser gains nothing, as a wrong one takes its time whenever it comes."""
        shown = hashlib.blake2b(f"{kept}\0{secret}".encode(), key=self._salt).digest()
        if shown in self._shown:
            self._shown.move_to_end(shown)
            return True
        if not await self.fits(kept, secret):
            return False
        self._shown[shown] = None
        if len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)
        return True

    def is_dated(self, kept: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return not kept.startswith(self._today)

    async def kept_or_new(self, kept: str | None, password: str) -> str:
        """The hash that is kept where it fits, else a new one: the same password again changes nothing."""
        return kept if kept is not None and await self.fits(kept, password) else await self.hash(password)

    def _hash(self, password: str) -> str:
        padded = argon2id.str(plain(password), opslimit=self._passes, memlimit=self._memory)
        return padded.rstrip(b"\0").decode()

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return argon2id.verify(kept.encode(), plain(password))
        except (CryptoError, ValueError):  # another password, or no hash at all
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def plain(password: str) -> bytes:
    """One spelling for characters that keyboards compose differently (NIST SP 800-63B section 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode()
