"""Lists of cases: all of them, the newest first, and never more read than a page asks for and a little."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intake.cases import store
from services.intake.cases.domain import SORT_KEY, Case, places
from shared.errors import Invalid
from shared.store.memory import MemoryDatabase
from shared.store.repository import Repository
from shared.web.paging import Cursor, Window

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PAGE = 7


def _case(id_: str, at: datetime, **fields: Any) -> Case:
    told = {"number": id_, "item": "permit", "department": "police", "applicant": "li", "division": "2102", "form": {}}
    terms = {"legal_days": 15, "promised_days": 5, "body_sha256": "0", "materials": []}
    made = {"id": id_, "submitted_at": at, "sort_key": f"{at:{SORT_KEY}}/{id_}"}
    case = Case.model_validate(told | terms | made | fields)
    case.places = places(case.division)
    return case


@pytest.fixture
async def cases() -> Repository[Case]:
    """300 over three years, most of them of late, some in the same millisecond; and some of others."""
    repository = Repository(MemoryDatabase(), "cases", Case)
    rng = random.Random(1)
    for n in range(300):
        at = NOW - timedelta(days=1100 * (n / 300) ** 6, seconds=rng.randrange(3600))
        await repository.add(_case(f"case-{n:03}", at))
        if n % 50 == 0:
            await repository.add(_case(f"case-{n:03}-same", at))
    await repository.add(_case("case-other-state", NOW, state="completed"))
    await repository.add(_case("case-other-place", NOW, division="2202"))
    return repository


async def _pages(cases: Repository[Case], *, size: int = PAGE) -> list[str]:
    found: list[str] = []
    after: Cursor | None = None
    while True:
        page = await store.of_department(cases, "police", "21", "submitted", Window(size, after), NOW)
        found += [case.id for case in page[:size]]
        if len(page) <= size:
            return found
        after = store.place(page[size - 1])


async def test_all_of_a_departments_cases_are_listed_once_the_newest_first(cases: Repository[Case]) -> None:
    everything = await cases.collection.find({"state": "submitted", "division": "2102"}, limit=1000)
    newest = [document["_id"] for document in sorted(everything, key=lambda d: d["sort_key"], reverse=True)]
    assert len(newest) == 306
    assert await _pages(cases) == newest
    assert await _pages(cases, size=1000) == newest


async def test_a_page_reads_few_more_than_it_shows(cases: Repository[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    find, matched = cases.collection.find, list[int]()

    async def counted(filter_: Any, **how: Any) -> Any:
        matched.append(await cases.collection.count(filter_))
        return await find(filter_, **how)

    monkeypatch.setattr(cases.collection, "find", counted)
    old = store.place(_case("case-x", NOW - timedelta(days=100)))
    assert len(await store.of_department(cases, "police", "21", "submitted", Window(PAGE, old), NOW)) == PAGE + 1
    assert sum(matched) < 60, "of 306 that match"


async def test_a_cursor_that_is_no_moment_is_refused(cases: Repository[Case]) -> None:
    with pytest.raises(Invalid):
        await store.of_department(cases, "police", "21", "submitted", Window(PAGE, Cursor(key="x", id="y")), NOW)


@pytest.mark.parametrize(
    ("division", "sees"), [("", 2), ("2", 2), ("21", 1), ("2102", 1), ("210", 1), ("2103", 0), ("21024", 0)]
)
async def test_officers_see_their_division_and_all_below(division: str, sees: int) -> None:
    repository = Repository(MemoryDatabase(), "cases", Case)
    await repository.add(_case("case-a", NOW, division="2102"))
    await repository.add(_case("case-b", NOW, division="22"))
    found = await store.of_department(repository, "police", division, "submitted", Window(PAGE, None), NOW)
    assert len(found) == sees
