"""docs/guarantees.md says what the code does: its timetable is made of settings and constants, its tests are there.

So are those of docs/security.md."""

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


@pytest.mark.parametrize(("page", "least"), [("guarantees.md", 20), ("security.md", 20)])
def test_every_test_that_a_page_names_is_there(page: str, least: int) -> None:
    """A test without a file is one of the file named before it."""
    named = re.findall(r"`(tests/[\w/]+\.py)?(?:::(\w+))?`", PAGE.with_name(page).read_text(encoding="utf-8"))
    assert sum(any(one) for one in named) >= least
    path = ""
    for file, test in named:
        path = file or path
        assert (ROOT / path).is_file(), path
        assert not test or f"def {test}(" in (ROOT / Path(path)).read_text(encoding="utf-8"), f"{path}::{test}"
