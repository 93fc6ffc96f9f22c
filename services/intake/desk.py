"""What a command of intake works with."""

from dataclasses import dataclass

from services.intake.cases.domain import Case
from services.intake.cases.store import Numbers, Uses
from services.intake.files.domain import File
from services.intake.files.store import Objects
from services.intake.items.domain import Item
from services.intake.rules.domain import RulePack, WorkingDays
from shared.clock import Clock
from shared.contracts.identity import DivisionPublished, OrganisationPublished
from shared.messaging.table import Table
from shared.rejection import Rejection
from shared.store import Repository
from shared.store.remembered import Remembered


@dataclass(frozen=True)
class Desk:
    """Stores, tables and clock: everything but the wish itself.

    `guides`, `law` and `days` are items, rules and calendars as they were a moment ago, for those who always look.
    """

    clock: Clock
    items: Repository[Item]
    rules: Repository[RulePack]
    calendars: Repository[WorkingDays]
    guides: Remembered[Item]
    law: Remembered[RulePack]
    days: Remembered[WorkingDays]
    files: Repository[File]
    objects: Objects
    file_limit: int
    cases: Repository[Case]
    numbers: Numbers
    uses: Uses
    rejections: Repository[Rejection]
    organisations: Table[OrganisationPublished]
    divisions: Table[DivisionPublished]
