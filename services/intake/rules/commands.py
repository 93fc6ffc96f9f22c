"""Loading rules and calendar, and reading them."""

from typing import TypeVar

from services.intake.desk import Desk
from services.intake.rules.domain import CALENDAR_ID, RULES_ID, RulePack, WorkingDays
from shared.aggregate import Aggregate
from shared.store import AlreadyThere, Repository

A = TypeVar("A", bound=Aggregate)


async def set_rules(desk: Desk, pack: RulePack) -> bool:
    """Put the pack in force; whether anything changed."""
    return await _put(desk.rules, pack)


async def set_calendar(desk: Desk, calendar: WorkingDays) -> bool:
    """Put the calendar in force; whether anything changed."""
    return await _put(desk.calendars, calendar)


async def rules(desk: Desk) -> RulePack:
    """The rules in force; an empty pack before any was loaded."""
    return await desk.rules.find(RULES_ID) or RulePack(id=RULES_ID)


async def calendar(desk: Desk) -> WorkingDays:
    """The calendar in force; weekends only before any was loaded."""
    return await desk.calendars.find(CALENDAR_ID) or WorkingDays(id=CALENDAR_ID)


async def _put(repository: Repository[A], wanted: A) -> bool:
    fields = wanted.model_dump(exclude={"id", "v", "seq", "wake_at"})
    try:
        await repository.add(wanted)
        return True
    except AlreadyThere:
        before = await repository.get(wanted.id)

        def replace(found: A) -> None:
            for name in fields:
                setattr(found, name, getattr(wanted, name))

        return (await repository.change(wanted.id, replace)).v != before.v
