"""Codes and refresh tokens: each is good once."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from services.identity.oauth import InvalidGrant
from services.identity.tokens.domain import CODE_LIFE, Code

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # the example of RFC 7636, appendix B
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
RETURN = "https://a.example.org/back"


def code() -> Code:
    return Code(
        id="code-1",
        client="web",
        redirect_uri=RETURN,
        challenge=CHALLENGE,
        session="session-1",
        scope="openid",
        expires_at=NOW + CODE_LIFE,
    )


def test_a_code_is_redeemed_with_the_proof_of_rfc_7636() -> None:
    used = code()
    used.redeem("web", RETURN, VERIFIER, NOW)
    assert used.redeemed
    with pytest.raises(InvalidGrant):
        used.redeem("web", RETURN, VERIFIER, NOW)


@pytest.mark.parametrize(
    ("client", "address", "verifier", "later"),
    [
        ("other", RETURN, VERIFIER, 0),
        ("web", RETURN + "/", VERIFIER, 0),
        ("web", RETURN, CHALLENGE, 0),
        ("web", RETURN, "", 0),
        ("web", RETURN, VERIFIER, 60),
    ],
)
def test_a_refused_code_stays_unused(client: str, address: str, verifier: str, later: int) -> None:
    kept = code()
    with pytest.raises(InvalidGrant):
        kept.redeem(client, address, verifier, NOW + timedelta(seconds=later))
    assert not kept.redeemed


def test_the_example_is_what_we_compute() -> None:
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == CHALLENGE
