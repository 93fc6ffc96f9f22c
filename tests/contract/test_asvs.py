"""docs/asvs.md answers each requirement of ASVS 5.0.0 of levels 1 and 2 once, and counts right."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "asvs.md"
# By section: the numbers of level 1, and those of level 2.
SECTIONS: dict[str, tuple[str, str]] = {
    "1.1": ("", "1 2"), "1.2": ("1 2 3 4 5", "6 7 8 9"), "1.3": ("1 2", "3 4 5 6 7 8 9 10 11"), "1.4": ("", "1 2 3"),
    "1.5": ("1", "2"), "2.1": ("1", "2 3"), "2.2": ("1 2", "3"), "2.3": ("1", "2 3 4"), "2.4": ("", "1"),
    "3.2": ("1 2", ""), "3.3": ("1", "2 3 4"), "3.4": ("1 2", "3 4 5 6"), "3.5": ("1 2 3", "4 5"), "3.7": ("", "1 2"),
    "4.1": ("1", "2 3"), "4.2": ("", "1"), "4.3": ("", "1 2"), "4.4": ("1", "2 3 4"), "5.1": ("", "1"),
    "5.2": ("1 2", "3"), "5.3": ("1 2", ""), "5.4": ("", "1 2 3"), "6.1": ("1", "2 3"),
    "6.2": ("1 2 3 4 5 6 7 8", "9 10 11 12"), "6.3": ("1 2", "3 4"), "6.4": ("1 2", "3 4"), "6.5": ("", "1 2 3 4 5"),
    "6.6": ("", "1 2 3"), "6.8": ("", "1 2 3 4"), "7.1": ("", "1 2 3"), "7.2": ("1 2 3 4", ""), "7.3": ("", "1 2"),
    "7.4": ("1 2", "3 4 5"), "7.5": ("", "1 2"), "7.6": ("", "1 2"), "8.1": ("1", "2"), "8.2": ("1 2", "3"),
    "8.3": ("1", ""), "8.4": ("", "1"), "9.1": ("1 2 3", ""), "9.2": ("1", "2 3 4"), "10.1": ("", "1 2"),
    "10.2": ("", "1 2"), "10.3": ("", "1 2 3 4"), "10.4": ("1 2 3 4 5", "6 7 8 9 10 11"), "10.5": ("", "1 2 3 4 5"),
    "10.6": ("", "1 2"), "10.7": ("", "1 2 3"), "11.1": ("", "1 2"), "11.2": ("", "1 2 3"), "11.3": ("1 2", "3"),
    "11.4": ("1", "2 3 4"), "11.5": ("", "1"), "11.6": ("", "1"), "12.1": ("1", "2 3"), "12.2": ("1 2", ""),
    "12.3": ("", "1 2 3 4"), "13.1": ("", "1"), "13.2": ("", "1 2 3 4 5"), "13.3": ("", "1 2"),
    "13.4": ("1", "2 3 4 5"), "14.1": ("", "1 2"), "14.2": ("1", "2 3 4"), "14.3": ("1", "2 3"), "15.1": ("1", "2 3"),
    "15.2": ("1", "2 3"), "15.3": ("1", "2 3 4 5 6 7"), "16.1": ("", "1"), "16.2": ("", "1 2 3 4 5"),
    "16.3": ("", "1 2 3 4"), "16.4": ("", "1 2 3"), "16.5": ("", "1 2 3"), "17.1": ("", "1"), "17.2": ("", "1 2 3 4"),
    "17.3": ("", "1 2"),
}  # fmt: skip


class Row(NamedTuple):
    """An answer, for one requirement."""

    number: str
    level: str
    state: str
    why: str
    shown: str


def rows() -> list[Row]:
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if re.match(r"\| \*{0,2}\d+\.\d+\.\d+", line)
    ]
    assert all(len(row) == 4 for row in cells), [row[0] for row in cells if len(row) != 4]
    return [
        Row(number.strip("*"), "1" if number.startswith("**") else "2", *rest)
        for numbers, *rest in cells
        for number in numbers.split(", ")
    ]


def test_each_requirement_is_answered_once_under_its_level() -> None:
    wanted = [
        (f"{section}.{number}", level)
        for section, levels in SECTIONS.items()
        for level, numbers in zip("12", levels, strict=True)
        for number in numbers.split()
    ]
    assert Counter(level for _, level in wanted) == {"1": 70, "2": 183}, "as the standard itself counts them"
    assert sorted((row.number, row.level) for row in rows()) == sorted(wanted)


def test_what_is_met_says_where_and_what_is_not_says_why() -> None:
    for row in rows():
        assert row.state in ("met", "n/a", "not met"), row
        assert row.why, row
        assert row.state != "met" or row.shown.startswith("`"), row


def test_the_page_counts_right() -> None:
    counted = Counter((row.level, row.state) for row in rows())
    for level in "12":
        line = " | ".join(str(counted[level, state]) for state in ("met", "n/a", "not met"))
        assert f"\n| {level} | {line} |\n" in PAGE.read_text(encoding="utf-8")
