"""Codes that people read and type: of an app (RFC 6238), and for recovery."""

import base64
import re
import secrets
from datetime import datetime

import segno
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP

DIGITS, STEP_S = 6, 30
ISSUER = "Tongban"
"""As the app shows it; one word of Latin letters keeps the picture small."""
SECRET_BYTES = 20
"""As long as the digest of SHA-1, which is all that the usual apps know (RFC 4226 section 4)."""
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letter looks like a digit."""
RECOVERY_LENGTH, GROUP = 25, 5


def new_secret() -> bytes:
    """The secret of an app."""
    return secrets.token_bytes(SECRET_BYTES)


def spelled(secret: bytes) -> str:
    """A secret for people who type it, in groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def address(secret: bytes, login: str) -> str:
    """What the app reads."""
    return TOTP(secret, DIGITS, SHA1(), STEP_S).get_provisioning_uri(login, ISSUER)  # noqa: S303 - see SECRET_BYTES


def picture(text: str) -> str:
    """The same as a QR code, in SVG without styles of its own."""
    return segno.make(text, error="m").svg_inline(
        scale=4, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True
    )


def step_of(secret: bytes, code: str, now: datetime) -> int | None:
    """The time step whose code this is: the present one, or its neighbours, as clocks differ; `None`: of none."""
    typed = re.sub(r"\s", "", code)
    if not re.fullmatch(r"[0-9]{6}", typed):
        return None
    codes, present = HOTP(secret, DIGITS, SHA1()), int(now.timestamp()) // STEP_S  # noqa: S303
    for step in (present, present - 1, present + 1):
        try:
            codes.verify(typed.encode(), step)
        except InvalidToken:
            continue
        return step
    return None


def new_recovery_codes(count: int) -> list[str]:
    """So many codes, as `normal` leaves them."""
    return ["".join(secrets.choice(ALPHABET) for _ in range(RECOVERY_LENGTH)) for _ in range(count)]


def grouped(code: str) -> str:
    """A recovery code for people."""
    return "-".join(code[at : at + GROUP] for at in range(0, len(code), GROUP))


def normal(typed: str) -> str:
    """A recovery code as it was made, however it was typed."""
    text = re.sub(r"[\s-]", "", typed.lower())
    return text.replace("o", "0").replace("i", "1").replace("l", "1")
