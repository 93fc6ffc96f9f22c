"""Each effect once: what an aggregate has heard, and what it has seen."""

import asyncio

import pytest

from shared.store.repository import SEEN_LIMIT, AlreadyThere, Repository
from shared.testing.clock import FakeClock
from tests.petitions import Petition
from tests.unit.shared.store.conftest import Cause

Petitions = Repository[Petition]


@pytest.fixture(autouse=True)
async def filed(petitions: Petitions, clock: FakeClock) -> Petition:
    petition = Petition.file("petition-1", clock.now())
    await petitions.add(petition)
    return petition


async def _answers(petitions: Petitions, clock: FakeClock, *causes: Cause) -> list[str]:
    for cause in causes:
        await petitions.change("petition-1", lambda p, c=cause: p.answer(c.id, clock.now()), cause=cause)  # type: ignore[misc]
    return (await petitions.get("petition-1")).answers


def _numbered(*sequences: int, topic: str = "intake.events", subject: str = "case-9") -> list[Cause]:
    return [Cause(id=f"{subject}:{n}", sequence=n, topic=topic, subject=subject) for n in sequences]


@pytest.mark.parametrize(
    ("delivered", "applied"),
    [
        ((1, 2, 3), (1, 2, 3)),
        ((1,) * 10, (1,)),
        ((1, 2, 1, 2, 3, 2), (1, 2, 3)),
        ((2, 7, 9), (2, 7, 9)),
        ((3, 1, 2, 4), (3, 4)),
    ],
    ids=["in order", "tenfold", "from before", "with gaps", "overtaken"],
)
async def test_a_numbered_event_is_applied_when_it_is_newer_than_what_was_heard(
    petitions: Petitions, clock: FakeClock, delivered: tuple[int, ...], applied: tuple[int, ...]
) -> None:
    assert await _answers(petitions, clock, *_numbered(*delivered)) == [f"case-9:{n}" for n in applied]


async def test_each_source_on_each_topic_is_heard_on_its_own(petitions: Petitions, clock: FakeClock) -> None:
    causes = [
        *_numbered(5),
        *_numbered(1, subject="case-8"),
        *_numbered(2, topic="intake.to.police"),
        *_numbered(1, 5, 6),
    ]
    assert await _answers(petitions, clock, *causes) == ["case-9:5", "case-8:1", "case-9:2", "case-9:6"]


@pytest.mark.parametrize("subject", ["case.9", "case$9", "case%2E9", "$where", "案件-9", "a/b"])
async def test_a_source_may_have_any_name(petitions: Petitions, clock: FakeClock, subject: str) -> None:
    assert await _answers(petitions, clock, *_numbered(1, 1, 2, subject=subject)) == [f"{subject}:1", f"{subject}:2"]


async def test_names_that_are_written_alike_are_still_two(petitions: Petitions, clock: FakeClock) -> None:
    causes = [*_numbered(1, subject="a.b"), *_numbered(1, subject="a%2Eb")]
    assert len(await _answers(petitions, clock, *causes)) == 2


async def test_an_event_without_a_number_is_applied_once(petitions: Petitions, clock: FakeClock) -> None:
    one, two = Cause(None, "x", "hrss.out"), Cause(None, "y", "hrss.out")
    assert await _answers(petitions, clock, one, two, one, one, two) == ["x", "y"]


async def test_one_departments_id_does_not_stand_in_anothers_way(petitions: Petitions, clock: FakeClock) -> None:
    assert await _answers(petitions, clock, Cause(None, "x", "hrss.out"), Cause(None, "x", "police.out")) == ["x", "x"]


async def test_the_last_hundred_events_without_a_number_are_remembered(petitions: Petitions, clock: FakeClock) -> None:
    causes = [Cause(None, f"{n}", "hrss.out") for n in range(SEEN_LIMIT + 1)]
    await _answers(petitions, clock, *causes)
    assert len(await _answers(petitions, clock, *causes[1:])) == SEEN_LIMIT + 1
    assert len(await _answers(petitions, clock, causes[0])) == SEEN_LIMIT + 2, "the oldest is forgotten"


async def test_an_event_that_changes_nothing_is_remembered_all_the_same(petitions: Petitions, clock: FakeClock) -> None:
    await petitions.change("petition-1", lambda _: None, cause=Cause(4))
    document = await petitions.collection.get("petition-1")
    assert document is not None
    assert (document["v"], document["heard"]) == (2, {"intake%2Eevents/case-9": 4})
    assert await _answers(petitions, clock, Cause(4)) == []


async def test_a_refused_event_is_not_remembered(petitions: Petitions, clock: FakeClock) -> None:
    def refuse(_: Petition) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await petitions.change("petition-1", refuse, cause=Cause(1))
    assert await _answers(petitions, clock, Cause(1)) == ["case-9:1"]


async def test_one_event_delivered_to_two_replicas_at_once_is_applied_once(
    petitions: Petitions, clock: FakeClock
) -> None:
    await asyncio.gather(*(_answers(petitions, clock, cause) for cause in [Cause(1)] * 4))
    assert (await petitions.get("petition-1")).answers == ["case-9:1"]


@pytest.mark.parametrize("cause", [Cause(3), Cause(None, "x", "hrss.out")], ids=["numbered", "unnumbered"])
async def test_the_event_that_made_an_aggregate_is_remembered_in_it(
    petitions: Petitions, clock: FakeClock, cause: Cause
) -> None:
    made = Petition.file("petition-2", clock.now())
    await petitions.add(made, cause=cause)
    await petitions.change("petition-2", lambda p: p.answer("again", clock.now()), cause=cause)
    assert (await petitions.get("petition-2")).answers == []
    with pytest.raises(AlreadyThere):
        await petitions.add(Petition.file("petition-2", clock.now()), cause=cause)
