"""Noting: in the write that does it, of what changed, by whom; and nothing that leads back to an address."""

import json
from collections.abc import Sequence

import pytest

from shared.audit.actors import Places, of_caller, of_service, visitor
from shared.audit.chain import canonical
from shared.audit.noting import noting
from shared.caller import Caller
from shared.contracts.acts import Actor, NotedAct
from shared.store.memory import MemoryDatabase
from shared.store.repository import Repository
from shared.testing.clock import FakeClock
from tests.petitions import Petition

BY = Actor(kind="operator", account="operator")
NOW = FakeClock().now()


class PetitionActNoted(NotedAct):
    """An act of the petition office."""

    type = "tongban.petitions.act-noted.v1"
    topic = "petitions.audit"


def closed(fields: Sequence[str] = ()) -> PetitionActNoted:
    return PetitionActNoted(act="petition-changed", by=BY, on="petition-1", fields=list(fields))


async def test_the_act_is_in_the_write_that_does_it() -> None:
    petitions = Repository(MemoryDatabase(), "petitions", Petition)
    await petitions.add(Petition.file("petition-1", NOW))
    before = len(await petitions.journal("petition-1"))
    changed = await petitions.change("petition-1", noting(lambda one: one.answer("so", NOW), closed, NOW))
    entries = (await petitions.journal("petition-1"))[before:]
    assert [entry.topic for entry in entries][-1] == "petitions.audit"
    assert json.loads(entries[-1].data or "")["fields"] == ["answers", "state"]
    assert changed.v == 2


async def test_what_changes_nothing_is_not_noted() -> None:
    petition = Petition.file("petition-1", NOW)
    petition.take_recorded()
    noting(lambda _: None, closed(), NOW)(petition)
    assert petition.recorded == []


def test_what_may_not_be_is_not_noted() -> None:
    petition = Petition.file("petition-1", NOW)
    petition.take_recorded()

    def refuse(_: Petition) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        noting(refuse, closed(), NOW)(petition)
    assert petition.recorded == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("2001:db8:1:2::7", "2001:db8:1:2:aaaa::9", True),
        ("2001:db8:1:2::7", "2001:db8:1:3::7", False),
        ("unix", "", False),
    ],
)
def test_a_place_is_known_again_and_not_known_from_its_digest(one: str, other: str, same: bool) -> None:
    places = Places(b"a key")
    assert (places.of(one) == places.of(other)) is same
    assert places.of(one) != Places(b"another key").of(one), "without the key nobody can try them all"
    assert places.of(one) != places.digest("login", one)
    assert one not in places.of(one)


def test_an_actor_says_who_and_through_what() -> None:
    caller = Caller("person-li-na", "person", None, None, "web", "session-1")
    assert of_caller(caller, "p") == Actor(
        kind="person", account="person-li-na", client="web", session="session-1", place="p"
    )
    assert (visitor("p").account, of_service("identity").place) == (None, None)


@pytest.mark.parametrize(
    "field",
    [{"on": "李娜"}, {"on": "Li Na"}, {"on": ""}, {"on": "x" * 251}, {"ground": "Because of her"}, {"fields": ["a b"]}],
    ids=str,
)
def test_a_record_has_no_room_for_sentences(field: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        PetitionActNoted.model_validate({"act": "petition-changed", "by": BY, "on": "petition-1"} | field)


def test_one_value_has_one_spelling() -> None:
    assert canonical({"b": 1, "a": {"d": None, "c": "é"}}) == b'{"a":{"c":"\\u00e9","d":null},"b":1}'
    assert canonical({"a": {"c": "é", "d": None}, "b": 1}) == canonical({"b": 1, "a": {"d": None, "c": "é"}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": float("nan")})
