"""Delays and languages of sign-in."""

from datetime import UTC, datetime, timedelta

import pytest

from services.identity.sessions.texts import WORDS as SIGNING_OUT
from services.identity.signin.texts import WORDS as SIGNING_IN
from services.identity.signin.throttle import FREE, LONGEST_S, REMEMBERED, Throttle
from services.identity.texts import preferred, words
from shared.contracts import Text

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


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


@pytest.mark.parametrize("own", [SIGNING_IN, SIGNING_OUT])
def test_every_word_differs_by_language(own: dict[str, Text]) -> None:
    assert all(words("zh", own)[key] != words("en", own)[key] for key in words("en", own))
