"""Sealing anew: under another key, in another shape, from plain text, while all goes on."""

import json
from typing import Any

import bson
import pytest

from shared.store.collection import Filter, Update
from shared.store.memory import MemoryCollection, MemoryDatabase
from shared.store.repository import Contention, Repository
from shared.store.resealing import misshapen, of_person, reseal
from shared.testing.clock import FakeClock
from tests.petitioners import FakeDataKeys, Petitioner, PetitionerListed, Visit
from tests.petitions import Petition

LI = "petitioner-li"
People = Repository[Petitioner]


@pytest.fixture
def keys() -> FakeDataKeys:
    return FakeDataKeys()


@pytest.fixture
async def people(database: MemoryDatabase, keys: FakeDataKeys, clock: FakeClock) -> People:
    """One petitioner."""
    people = Repository(database, "people", Petitioner, keys=keys)
    li = Petitioner.of(LI, "canary", clock.now())
    li.mail = "canary@example.org"
    await people.add(li)
    return people


async def stored(people: Repository[Any]) -> dict[str, Any]:
    found = await people.collection.get(LI)
    assert found is not None
    return found


async def read(people: People, keys: FakeDataKeys, database: MemoryDatabase) -> tuple[str, str | None, list[str]]:
    """What another process reads."""
    other = Repository(database, "people", Petitioner, keys=keys)
    li = await other.get(LI)
    return li.name, li.mail, [json.loads(entry.data or "{}").get("name", "") for entry in await other.journal(LI)]


async def test_under_a_new_key_all_reads_the_same_and_the_old_one_is_of_no_use(
    people: People, keys: FakeDataKeys, database: MemoryDatabase
) -> None:
    before = await stored(people)
    keys.renew(LI)
    await reseal(people, LI)
    keys.retire(LI)
    after = await stored(people)
    assert await read(people, keys, database) == ("canary", "canary@example.org", ["canary"])
    assert before["name"] != after["name"]
    assert (before["v"], before["seq"], before["mail_hash"]) == (after["v"], after["seq"], after["mail_hash"])
    assert before["journal"]["1"]["sha256"] == after["journal"]["1"]["sha256"], "the digest never changes"
    assert before["journal"]["1"]["data"] != after["journal"]["1"]["data"]


