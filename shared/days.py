"""Days as bodies write them."""

import re
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field


def _written_out(value: object) -> object:
    """JSON has no dates: they are written YYYY-MM-DD, and nothing else that pydantic would take for one."""
    if isinstance(value, date) or (isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)):
        return value
    raise ValueError("a date is written YYYY-MM-DD")


Day = Annotated[date, Field(strict=False), BeforeValidator(_written_out, json_schema_input_type=date)]
"""A date as `YYYY-MM-DD` and nothing else: no numbers, no times."""
