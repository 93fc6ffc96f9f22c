"""Rules of law with source and validity, and the calendar of working days: both are data."""

from datetime import date, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.aggregate import Aggregate

RULES_ID = "rules-city"
CALENDAR_ID = "calendar-city"


class Rule(BaseModel):
    """One rule: `mark` says how sure the source is, `valid_from` from when it holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(pattern=r"^[a-z]+(\.[a-z_]+)+$")
    value: int = Field(ge=0)
    unit: Literal["working_day", "calendar_day", "month"]
    source: str = Field(min_length=1)
    mark: str = Field(min_length=1)
    valid_from: date


class RulePack(Aggregate):
    """All rules of the city; a key may stand several times with different dates of validity."""

    rules: list[Rule] = Field(default_factory=list)

    def value(self, key: str, on: date, default: int) -> int:
        """The value in force on a day, `default` where the pack does not know the key."""
        valid = [rule for rule in self.rules if rule.key == key and rule.valid_from <= on]
        return max(valid, key=lambda rule: rule.valid_from).value if valid else default


class WorkingDays(Aggregate):
    """Working days of the organs (行政许可法 Art. 82): weekends off but for make-up days, holidays off."""

    years: list[int] = Field(default_factory=list)
    holidays: list[date] = Field(default_factory=list)
    workdays: list[date] = Field(default_factory=list)
    source: str = ""

    def is_working(self, day: date) -> bool:
        """Whether organs work on that day. Outside the years known, only weekends are off."""
        if day in self.holidays:
            return False
        return day.weekday() < 5 or day in self.workdays

    def after(self, start: date, days: int) -> date:
        """The working day on which a term of `days` ends; the day it starts is not counted."""
        day, left = start, days
        while left > 0:
            day += timedelta(days=1)
            left -= self.is_working(day)
        return day
