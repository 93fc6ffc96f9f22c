"""Terms in working days, from the calendar that is data."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from services.intake.rules.domain import RulePack, WorkingDays

CALENDAR = yaml.safe_load((Path(__file__).parents[3] / "deploy" / "city" / "calendar.yaml").read_text())
DAYS = WorkingDays(id="calendar-city", **CALENDAR)


@pytest.mark.parametrize(
    ("start", "days", "end", "why"),
    [
        ("2026-03-02", 5, "2026-03-09", "over one weekend"),
        ("2026-03-06", 1, "2026-03-09", "from Friday to Monday"),
        ("2026-09-30", 1, "2026-10-08", "over the National Day holiday"),
        ("2026-03-02", 0, "2026-03-02", "a term of no days ends at once"),
    ],
)
def test_a_term_ends_on_a_working_day(start: str, days: int, end: str, why: str) -> None:
    assert DAYS.after(date.fromisoformat(start), days) == date.fromisoformat(end), why


def test_a_make_up_day_on_a_weekend_is_worked() -> None:
    for day in DAYS.workdays:
        assert day.weekday() >= 5
        assert DAYS.is_working(day)


def test_beyond_the_years_known_only_weekends_are_off() -> None:
    assert DAYS.after(date(2031, 1, 3), 1) == date(2031, 1, 6)


def test_the_rule_in_force_on_the_day_counts() -> None:
    row = {"key": "permit.decision", "unit": "working_day", "source": "-", "mark": "C"}
    pack = RulePack.model_validate(
        {
            "_id": "rules-city",
            "rules": [row | {"value": 20, "valid_from": "2004-07-01"}, row | {"value": 15, "valid_from": "2027-01-01"}],
        }
    )
    assert pack.value("permit.decision", date(2026, 12, 31), 1) == 20
    assert pack.value("permit.decision", date(2027, 1, 1), 1) == 15
    assert pack.value("permit.decision", date(2000, 1, 1), 1) == 1
