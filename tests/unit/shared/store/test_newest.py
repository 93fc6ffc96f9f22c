"""Lists by time: each once, the newest first, and nothing asked of the store but what one index holds."""

import random
from datetime import timedelta
from typing import Any

import pytest

from shared.store.newest import newest
from shared.store.repository import Repository
from shared.testing.clock import FakeClock
from tests.petitions import Petition

Petitions = Repository[Petition]


@pytest.fixture
async def filed(petitions: Petitions, clock: FakeClock) -> list[str]:
    """Ids of East's petitions, the newest first; many came in the same moment."""
    rng, moments = random.Random(1), {}
    for n in range(40):
        petition = Petition.file(f"petition-{n:02}", clock.now() + timedelta(minutes=rng.randrange(6)))
        petition.reminders = n % 2
        await petitions.add(petition)
        moments[petition.id] = petition.filed_at
    await petitions.add(Petition.file("petition-west", clock.now(), office="west"))
    return sorted(moments, key=lambda id_: (moments[id_], id_), reverse=True)


@pytest.mark.parametrize("batch", [1, 2, 7, 100])
async def test_page_by_page_each_comes_once(
    petitions: Petitions, filed: list[str], monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("shared.store.newest.BATCH", batch)
    found: list[Petition] = []
    while True:
        before = (found[-1].filed_at, found[-1].id) if found else None
        page = await newest(petitions, {"office": "east"}, "filed_at", 3, before=before)
        found += page
        if len(page) < 3:
            break
    assert [petition.id for petition in found] == filed


async def test_who_is_not_to_be_shown_makes_no_page_shorter(
    petitions: Petitions, filed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.store.newest.BATCH", 4)
    odd = await newest(petitions, {"office": "east"}, "filed_at", 15, keep=lambda petition: petition.reminders == 1)
    assert [petition.id for petition in odd] == [id_ for id_ in filed if int(id_[-2:]) % 2][:15]


async def test_the_store_is_asked_for_nothing_but_what_the_index_holds(
    petitions: Petitions, filed: list[str], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, find = list[Any](), petitions.collection.find

    async def noted(filter_: Any, **how: Any) -> Any:
        asked.append(filter_)
        return await find(filter_, **how)

    monkeypatch.setattr(petitions.collection, "find", noted)
    await newest(petitions, {"office": "east"}, "filed_at", 3, before=(clock.now(), "petition-05"))
    assert [set(filter_) for filter_ in asked] == [{"office", "filed_at"}]
