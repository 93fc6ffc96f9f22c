"""Which passwords nobody may choose: those that are tried first, and those made of what is known of the person or the
service (OWASP ASVS 5.0, 6.2.4, 6.2.11, 6.2.12). Of what kinds of characters one is made is nobody's business (6.2.5).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from shared.errors import Fault

COMMON = Path(__file__).parent / "common.txt"
"""One in a line, in small letters (`common.md`). It is read whenever somebody chooses a password, which takes less than
a millisecond beside the hash, and not kept: a set of them would be two megabytes for ever."""
SERVICE = ("tongban", "通办")
LETTERS_LEFT = 4
"""With a known word in it, a password has at least so many letters besides."""
SHORTEST_WORD = 4
"""In bytes: two Chinese characters may be a name, two Latin letters are in every password, and in many a name. What is
shorter is no known word, nor is a password part of one for that: it may be all signs, of which nothing is known."""
_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")


class Known(Protocol):
    """What others know of a person."""

    @property
    def login(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def mail(self) -> str | None: ...
    @property
    def phone(self) -> str | None: ...


def faults_of(password: str, words: Iterable[str], pointer: str) -> list[Fault]:
    """Why somebody of whom these words are known may not choose this password; none: they may."""
    if _is_common(password):
        return [Fault(pointer, "common", "is among those that are tried first")]
    if _is_known(_core(password), words):
        return [Fault(pointer, "guessable", "is little more than a name, number or date that others know")]
    return []


def words_of(person: Known) -> Iterator[str]:
    """What is known of a person. Dates of birth, and with them ID numbers, are known of everybody: see `_is_known`."""
    yield from (person.login, person.name, *person.name.split())
    if person.mail is not None:
        yield from (person.mail, person.mail.partition("@")[0])
    if person.phone is not None:
        yield from (person.phone, _core(person.phone)[-11:])  # a mobile number without +86


def _is_common(password: str) -> bool:
    """Whether it is on the list, however it is written or drawn apart."""
    known = b"\n" + COMMON.read_bytes()
    return any(b"\n%b\n" % one.encode() in known for one in (_small(password), _core(password)))


def _is_known(core: str, words: Iterable[str]) -> bool:
    """Whether little is left of it without the words and without anybody's date of birth, or it is part of one."""
    left = _DATE.sub("\0", core)
    for word in sorted({_core(word) for word in words}, key=len, reverse=True):
        if len(word.encode()) >= SHORTEST_WORD:
            if len(core.encode()) >= SHORTEST_WORD and core in word:
                return True
            left = left.replace(word, "\0")
    return "\0" in left and sum(map(str.isalpha, left)) < LETTERS_LEFT


def _small(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _core(text: str) -> str:
    """Its letters and digits."""
    return "".join(filter(str.isalnum, _small(text)))
