"""docs/guarantees.md says what the code does: its timetable is made of settings and constants, its tests are there.

So are the tests and places that docs/security.md and docs/asvs.md name."""

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


NAMED = re.compile(
    r"`((?:tests|services|shared|deploy|docs)(?:/[\w.-]+)*|docker-compose\.yml|pyproject\.toml|requirements[\w-]*\.lock)?"
    r"(?:::(\w+))?`"
)
"""A file or folder, and what is in it; without a file: in the one that was named before."""


@pytest.mark.parametrize(("page", "least"), [("guarantees.md", 20), ("security.md", 100), ("asvs.md", 200)])
def test_every_test_and_place_that_a_page_names_is_there(page: str, least: int) -> None:
    named = [one.groups() for one in NAMED.finditer(PAGE.with_name(page).read_text(encoding="utf-8"))]
    assert sum(any(one) for one in named) >= least
    path = ""
    for file, name in named:
        path = file or path
        assert (ROOT / path).exists(), path
        assert not name or _has(ROOT / path, name), f"{path}::{name}"


def test_what_is_not_there_is_seen() -> None:
    assert _has(Path(__file__), "test_what_is_not_there_is_seen")
    assert not _has(Path(__file__), "test_what_is_not_there")


def _has(path: Path, name: str) -> bool:
    """Whether a file of Python makes something of that name."""
    return (
        re.search(rf"(?m)^\s*(?:async )?(?:def|class) {name}\b|^{name}\b", path.read_text(encoding="utf-8")) is not None
    )
