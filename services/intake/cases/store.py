"""How cases are found, and where their numbers come from."""

import asyncio
from datetime import UTC, date, datetime, timedelta

from services.intake.cases.domain import SORT_KEY, Case
from shared.caller import Caller
from shared.errors import Invalid
from shared.store import Collection, DuplicateKey, Repository
from shared.store.collection import Filter, Index
from shared.web.paging import Cursor, Window

INDEXES = (
    Index([("number", 1)], unique=True),
    Index([("applicant", 1), ("sort_key", -1)]),
    # All that a work list asks for and nothing else: the embedded store uses an index only for what it holds whole.
    Index([("department", 1), ("state", 1), ("places", 1), ("sort_key", -1)]),
)

FIRST_LOOK, FURTHER, LAST_LOOK = timedelta(minutes=1), 8, timedelta(days=1000)


async def by_number(cases: Repository[Case], number: str) -> Case | None:
    """The case with that number."""
    found = await cases.collection.find({"number": number}, limit=1)
    return cases.load(found[0]) if found else None


async def of_applicant(cases: Repository[Case], caller: Caller, window: Window) -> list[Case]:
    """A caller's own cases, or those of whom the caller acts for as far as the mandate goes; the newest first."""
    before = f"{window.after.key}/{window.after.id}" if window.after is not None else None
    items = sorted(caller.mandate.items) if caller.mandate is not None else []
    own = {"applicant": caller.id} | ({"item": {"$in": items}} if items else {})
    return await _between(cases, own, "", before, window.limit + 1)


async def of_department(
    cases: Repository[Case], department: str, division: str, state: str, window: Window, now: datetime
) -> list[Case]:
    """A department's cases in a state, within a division and all below it, the newest first.

    A store may go through all that match, however few are wanted, and a department decides thousands a year: so we
    look back a while, then further, until there are enough.
    """
    filter_ = {"department": department, "state": state, "places": division}
    at, before = now, None
    if window.after is not None:
        at, before = _moment(window.after), f"{window.after.key}/{window.after.id}"
    found: list[Case] = []
    back = FIRST_LOOK
    while len(found) <= window.limit:
        start = f"{at - back:{SORT_KEY}}" if back < LAST_LOOK else ""
        found += await _between(cases, filter_, start, before, window.limit + 1 - len(found))
        if not start:
            break
        before, back = start, back * FURTHER
    return found


async def _between(cases: Repository[Case], filter_: Filter, start: str, before: str | None, limit: int) -> list[Case]:
    """The newest from `start` on and before another one, by `sort_key`: cases of the same millisecond are told apart
    by their id, and it holds both.

    No start is no bound: under a descending index the embedded store leaves out what begins with the lower bound, and
    everything begins with nothing.
    """
    stretch = ({"$gte": start} if start else {}) | ({"$lt": before} if before is not None else {})
    wanted = {**filter_, "sort_key": stretch} if stretch else filter_
    found = await cases.collection.find(wanted, sort=[("sort_key", -1)], limit=limit)
    return [cases.load(document) for document in found]


def _moment(cursor: Cursor) -> datetime:
    try:
        return datetime.strptime(str(cursor.key), SORT_KEY).replace(tzinfo=UTC)
    except ValueError as exc:
        raise Invalid("The cursor is not one of ours", code="cursor_invalid") from exc


def place(case: Case) -> Cursor:
    """A case's place in a list."""
    moment, _, id_ = case.sort_key.partition("/")
    return Cursor(key=moment, id=id_)


class Uses:
    """Which cases were begun by a mandate that is for so many: one small document each, no two take the last."""

    INDEX = Index([("mandate", 1), ("n", 1)], unique=True)

    def __init__(self, uses: Collection) -> None:
        self._uses = uses

    async def take(self, mandate: str, case: str, most: int) -> bool:
        """Whether the case may be begun; the same case again takes nothing more."""
        while await self._uses.get(f"{mandate}/{case}") is None:
            n = await self._uses.count({"mandate": mandate}) + 1
            if n > most:
                return False
            try:
                await self._uses.insert({"_id": f"{mandate}/{case}", "mandate": mandate, "n": n})
            except DuplicateKey:  # somebody else was quicker, or it is there already
                continue
        return True


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
