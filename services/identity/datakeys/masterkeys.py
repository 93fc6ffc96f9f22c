"""Master keys close data keys. They are in a file, or in a key management service behind the same three calls.

`python -m services.identity.datakeys.masterkeys` puts a new one on top of the file `TONGBAN_MASTER_KEY_FILE`: from then
on it closes, and those below open what they closed.
"""

import os
import re
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.store import Unavailable

SETTING = "TONGBAN_MASTER_KEY_FILE"
NONCE = 12
LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63}) ([0-9a-f]{64})")


class MasterKeys(Protocol):
    """Whoever has them: a file, or a service that never gives them away. `context` is bound to what is closed.

    All raise `Unavailable`: not now, or the key is not there.
    """

    async def current(self) -> str:
        """The name of the key that closes from now on."""
        ...

    async def wrap(self, name: str, key: bytes, context: str) -> bytes:
        """A data key, closed by the master key of this name."""
        ...

    async def unwrap(self, name: str, closed: bytes, context: str) -> bytes:
        """The data key. Raises `ValueError` where it is not what was closed by this key in this context."""
        ...


class MasterKeyFile:
    """Master keys in a file: one a line, its name and 64 hexadecimal digits; the first one closes, all open.

    It is read again when it changed, so that keys come and go while the service runs.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: Mapping[str, AESGCM] = {}
        self._seen: tuple[int, int, int] | None = None

    async def current(self) -> str:
        """See `MasterKeys`. Raises `ValueError` for a file that cannot be understood."""
        return next(iter(self._read()))

    async def wrap(self, name: str, key: bytes, context: str) -> bytes:
        """See `MasterKeys`."""
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._named(name).encrypt(nonce, key, context.encode())

    async def unwrap(self, name: str, closed: bytes, context: str) -> bytes:
        """See `MasterKeys`."""
        try:
            return self._named(name).decrypt(closed[:NONCE], closed[NONCE:], context.encode())
        except InvalidTag:
            raise ValueError(f"the master key {name} does not open this: another key goes by its name") from None

    def _named(self, name: str) -> AESGCM:
        with suppress(ValueError, Unavailable):  # a slip of the pen stops nobody who reads: `current` tells it
            self._read()
        if name not in self._keys:
            raise Unavailable(f"there is no master key {name} in {SETTING}")
        return self._keys[name]

    def _read(self) -> Mapping[str, AESGCM]:
        try:
            now = self._path.stat()
            if (seen := (now.st_mtime_ns, now.st_size, now.st_ino)) != self._seen:
                self._keys, self._seen = parsed(self._path.read_text(encoding="utf-8")), seen
        except OSError as exc:
            raise Unavailable(f"{SETTING} cannot be read: {exc.strerror}") from exc
        return self._keys

    def make(self) -> None:
        """Make it with a first key, unless it is there."""
        if self._path.exists():
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = _draft(self._path, _new_line())
        try:
            os.link(draft, self._path)  # of two that start at once the slower one takes the other's
        except FileExistsError:
            return
        finally:
            draft.unlink()

    def add(self) -> str:
        """Put a new key on top, and return its name."""
        kept = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        if kept:
            parsed(kept)
        line = _new_line()
        _draft(self._path, line + kept).replace(self._path)
        return line.split()[0]


def parsed(text: str) -> Mapping[str, AESGCM]:
    """The keys of a file by name, in its order. Raises `ValueError`, which tells lines and never what is in them."""
    keys: dict[str, AESGCM] = {}
    for n, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if (found := LINE.fullmatch(line.strip())) is None:
            raise ValueError(f"{SETTING}, line {n}: a name and 64 hexadecimal digits are wanted")
        if found[1] in keys:
            raise ValueError(f"{SETTING}, line {n}: the name is taken")
        keys[found[1]] = AESGCM(bytes.fromhex(found[2]))
    if not keys:
        raise ValueError(f"{SETTING}: there is no key in it")
    return keys


def _new_line() -> str:
    return f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(3)} {secrets.token_hex(32)}\n"


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def main() -> int:
    """Add a key to the file of the environment, and say its name."""
    if not (path := os.environ.get(SETTING)):
        sys.stderr.write(f"{SETTING} is missing\n")
        return 2
    try:
        sys.stdout.write(f"{MasterKeyFile(Path(path)).add()}\n")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
