"""Sealed documents: nobody reads the store, and who has the keys notices nothing."""

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.personal import Forgotten
from shared.store.collection import DuplicateKey, Index
from shared.store.memory import MemoryDatabase
from shared.store.repository import Repository
from shared.store.seal import Seal, SealBroken
from shared.testing.clock import FakeClock
from tests.petitioners import FakeDataKeys, Petitioner, PetitionerListed, Visit
from tests.petitions import Petition

LI = "petitioner-li"
People = Repository[Petitioner]


@pytest.fixture
def keys() -> FakeDataKeys:
    return FakeDataKeys()


@pytest.fixture
async def people(database: MemoryDatabase, keys: FakeDataKeys) -> People:
    people = Repository(database, "people", Petitioner, keys=keys)
    await people.ensure(Index([("mail_hash", 1)], unique=True, partial={"mail_hash": {"$gt": ""}}))
    return people


@pytest.fixture
async def li(people: People, clock: FakeClock) -> Petitioner:
    li = Petitioner.of(LI, "李娜 canary", clock.now())
    li.mail, li.born, li.habits = "li.canary@example.org", date(1990, 3, 7), ["canary", "tea"]
    li.seen_at = datetime(2026, 3, 2, 9, 0, 0, 123_000, tzinfo=UTC)
    await people.add(li)
    return li


async def stored(people: Repository[Any], id_: str = LI) -> dict[str, Any]:
    found = await people.collection.get(id_)
    assert found is not None
    return found


def fresh(people: People, keys: FakeDataKeys, database: MemoryDatabase) -> People:
    """Another process."""
    return Repository(database, "people", Petitioner, keys=keys)


async def test_what_is_personal_is_ciphertext_in_the_store_and_plain_to_who_loads_it(
    people: People, li: Petitioner
) -> None:
    document = await stored(people)
    assert b"canary" not in bson.encode(document)
    assert "李娜".encode() not in bson.encode(document)
    assert all(isinstance(document[name], bytes) for name in ("name", "mail", "born", "seen_at", "habits"))
    assert document["office"] == "east"
    assert (await people.get(LI)).model_dump() == li.model_dump()


async def test_a_change_is_one_write_of_what_has_changed(people: People, li: Petitioner, clock: FakeClock) -> None:
    before = await stored(people)
    changed = await people.change(LI, lambda one: one.call("李南 canary", clock.now()))
    after = await stored(people)
    assert (changed.v, after["v"], after["seq"], after["pending"]) == (2, 2, 2, 2)
    assert before["mail"] == after["mail"], "it was not sealed again"
    assert before["name"] != after["name"]
    assert b"canary" not in bson.encode(after)
    assert (await people.get(LI)).name == "李南 canary"


async def test_a_change_by_another_process_is_on_what_is_really_there(
    people: People, li: Petitioner, keys: FakeDataKeys, database: MemoryDatabase, clock: FakeClock
) -> None:
    other = fresh(people, keys, database)
    await other.change(LI, lambda one: one.call("another canary", clock.now()))
    await people.change(LI, lambda one: one.habits.append("canary birds"))
    assert (await other.get(LI)).habits == ["canary", "tea", "canary birds"]
    assert (await other.get(LI)).name == "another canary"


async def test_nothing_is_written_where_nothing_has_changed(people: People, li: Petitioner) -> None:
    before = await stored(people)
    await people.change(LI, lambda _: None)
    assert await stored(people) == before


async def test_what_is_blank_is_not_sealed(people: People, keys: FakeDataKeys) -> None:
    await people.add(Petitioner(id="petitioner-nobody", name=""))
    document = await stored(people, "petitioner-nobody")
    assert (document["name"], document["mail"], document["habits"], document["mail_hash"]) == ("", None, [], None)
    assert keys.asked == 0, "and nobody needs a key for it"


async def test_people_are_found_by_hashes_that_follow_what_they_are_of(people: People, li: Petitioner) -> None:
    seal = people.seal
    assert seal is not None
    assert (await stored(people))["mail_hash"] == FakeDataKeys().hash("mail", "LI.canary@example.org")
    with pytest.raises(DuplicateKey):
        await people.collection.insert({"_id": "x", "mail_hash": (await stored(people))["mail_hash"]})
    await people.change(LI, lambda one: setattr(one, "mail", None))
    assert (await stored(people))["mail_hash"] is None
    await people.change(LI, lambda one: setattr(one, "mail", "new@example.org"))
    assert (await stored(people))["mail_hash"] == FakeDataKeys().hash("mail", "new@example.org")


@pytest.mark.parametrize("field", ["mail", "habits"])
async def test_ciphertext_that_was_moved_to_another_field_is_found_out(
    people: People, li: Petitioner, field: str
) -> None:
    await people.collection.update({"_id": LI}, {"$set": {field: (await stored(people))["name"]}})
    with pytest.raises(SealBroken, match=field):
        await people.get(LI)


async def test_ciphertext_that_was_moved_to_another_person_is_found_out(
    people: People, li: Petitioner, keys: FakeDataKeys
) -> None:
    await people.add(Petitioner(id="petitioner-wang", name="王伟"))
    keys.keys["petitioner-wang"] = keys.keys[LI]  # even under the very same key
    await people.collection.update({"_id": "petitioner-wang"}, {"$set": {"name": (await stored(people))["name"]}})
    with pytest.raises(SealBroken, match="petitioner-wang"):
        await people.get("petitioner-wang")


async def test_ciphertext_of_another_collection_is_found_out(
    people: People, li: Petitioner, keys: FakeDataKeys, database: MemoryDatabase
) -> None:
    others = Repository(database, "others", Petitioner, keys=keys)
    await others.collection.insert(await stored(people))
    with pytest.raises(SealBroken, match="others"):
        await others.get(LI)


