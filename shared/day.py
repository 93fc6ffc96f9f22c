"""Calendar days in the city, as rules of law and people mean them: written out, and both ends included. Pure."""

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from shared.clock import CITY_TIME

FIRST, LAST = date.min + timedelta(days=1), date.max - timedelta(days=1)
"""Each day has one before and one after it."""


def _written_out(value: object) -> object:
    """JSON has no dates: they are written YYYY-MM-DD, and nothing else that pydantic would take for one."""
    if isinstance(value, date) or (isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)):
        return value
    raise ValueError("a date is written YYYY-MM-DD")


def _inside(value: date) -> date:
    if not FIRST <= value <= LAST:
        raise ValueError(f"a date is from {FIRST} to {LAST}")
    return value


Day = Annotated[
    date, Field(strict=False), BeforeValidator(_written_out, json_schema_input_type=date), AfterValidator(_inside)
]


def city_midnight(day: date) -> datetime:
    """When the day begins in the city."""
    return datetime.combine(day, time(), CITY_TIME)
