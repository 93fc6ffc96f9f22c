"""Rules and calendar over HTTP: anybody may read the law, operators load it."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from services.intake import policy
from services.intake.rules import commands
from services.intake.rules.domain import CALENDAR_ID, RULES_ID, Rule, RulePack, WorkingDays
from services.intake.web import TheDesk
from shared.caller import Caller
from shared.errors import Fault, Invalid
from shared.web.authentication import PRIVILEGED_SECONDS, public, requires
from shared.web.preconditions import tell_kept

router = APIRouter(tags=["rules"])


class Rules(BaseModel):
    """The whole rule pack."""

    model_config = ConfigDict(extra="forbid")
    rules: list[Rule] = Field(min_length=1)


class Calendar(BaseModel):
    """Holidays and make-up working days of the years named, from the State Council's notice."""

    model_config = ConfigDict(extra="forbid")
    years: list[int] = Field(min_length=1)
    holidays: list[date]
    workdays: list[date]
    source: str = Field(min_length=1)

    def check(self) -> None:
        """Raises `Invalid` naming days outside the years, in both lists, or marked to no effect."""
        faults = [
            Fault(f"/{name}/{n}", "outside_the_years", f"{day} is not in {self.years}")
            for name, days in (("holidays", self.holidays), ("workdays", self.workdays))
            for n, day in enumerate(days)
            if day.year not in self.years
        ]
        faults += [
            Fault("/workdays", "contradiction", f"{d} is a holiday too") for d in self.workdays if d in self.holidays
        ]
        faults += [
            Fault("/workdays", "no_weekend", f"{d} is a working day anyway") for d in self.workdays if d.weekday() < 5
        ]
        if faults:
            raise Invalid("The calendar contradicts itself", faults=tuple(faults))


Loader = Annotated[Caller, Depends(requires(policy.may_set_rules, within=PRIVILEGED_SECONDS))]
OPEN = [Depends(public("law is public"))]


@router.get("/rules", summary="The rules in force", dependencies=OPEN)
async def show_rules(desk: TheDesk) -> Rules:
    return Rules.model_construct(rules=(await commands.rules(desk)).rules)


@router.put("/rules", summary="Load the rule pack; the same again changes nothing")
async def set_rules(body: Rules, _: Loader, desk: TheDesk, response: Response) -> Rules:
    tell_kept(response, *await commands.set_rules(desk, RulePack(id=RULES_ID, rules=body.rules)))
    return body


@router.get("/calendar", summary="The working-day calendar", dependencies=OPEN)
async def show_calendar(desk: TheDesk) -> Calendar:
    return Calendar.model_construct(**(await commands.calendar(desk)).model_dump(include=set(Calendar.model_fields)))


@router.put("/calendar", summary="Load the calendar; the same again changes nothing")
async def set_calendar(body: Calendar, _: Loader, desk: TheDesk, response: Response) -> Calendar:
    body.check()
    tell_kept(response, *await commands.set_calendar(desk, WorkingDays(id=CALENDAR_ID, **body.model_dump())))
    return body