@pytest.mark.parametrize("at", [0, 4, 8, 20, -1])
async def test_ciphertext_that_was_changed_is_found_out(people: People, li: Petitioner, at: int) -> None:
    raw = bytearray((await stored(people))["name"])
    raw[at] ^= 1
    await people.collection.update({"_id": LI}, {"$set": {"name": bytes(raw)}})
    with pytest.raises(SealBroken):
        await people.get(LI)
    await people.collection.update({"_id": LI}, {"$set": {"name": b"short"}})
    with pytest.raises(SealBroken):
        await people.get(LI)


async def test_a_document_that_was_not_opened_is_not_loaded(people: People, li: Petitioner) -> None:
    document = await stored(people)
    with pytest.raises(TypeError, match="opened"):
        people.load(document)
    assert (await people.opened(document)).name == "李娜 canary"


async def test_nobody_keeps_what_is_personal_without_keys(
    database: MemoryDatabase, petitions: Repository[Petition], clock: FakeClock
) -> None:
    with pytest.raises(TypeError, match="Petitioner has personal fields"):
        Repository(database, "people", Petitioner)
    petition = Petition.file("petition-1", clock.now())
    petition.record(PetitionerListed(petitioner=LI, name="canary"), clock.now())
    with pytest.raises(TypeError, match="petitioner-listed"):
        await petitions.add(petition)


async def test_documents_about_a_person_are_sealed_with_that_person_s_key(
    people: People, li: Petitioner, keys: FakeDataKeys, database: MemoryDatabase
) -> None:
    visits = Repository(database, "visits", Visit, keys=keys)
    await visits.add(Visit(id="visit-1", petitioner=LI, words="canary"))
    assert set(keys.keys) == {LI}
    assert b"canary" not in bson.encode(await stored(visits, "visit-1"))
    assert (await visits.get("visit-1")).words == "canary"


# -- the journal ------------------------------------------------------------------------------------------


async def test_what_was_said_of_a_person_is_ciphertext_in_the_journal(people: People, li: Petitioner) -> None:
    (entry,) = (await stored(people))["journal"].values()
    assert isinstance(entry["data"], bytes)
    assert (entry["sealed"], entry["type"], entry["topic"]) == (True, PetitionerListed.type, "petitions.petitioners")
    (read,) = await people.journal(LI)
    assert json.loads(read.data or "") == {"petitioner": LI, "name": "李娜 canary"}


async def test_a_digest_does_not_tell_who_it_was(people: People, li: Petitioner, clock: FakeClock) -> None:
    guessed = PetitionerListed(petitioner=LI, name="李娜 canary").model_dump_json().encode()
    (entry,) = await people.journal(LI)
    assert (entry.data or "").encode() == guessed
    assert entry.sha256 != hashlib.sha256(guessed).hexdigest()
    await people.change(LI, lambda one: one.call("李娜 canary", clock.now()))
    one, other = await people.journal(LI)
    assert one.data == other.data
    assert one.sha256 != other.sha256, "nor that it was the same both times"


async def test_an_entry_that_was_exchanged_is_found_out(people: People, li: Petitioner, clock: FakeClock) -> None:
    await people.change(LI, lambda one: one.call("another", clock.now()))
    journal = (await stored(people))["journal"]
    await people.collection.update({"_id": LI}, {"$set": {"journal.2.data": journal["1"]["data"]}})
    with pytest.raises(SealBroken, match=r"journal\.2"):
        await people.journal(LI)
    await people.collection.update({"_id": LI}, {"$set": {"journal": {"1": {**journal["1"], "sha256": "0" * 64}}}})
    with pytest.raises(SealBroken, match="digest"):
        await people.journal(LI)


# -- forgetting -------------------------------------------------------------------------------------------


async def test_with_the_key_all_that_was_sealed_is_gone_and_the_digests_stay(
    people: People, li: Petitioner, keys: FakeDataKeys, database: MemoryDatabase
) -> None:
    before = [entry.sha256 for entry in await people.journal(LI)]
    keys.destroy(LI)
    other = fresh(people, keys, database)
    blank = await other.get(LI)
    assert (blank.name, blank.mail, blank.born, blank.habits, blank.office) == ("", None, None, [], "east")
    assert [(entry.data, entry.sha256) for entry in await other.journal(LI)] == [(None, before[0])]
    with pytest.raises(Forgotten):
        await other.change(LI, lambda one: setattr(one, "name", "again"))
    await other.change(LI, lambda one: setattr(one, "office", "west"))
    assert (await other.get(LI)).office == "west", "what is not personal goes on"


async def test_a_key_that_is_missing_is_no_key_that_was_destroyed(
    people: People, li: Petitioner, keys: FakeDataKeys, database: MemoryDatabase
) -> None:
    del keys.keys[LI]
    with pytest.raises(SealBroken, match=LI):
        await fresh(people, keys, database).get(LI)


# -- any values -------------------------------------------------------------------------------------------


@given(
    name=st.text(min_size=1, max_size=50),
    habits=st.lists(st.text(max_size=20), max_size=4),
    born=st.none() | st.dates(),
)
async def test_whatever_it_is_it_comes_back(name: str, habits: list[str], born: date | None) -> None:
    seal = Seal(FakeDataKeys(), "people", Petitioner)
    plain = {"_id": LI, "name": name, "habits": habits, "born": born and born.isoformat(), "office": name}
    closed = await seal.close(LI, LI, dict(plain))
    assert {field: closed[field] for field in ("_id", "office")} == {"_id": LI, "office": name}
    assert closed["name"] != name
    assert await seal.open(closed) == plain
