"""Loading rules and calendar, and reading them."""

from typing import TypeVar

from services.intake.desk import Desk
from services.intake.rules.domain import CALENDAR_ID, RULES_ID, RulePack, WorkingDays
from shared.aggregate import Aggregate
from shared.store import Repository

A = TypeVar("A", bound=Aggregate)


async def set_rules(desk: Desk, pack: RulePack) -> tuple[RulePack, bool]:
    """Put the pack in force; the pack and whether anything changed."""
    return await _put(desk.rules, pack)


async def set_calendar(desk: Desk, calendar: WorkingDays) -> tuple[WorkingDays, bool]:
    """Put the calendar in force; the calendar and whether anything changed."""
    return await _put(desk.calendars, calendar)


async def rules(desk: Desk) -> RulePack:
    """The rules in force, or a moment ago; an empty pack before any was loaded."""
    return await desk.law.find(RULES_ID) or RulePack(id=RULES_ID)


async def calendar(desk: Desk) -> WorkingDays:
    """The calendar in force, or a moment ago; weekends only before any was loaded."""
    return await desk.days.find(CALENDAR_ID) or WorkingDays(id=CALENDAR_ID)


async def _put(repository: Repository[A], wanted: A) -> tuple[A, bool]:
    fields = wanted.model_dump(exclude=set(Aggregate.model_fields)).keys()

    def replace(found: A) -> None:
        for name in fields:
            setattr(found, name, getattr(wanted, name))

    return await repository.put(wanted, replace)
