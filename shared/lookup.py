"""Keyed hashes: personal data is found by them and cannot be read from them, nor guessed without the key. Pure."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Mapping


def keyed_hash(key: bytes, kind: str, value: str) -> str:
    """HMAC-SHA-256 of a value as it is compared, in hex; one value of two kinds has two hashes.

    Kinds with rules of their own are `login`, `mail` and `phone`; of any other only width and case do not matter.
    """
    normal = _RULES.get(kind, _plain)(value)
    return hmac.new(key, f"{kind}\0{normal}".encode(), hashlib.sha256).hexdigest()


def _plain(value: str) -> str:
    return unicodedata.normalize("NFKC", value).strip().lower()


def _phone(value: str) -> str:
    """Digits only; a mobile number is the same with and without the country's 86 in front."""
    digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", value), flags=re.ASCII)
    return re.sub(r"^(00)?86(?=1\d{10}$)", "", digits)


_RULES: Mapping[str, Callable[[str], str]] = {"login": _plain, "mail": _plain, "phone": _phone}
