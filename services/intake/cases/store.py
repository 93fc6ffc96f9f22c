"""How cases are found, and where their numbers come from."""

import asyncio
from datetime import date

from services.intake.cases.domain import Case
from shared.store import Collection, DuplicateKey, Repository
from shared.store.collection import Filter, Index
from shared.web.paging import Cursor, Window

INDEXES = (
    Index([("number", 1)], unique=True),
    Index([("applicant", 1), ("sort_key", -1)]),
    Index([("department", 1), ("state", 1), ("sort_key", -1)]),
)


async def by_number(cases: Repository[Case], number: str) -> Case | None:
    """The case with that number."""
    found = await cases.collection.find({"number": number}, limit=1)
    return cases.load(found[0]) if found else None


async def of_applicant(cases: Repository[Case], person: str, window: Window) -> list[Case]:
    """A person's own cases, the newest first."""
    return await _newest(cases, {"applicant": person}, window)


async def of_department(
    cases: Repository[Case], department: str, division: str, state: str, window: Window
) -> list[Case]:
    """A department's cases in a state, within a division and all below it, the newest first."""
    return await _newest(
        cases,
        {"department": department, "state": state, "division": {"$gte": division, "$lt": f"{division}\uffff"}},
        window,
    )


async def _newest(cases: Repository[Case], filter_: Filter, window: Window) -> list[Case]:
    wanted = dict(filter_)
    if window.after is not None:
        # Cases of the same millisecond are told apart by their id; `sort_key` holds both.
        wanted["sort_key"] = {"$lt": f"{window.after.key}/{window.after.id}"}
    found = await cases.collection.find(wanted, sort=[("sort_key", -1)], limit=window.limit + 1)
    return [cases.load(document) for document in found]


def place(case: Case) -> Cursor:
    """A case's place in a list."""
    moment, _, id_ = case.sort_key.partition("/")
    return Cursor(key=moment, id=id_)


class Numbers:
    """Case numbers (办件编码): division 6 + yyyymmdd + 6 digits + check digit, unique in the city.

    Each process takes blocks from a counter a day, so that a number costs no write; gaps are of no meaning.
    """

    BLOCK = 20

    def __init__(self, counters: Collection) -> None:
        self._counters = counters
        self._blocks: dict[date, range] = {}
        self._turn = asyncio.Lock()

    async def next(self, division: str, day: date) -> str:
        """A new number for a case of that division."""
        async with self._turn:
            block = self._blocks.get(day) or await self._take(day)
            self._blocks = {day: block[1:]}
        body = f"{division[:6]:0<6}{day:%Y%m%d}{block[0]:06d}"
        return body + check_digit(body)

    async def _take(self, day: date) -> range:
        while True:
            found = await self._counters.get(f"cases-{day}")
            start = int(found["next"]) if found else 1
            try:
                if found is None:
                    await self._counters.insert({"_id": f"cases-{day}", "next": start + self.BLOCK})
                elif not await self._counters.update(
                    {"_id": f"cases-{day}", "next": start}, {"$set": {"next": start + self.BLOCK}}
                ):
                    continue
            except DuplicateKey:  # another replica made the day's counter
                continue
            return range(start, start + self.BLOCK)


def check_digit(body: str) -> str:
    """ISO/IEC 7064 MOD 11,10 over the digits: catches any single wrong digit and nearly all swaps."""
    product = 10
    for digit in body:
        product = (product + int(digit)) % 10 or 10
        product = product * 2 % 11
    return str((11 - product) % 10)