async def test_plain_documents_of_before_are_read_and_sealed_in_place(
    people: People, keys: FakeDataKeys, database: MemoryDatabase, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain: dict[str, Any] = {
        "name": "canary",
        "mail": "canary@example.org",
        "born": None,
        "seen_at": None,
        "habits": [],
    }
    monkeypatch.setattr("shared.store.seal.registered", lambda: {PetitionerListed.type: PetitionerListed})
    said = {"type": PetitionerListed.type, "topic": PetitionerListed.topic, "trace": ""}
    data = json.dumps({"petitioner": LI, "name": "canary"})
    old: dict[str, Any] = {
        "_id": LI,
        "v": 4,
        "seq": 1,
        "sent": 1,
        "pending": 0,
        "office": "east",
        "heard": {},
        "seen": [],
        **plain,
    }
    entry = {**said, "time": clock.now(), "sha256": "of the plain text", "data": data}
    await people.collection.delete({"_id": LI})
    await people.collection.insert({**old, "journal": {"1": entry}})
    assert await read(people, keys, database) == ("canary", "canary@example.org", ["canary"])
    assert await misshapen(people) == [LI]
    await reseal(people, LI)
    assert await misshapen(people) == []
    document = await stored(people)
    assert b"canary" not in bson.encode(document)
    assert b"of the plain text" not in bson.encode(document), "nobody can try names on it"
    assert document["mail_hash"] == keys.hash("mail", "canary@example.org")
    assert document["v"] == 4
    assert await read(people, keys, database) == ("canary", "canary@example.org", ["canary"])


async def test_a_change_of_a_document_of_before_seals_what_it_writes(
    people: People, keys: FakeDataKeys, database: MemoryDatabase, clock: FakeClock
) -> None:
    await people.collection.update({"_id": LI}, {"$set": {"name": "plain", "mail": "plain"}, "$unset": {"sealed": ""}})
    other = Repository(database, "people", Petitioner, keys=keys)
    await other.change(LI, lambda one: one.call("sealed", clock.now()))
    document = await stored(people)
    assert isinstance(document["name"], bytes)
    assert await misshapen(people) == [LI], "the rest is still to be done"


async def test_with_another_key_of_hashes_all_is_to_be_done_anew(
    people: People, keys: FakeDataKeys, database: MemoryDatabase
) -> None:
    keys.hash_key = b"another key of hashes"
    other = Repository(database, "people", Petitioner, keys=keys)
    assert await misshapen(other) == [LI]
    await reseal(other, LI)
    assert (await stored(people))["mail_hash"] == keys.hash("mail", "canary@example.org")
    assert await misshapen(other) == []
    assert await misshapen(people) == [LI], "who has the key of before would do it all again"


async def test_what_is_left_is_told_from_a_place_on(people: People, keys: FakeDataKeys) -> None:
    for n in range(3):
        await people.collection.insert({"_id": f"old-{n}"})
    assert await misshapen(people) == ["old-0", "old-1", "old-2"]
    assert await misshapen(people, "old-1") == ["old-2"]


async def test_a_write_that_comes_meanwhile_wins(
    people: People, keys: FakeDataKeys, database: MemoryDatabase, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = MemoryCollection.update
    came: list[Petitioner] = []

    async def overtaken(self: MemoryCollection, filter_: Filter, wanted: Update, *, upsert: bool = False) -> bool:
        if "sealed" in wanted.get("$set", {}) and not came:
            came.append(await people.change(LI, lambda one: one.call("newer", clock.now())))
        return await update(self, filter_, wanted, upsert=upsert)

    monkeypatch.setattr(MemoryCollection, "update", overtaken)
    await reseal(people, LI)
    assert came
    assert await read(people, keys, database) == ("newer", "canary@example.org", ["canary", "newer"])


async def test_an_entry_that_moves_into_the_archive_meanwhile_is_not_brought_back(
    people: People, keys: FakeDataKeys, database: MemoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = MemoryCollection.update
    moved: list[bool] = []

    async def trimmed(self: MemoryCollection, filter_: Filter, wanted: Update, *, upsert: bool = False) -> bool:
        if "sealed" in wanted.get("$set", {}) and not moved:
            entry = (await stored(people))["journal"]["1"]
            await people.archive.insert({"_id": f"{LI}:1", "aggregate": LI, "sequence": 1, **entry})
            moved.append(await update(self, {"_id": LI}, {"$unset": {"journal.1": ""}, "$set": {"trimmed": True}}))
        return await update(self, filter_, wanted, upsert=upsert)

    keys.renew(LI)
    monkeypatch.setattr(MemoryCollection, "update", trimmed)
    await reseal(people, LI)
    keys.retire(LI)
    assert (await stored(people))["journal"] == {}
    assert await read(people, keys, database) == ("canary", "canary@example.org", ["canary"])


async def test_who_is_always_overtaken_says_so(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> bool:
        return False

    monkeypatch.setattr(MemoryCollection, "update", never)
    with pytest.raises(Contention, match=LI):
        await reseal(people, LI)


async def test_of_whom_was_forgotten_nothing_is_left_to_seal(
    people: People, keys: FakeDataKeys, database: MemoryDatabase
) -> None:
    digest = (await stored(people))["journal"]["1"]["sha256"]
    keys.destroy(LI)
    await reseal(people, LI)
    document = await stored(people)
    assert (document["name"], document["mail"], document["mail_hash"]) == ("", None, None)
    assert document["journal"]["1"]["sha256"] == digest


async def test_a_document_that_is_gone_is_passed_over(people: People) -> None:
    await reseal(people, "petitioner-nobody")
    assert await people.find("petitioner-nobody") is None


async def test_all_documents_about_a_person_are_found(
    people: People, keys: FakeDataKeys, database: MemoryDatabase
) -> None:
    visits = Repository(database, "visits", Visit, keys=keys)
    for n, who in enumerate([LI, "petitioner-wang", LI]):
        await visits.add(Visit(id=f"visit-{n}", petitioner=who, words="canary"))
    assert sorted(await of_person(visits, LI)) == ["visit-0", "visit-2"]
    assert await of_person(people, LI) == [LI]


async def test_what_is_not_sealed_is_not_sealed_anew(database: MemoryDatabase) -> None:
    with pytest.raises(TypeError, match="not sealed"):
        await reseal(Repository(database, "petitions", Petition), "petition-1")
