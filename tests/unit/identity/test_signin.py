"""Delays and languages of sign-in."""

from datetime import UTC, datetime, timedelta

import pytest

from services.identity.accounts.texts import WORDS as ACCOUNT
from services.identity.attempts.domain import ADDRESSES, CODES, PASSWORDS, Attempts, Limit
from services.identity.factors.texts import WORDS as FACTORS
from services.identity.passwords.texts import WORDS as PASSWORD
from services.identity.sessions.texts import WORDS as SIGNING_OUT
from services.identity.signin.domain import local
from services.identity.signin.texts import WORDS as SIGNING_IN
from services.identity.texts import preferred, words
from shared.contracts import Text

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("limit", "waits"),
    [
        (PASSWORDS, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]),
        (CODES, [0, 0, 0, 0, *(2**n for n in range(12)), 3600, 3600]),
    ],
)
def test_the_wait_grows_and_passes(limit: Limit, waits: list[int]) -> None:
    attempts, now = Attempts(id="attempts-1"), NOW
    for wait in waits:
        attempts.wrong, attempts.last = attempts.wrong + 1, now
        assert attempts.wait(limit, now) == wait
        assert wait == 0 or attempts.wait(limit, now + timedelta(seconds=wait - 1)) == 1
        now += timedelta(seconds=wait)
        assert attempts.wait(limit, now) == 0


@pytest.mark.parametrize(("wrong", "judged", "wait"), [(0, 4, 0), (0, 5, 1), (4, 0, 0), (4, 1, 1), (3, 1, 0)])
def test_those_that_are_judged_just_now_may_all_be_wrong(wrong: int, judged: int, wait: int) -> None:
    assert Attempts(id="attempts-1", wrong=wrong, last=NOW).wait(PASSWORDS, NOW, judged) == wait


def test_a_window_ends_by_the_clock() -> None:
    late = NOW + timedelta(minutes=14, seconds=59)
    assert ADDRESSES.begin(NOW) == ADDRESSES.begin(late) != ADDRESSES.begin(late + timedelta(seconds=1))
    assert ADDRESSES.until(NOW) == ADDRESSES.until(late) == NOW + timedelta(minutes=15)
    assert PASSWORDS.until(late) == late + PASSWORDS.kept


@pytest.mark.parametrize("path", ["/account", "/account?x=1#y", "/authorize/resume?request=a.b_c-d", "/"])
def test_a_path_of_ours_is_taken(path: str) -> None:
    assert local(path) == path


@pytest.mark.parametrize("path", ["", "account", "//x", "/\\x", "https://x/", "/a b", "/\t/x", "/a\\b", "/é", "/a\n"])
def test_anything_else_leads_to_the_start(path: str) -> None:
    assert local(path) == "/account"


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


@pytest.mark.parametrize("own", [SIGNING_IN, SIGNING_OUT, FACTORS, ACCOUNT, PASSWORD])
def test_every_word_differs_by_language(own: dict[str, Text]) -> None:
    assert all(words("zh", own)[key] != words("en", own)[key] for key in words("en", own))
