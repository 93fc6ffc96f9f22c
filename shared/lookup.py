"""Keyed digests: what must not be kept is found by them, and not read from them nor guessed without the key. Pure."""

import hmac
import re
import unicodedata
from collections.abc import Callable, Mapping


def keyed_digest(key: bytes, kind: str, text: str) -> bytes:
    """HMAC-SHA-256 of the very text; one text of two kinds has two digests. A kind has no NUL."""
    return hmac.digest(key, f"{kind}\0{text}".encode(), "sha256")


def keyed_hash(key: bytes, kind: str, value: str) -> str:
    """The digest of a value as it is compared, in hex.

    Kinds with rules of their own are `login`, `mail` and `phone`; of any other only width and case do not matter.
    """
    return keyed_digest(key, kind, _RULES.get(kind, _plain)(value)).hex()


def _plain(value: str) -> str:
    return unicodedata.normalize("NFKC", value).strip().lower()


def _phone(value: str) -> str:
    """Digits only; a mobile number is the same with and without the country's 86 in front."""
    digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", value), flags=re.ASCII)
    return re.sub(r"^(00)?86(?=1\d{10}$)", "", digits)


_RULES: Mapping[str, Callable[[str], str]] = {"login": _plain, "mail": _plain, "phone": _phone}
