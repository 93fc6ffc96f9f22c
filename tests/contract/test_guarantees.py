"""docs/guarantees.md says what the code does: its timetable is made of settings and constants, its tests are there."""

import re
from pathlib import Path

import pytest

from services.notifications.settings import NotificationsSettings
from tests.contract.guarantees import PAGE, timetable, written

ROOT = PAGE.parents[1]


def test_the_timetable_is_as_the_code_has_it() -> None:
    assert PAGE.read_text(encoding="utf-8") == written(), "write it with: make specs"


def test_another_setting_makes_another_timetable(monkeypatch: pytest.MonkeyPatch) -> None:
    before = timetable()
    monkeypatch.setattr(NotificationsSettings.model_fields["mail_attempts"], "default", 7)
    assert before != timetable()


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE.read_text(encoding="utf-8"))
    assert len(named) >= 20
    for path, test in named:
        assert (ROOT / path).is_file(), path
        assert not test or f"def {test}(" in (ROOT / Path(path)).read_text(encoding="utf-8"), f"{path}::{test}"
