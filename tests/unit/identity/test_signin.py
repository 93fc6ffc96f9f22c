"""Codes, delays and languages of sign-in."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from services.identity.signin.domain import CODE_LIFE, Grant, InvalidGrant
from services.identity.signin.texts import preferred, words
from services.identity.signin.throttle import FREE, LONGEST_S, REMEMBERED, Throttle

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # the example of RFC 7636, appendix B
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
RETURN = "https://a.example.org/back"


def grant() -> Grant:
    return Grant(
        id="grant-1",
        client="web",
        redirect_uri=RETURN,
        challenge=CHALLENGE,
        session="session-1",
        expires_at=NOW + CODE_LIFE,
    )


def test_a_code_is_redeemed_with_the_proof_of_rfc_7636() -> None:
    used = grant()
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
    kept = grant()
    with pytest.raises(InvalidGrant):
        kept.redeem(client, address, verifier, NOW + timedelta(seconds=later))
    assert not kept.redeemed


def test_the_example_is_what_we_compute() -> None:
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == CHALLENGE


def test_the_delay_grows_to_a_minute_and_passes() -> None:
    throttle, now, waits = Throttle(), NOW, []
    for _ in range(FREE + 8):
        throttle.tried("li.na", now)
        waits.append(throttle.wait("li.na", now))
        now += timedelta(seconds=waits[-1])
        assert throttle.wait("li.na", now) == 0
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert max(waits) == LONGEST_S


def test_success_forgets_and_others_are_not_concerned() -> None:
    throttle = Throttle()
    for _ in range(FREE + 3):
        throttle.tried("li.na", NOW)
    assert throttle.wait("li.na", NOW) > 0
    assert throttle.wait("wang", NOW) == 0
    throttle.succeeded("li.na")
    assert throttle.wait("li.na", NOW) == 0


def test_the_memory_of_tries_is_bounded() -> None:
    throttle = Throttle()
    for number in range(REMEMBERED + 50):
        throttle.tried(f"login-{number}", NOW)
    assert len(throttle._tries) == REMEMBERED


@pytest.mark.parametrize(
    ("wanted", "accepted", "language"),
    [
        ("", "", "zh"),
        ("", "en-GB,en;q=0.9", "en"),
        ("", "fr,en;q=0.8,zh;q=0.5", "en"),
        ("", "zh-Hans-CN", "zh"),
        ("en", "zh", "en"),
        ("fr zh", "en", "zh"),
        ("fr", "de", "zh"),
    ],
)
def test_the_page_speaks_the_reader_s_language(wanted: str, accepted: str, language: str) -> None:
    assert preferred(wanted, accepted) == language


def test_every_word_is_there_in_both_languages() -> None:
    assert words("zh").keys() == words("en").keys()
    assert all(words("zh")[key] != words("en")[key] for key in words("en"))
