"""What every document store must do for us, as one suite: run on the twin in memory and on each real store.

A test module derives a class from `StoreConformance` and gives it a fixture `database`. Each test works in a
collection of its own, so that the suite may run on a store that holds other things.
"""
# ruff: noqa: S101 - this is a test suite

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest

from shared.store.collection import Collection, Database, Document, DuplicateKey, Index

MORNING = datetime(2026, 3, 2, 9, 0, 0, 123_000, tzinfo=UTC)
EVENING = MORNING + timedelta(hours=9)
YESTERDAY = MORNING - timedelta(days=1)
OPEN: Mapping[str, Any] = {"pending": {"$gt": 0}}


@pytest.fixture
def things(database: Database) -> Collection:
    """An empty collection of its own for each test."""
    return database.collection(f"things_{uuid4().hex}")


async def _ids(things: Collection, filter_: Mapping[str, Any], **how: Any) -> list[str]:
    return [document["_id"] for document in await things.find(filter_, **how)]


async def _fill(things: Collection, *documents: Document) -> None:
    for document in documents:
        await things.insert(document)


class StoreConformance:
    """The eleven operations, the operators and the kinds of index that the kernel and the features rely on."""

    # -- insert, get, delete -----------------------------------------------------------------------------

    async def test_a_document_comes_back_as_it_was_put(self, things: Collection) -> None:
        whole = {
            "_id": "a",
            "text": "办结 \u0000 👍",
            "whole": 2**62,
            "part": 0.1,
            "yes": True,
            "none": None,
            "bytes": b"\x00\xff",
            "list": [1, [2], {"three": 3}],
            "deep": {"er": {"est": []}},
        }
        await things.insert(dict(whole))
        assert await things.get("a") == whole
        assert await things.get("b") is None

    async def test_an_id_is_taken_once(self, things: Collection) -> None:
        await things.insert({"_id": "a", "n": 1})
        with pytest.raises(DuplicateKey):
            await things.insert({"_id": "a", "n": 2})
        assert await things.get("a") == {"_id": "a", "n": 1}

    async def test_of_many_who_insert_one_id_one_succeeds(self, things: Collection) -> None:
        results = await asyncio.gather(*(things.insert({"_id": "a", "n": n}) for n in range(8)), return_exceptions=True)
        assert sum(result is None for result in results) == 1
        assert sum(isinstance(result, DuplicateKey) for result in results) == 7

    async def test_inserts_at_once_are_judged_one_by_one(self, things: Collection) -> None:
        await things.ensure(Index([("number", 1)], unique=True))
        await _fill(things, {"_id": "there", "number": 0})
        rows: list[Document] = [{"_id": f"{n}", "number": n} for n in range(1, 40)]
        taken_id, taken_number = {"_id": "there", "number": 98}, {"_id": "98", "number": 0}
        refused = {"_id": "99", "number": 99, "set": {1, 2}}  # BSON knows no sets
        asked = [*rows[:20], taken_id, taken_number, refused, *rows[20:], rows[5]]
        results = await asyncio.gather(*map(things.insert, asked), return_exceptions=True)
        assert [type(r) for r in (results[20], results[21], results[-1])] == [DuplicateKey] * 3
        assert isinstance(results[22], Exception)
        assert not isinstance(results[22], DuplicateKey)
        assert [result for n, result in enumerate(results) if n not in (20, 21, 22, len(asked) - 1)] == [None] * 39
        assert sorted(d["number"] for d in await things.find({})) == list(range(40))

    async def test_reads_at_once_bring_each_its_own_document(self, things: Collection) -> None:
        await _fill(things, *({"_id": f"{n}", "n": n, "in": {"ner": [n]}, "journal": "long"} for n in range(30)))
        wanted = [*(f"{n}" for n in range(30)), "7", "none", "7"]
        whole, part = await asyncio.gather(
            asyncio.gather(*map(things.get, wanted)),
            asyncio.gather(*(things.get(id_, without=("journal", "n")) for id_ in wanted)),
        )
        assert [d and d["n"] for d in whole] == [*range(30), 7, None, 7]
        assert part[3] == {"_id": "3", "in": {"ner": [3]}}
        assert whole[7] is not None
        whole[7]["in"]["ner"].append("mine")
        assert whole[30] == whole[32] == {"_id": "7", "n": 7, "in": {"ner": [7]}, "journal": "long"}

    async def test_a_read_sees_what_was_written_before_it(self, things: Collection) -> None:
        async def write_and_read(n: int) -> Document | None:
            await things.insert({"_id": f"{n}", "n": n})
            await things.update({"_id": f"{n}"}, {"$inc": {"n": 100}})
            return await things.get(f"{n}")

        found = await asyncio.gather(*map(write_and_read, range(30)))
        assert found == [{"_id": f"{n}", "n": n + 100} for n in range(30)]

    async def test_a_time_comes_back_in_utc_with_its_milliseconds(self, things: Collection) -> None:
        in_dalian = datetime(2026, 3, 2, 17, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=8)))
        await things.insert({"_id": "a", "at": in_dalian})
        found = await things.get("a")
        assert found is not None
        assert found["at"] == MORNING
        assert found["at"].tzinfo is not None
        assert found["at"].utcoffset() == timedelta(0)

    async def test_keys_may_hold_dots_and_dollars_below_the_top(self, things: Collection) -> None:
        form = {"a.b": 1, "$c": {"d.e": [{"$f": 2}]}}
        await things.insert({"_id": "a", "form": form})
        await things.update({"_id": "a"}, {"$set": {"again": form}})
        found = await things.get("a")
        assert found == {"_id": "a", "form": form, "again": form}

    async def test_two_megabytes_are_stored_and_changed(self, things: Collection) -> None:
        await things.insert({"_id": "a", "v": 1, "text": "x" * 2_000_000, "journal": {}})
        assert await things.update({"_id": "a", "v": 1}, {"$set": {"journal.1": "y" * 900_000}, "$inc": {"v": 1}})
        found = await things.get("a")
        assert found is not None
        assert len(found["text"]) + len(found["journal"]["1"]) == 2_900_000

    async def test_fields_are_left_out_or_chosen(self, things: Collection) -> None:
        await things.insert({"_id": "a", "v": 1, "state": "open", "journal": {"1": {}}})
        assert await things.get("a", without=("journal", "v")) == {"_id": "a", "state": "open"}
        assert await things.find({}, only=("v", "missing")) == [{"_id": "a", "v": 1}]
        assert await things.find({}, only=("_id",)) == [{"_id": "a"}]

    async def test_delete_takes_all_that_match(self, things: Collection) -> None:
        await _fill(things, {"_id": "a", "n": 1}, {"_id": "b", "n": 1}, {"_id": "c", "n": 2})
        assert await things.delete({"n": 1}) == 2
        assert await things.delete({"n": 1}) == 0
        assert await _ids(things, {}) == ["c"]

    # -- filters -----------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            ({}, "abcd"),
            ({"_id": "a"}, "a"),
            ({"n": 2}, "b"),
            ({"n": {"$eq": 2}}, "b"),
            ({"n": {"$ne": 2}}, "acd"),
            ({"n": {"$in": [1, 2, 9]}}, "ab"),
            ({"n": {"$in": []}}, ""),
            ({"n": {"$exists": False}}, "d"),
            ({"n": {"$exists": True}}, "abc"),
            ({"n": None}, "cd"),
            ({"n": {"$ne": None}}, "ab"),
            ({"n": {"$gt": 1}}, "b"),
            ({"n": {"$gte": 1}}, "ab"),
            ({"n": {"$lt": 2}}, "a"),
            ({"n": {"$lte": 2}}, "ab"),
            ({"n": {"$gt": 0, "$lt": 2}}, "a"),
            ({"n": {"$gt": "0"}}, ""),
            ({"n": {"$lt": EVENING}}, ""),
            ({"at": {"$gt": MORNING - timedelta(milliseconds=1), "$lte": MORNING}}, "a"),
            ({"in.ner": "x"}, "a"),
            ({"in.ner": {"$exists": True}}, "ab"),
            ({"tags": "red"}, "ab"),
            ({"tags": {"$in": ["blue"]}}, "a"),
            ({"tags": ["red"]}, "b"),
            ({"$or": [{"n": 1}, {"in.ner": "y"}]}, "ab"),
            ({"n": 1, "$or": [{"tags": "red"}, {"tags": "blue"}]}, "a"),
            ({"_id": "a", "$or": [{"n": 2}, {"n": 3}]}, ""),
            ({"yes": True}, "a"),
            ({"yes": 1}, ""),
        ],
    )
    async def test_a_filter_finds(self, things: Collection, wanted: Mapping[str, Any], expected: str) -> None:
        await _fill(
            things,
            {"_id": "a", "n": 1, "at": MORNING, "in": {"ner": "x"}, "tags": ["red", "blue"], "yes": True},
            {"_id": "b", "n": 2, "at": EVENING, "in": {"ner": "y"}, "tags": ["red"], "yes": False},
            {"_id": "c", "n": None, "in": {}},
            {"_id": "d", "in": "text", "tags": []},
        )
        assert sorted(await _ids(things, wanted)) == list(expected)
        assert await things.count(wanted) == len(expected)

    async def test_find_sorts_by_several_fields_and_stops_at_the_limit(self, things: Collection) -> None:
        rows: Sequence[tuple[str, int | None]] = (("a", 2), ("b", 1), ("c", 2), ("d", None))
        await _fill(things, *({"_id": id_} | ({} if n is None else {"n": n}) for id_, n in rows))
        assert await _ids(things, {}, sort=[("n", -1), ("_id", 1)]) == ["a", "c", "b", "d"]
        assert await _ids(things, {}, sort=[("n", 1), ("_id", -1)]) == ["d", "b", "c", "a"]
        assert await _ids(things, {}, sort=[("n", -1), ("_id", 1)], limit=2) == ["a", "c"]
        assert await _ids(things, {"n": {"$gte": 1}}, sort=[("n", 1)], limit=1, only=("n",)) == ["b"]

    async def test_scan_goes_through_all_in_order_of_their_ids(self, things: Collection) -> None:
        await asyncio.gather(*(things.insert({"_id": f"{n:03}", "even": n % 2 == 0}) for n in reversed(range(450))))
        found = [document["_id"] async for document in things.scan({"even": True})]
        assert found == [f"{n:03}" for n in range(0, 450, 2)]

    async def test_find_brings_more_than_one_batch_of_the_driver(self, things: Collection) -> None:
        await asyncio.gather(*(things.insert({"_id": f"{n:03}"}) for n in range(250)))
        assert len(await things.find({}, limit=1000)) == 250
        assert len(await things.find({}, limit=240)) == 240

    # -- updates -----------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("update", "expected"),
        [
            ({"$set": {"n": 5, "new": MORNING}}, {"n": 5, "new": MORNING}),
            ({"$set": {"journal.2": {"x": 1}}}, {"journal": {"1": "one", "2": {"x": 1}}}),
            ({"$set": {"fresh.deep.er": 1}}, {"fresh": {"deep": {"er": 1}}}),
            ({"$set": {"journal.1.data": None}}, None),
            ({"$unset": {"journal.1": "", "journal.9": "", "gone": ""}}, {"journal": {}}),
            ({"$unset": {"n": ""}}, {"n": ...}),
            ({"$inc": {"n": 2, "count": 1}}, {"n": 3, "count": 1}),
            ({"$inc": {"n": 0}}, {"n": 1}),
            ({"$max": {"n": 3, "at": EVENING, "top": 7}}, {"n": 3, "at": EVENING, "top": 7}),
            ({"$max": {"n": 0, "at": YESTERDAY}}, {}),
            ({"$min": {"n": 0, "at": YESTERDAY, "low": EVENING}}, {"n": 0, "at": YESTERDAY, "low": EVENING}),
            ({"$min": {"n": 3, "at": EVENING}}, {}),
            ({"$push": {"seen": {"$each": ["d"], "$slice": -3}}}, {"seen": ["b", "c", "d"]}),
            ({"$push": {"seen": {"$each": ["d", "e"], "$slice": -9}}}, {"seen": ["a", "b", "c", "d", "e"]}),
            ({"$push": {"news": {"$each": ["x"], "$slice": -3}}}, {"news": ["x"]}),
            ({"$setOnInsert": {"born": 1}}, {}),
            ({"$set": {"n": 9}, "$unset": {"gone": ""}, "$inc": {"v": 1}, "$min": {"at": MORNING}}, {"n": 9, "v": 1}),
        ],
    )
    async def test_an_update_changes_exactly_this(
        self, things: Collection, update: Mapping[str, Any], expected: Mapping[str, Any] | None
    ) -> None:
        before: Document = {"_id": "a", "n": 1, "at": MORNING, "journal": {"1": "one"}, "seen": ["a", "b", "c"]}
        await things.insert(dict(before))
        if expected is None:  # there is a text where the path wants to go on
            with pytest.raises(Exception, match=r"(?i)journal|create|element"):
                await things.update({"_id": "a"}, update)
            assert await things.get("a") == before
            return
        assert await things.update({"_id": "a"}, update)
        after = {field: value for field, value in {**before, **expected}.items() if value is not ...}
        assert await things.get("a") == after

    async def test_an_update_says_whether_one_matched(self, things: Collection) -> None:
        await _fill(things, {"_id": "a", "n": 1}, {"_id": "b", "n": 1})
        assert await things.update({"n": 1}, {"$set": {"n": 1}}), "matched, though nothing changed"
        assert not await things.update({"_id": "c"}, {"$set": {"n": 1}})
        assert await things.update({"n": 1}, {"$set": {"n": 2}})
        assert await things.count({"n": 2}) == 1, "one, not all"

    async def test_a_version_lets_one_writer_through(self, things: Collection) -> None:
        await things.ensure(Index([("_id", 1), ("v", 1)]))
        await things.insert({"_id": "a", "v": 1})
        mark = {"$inc": {"v": 1}}
        results = await asyncio.gather(*(things.update({"_id": "a", "v": 1}, mark) for _ in range(8)))
        assert sorted(results) == [False] * 7 + [True]

    async def test_no_change_is_lost_between_writers_that_try_again(self, things: Collection) -> None:
        await things.insert({"_id": "a", "v": 0, "done": {}})

        async def write(who: int) -> None:
            for n in range(10):
                while True:
                    document = await things.get("a")
                    assert document is not None
                    change = {"$inc": {"v": 1}, "$set": {f"done.{who}-{n}": document["v"]}}
                    if await things.update({"_id": "a", "v": document["v"]}, change):
                        break

        await asyncio.gather(*map(write, range(8)))
        found = await things.get("a")
        assert found is not None
        assert found["v"] == 80
        assert sorted(found["done"].values()) == list(range(80))

    async def test_an_upsert_makes_what_is_not_there(self, things: Collection) -> None:
        update = {"$set": {"n": 1}, "$inc": {"fence": 1}, "$setOnInsert": {"born": MORNING}}
        assert await things.update({"_id": "a", "at": {"$lt": 3}}, update, upsert=True)
        assert await things.get("a") == {"_id": "a", "n": 1, "fence": 1, "born": MORNING}

    async def test_an_upsert_that_meets_another_is_told(self, things: Collection) -> None:
        await things.insert({"_id": "a", "at": 5})
        for filter_ in ({"_id": "a", "at": {"$lt": 5}}, {"_id": "a", "$or": [{"at": 4}, {"until": {"$lt": MORNING}}]}):
            with pytest.raises(DuplicateKey):
                await things.update(filter_, {"$set": {"at": 4}}, upsert=True)
        assert await things.get("a") == {"_id": "a", "at": 5}

    async def test_many_updates_go_in_one_call_and_tell_how_many_matched(self, things: Collection) -> None:
        await _fill(things, *({"_id": f"{n}", "v": 1, "sent": 0} for n in range(5)))
        updates = [({"_id": f"{n}", "v": n % 2}, {"$set": {"pending": 0}}) for n in range(7)]
        updates += [({"_id": f"{n}"}, {"$max": {"sent": n}}) for n in range(5)]
        assert await things.update_each(updates) == 2 + 5
        assert await things.update_each([]) == 0
        found = await things.find({}, sort=[("_id", 1)])
        assert [document["sent"] for document in found] == [0, 1, 2, 3, 4]
        assert [document["_id"] for document in found if "pending" in document] == ["1", "3"]

    async def test_one_of_many_updates_that_meets_a_taken_value_is_told(self, things: Collection) -> None:
        await things.ensure(Index([("number", 1)], unique=True))
        await _fill(things, {"_id": "a", "number": 1}, {"_id": "b", "number": 2}, {"_id": "c", "number": 3})
        with pytest.raises(DuplicateKey):
            await things.update_each([({"_id": "b"}, {"$set": {"number": 1}}), ({"_id": "c"}, {"$set": {"number": 4}})])
        assert sorted([document["number"] for document in await things.find({})]) == [1, 2, 4]

    async def test_fields_are_computed_from_each_document(self, things: Collection) -> None:
        rows: list[Document] = [
            {"_id": "read", "seq": 3, "sent": 1, "pending": 2},
            {"_id": "moved-on", "seq": 4, "sent": 1, "pending": 3},
            {"_id": "ahead", "seq": 5, "sent": 5, "pending": 0, "note": "untouched"},
            {"_id": "other", "seq": 3, "sent": 0, "pending": 3},
        ]
        await _fill(things, *(dict(row) for row in rows))
        still = {"$eq": ["$sent", 1]}
        sent = {"$cond": [still, 3, "$sent"]}
        pending = {"$cond": [{"$and": [still, {"$lte": ["$seq", 3]}]}, 0, "$pending"]}
        named = {"_id": {"$in": ["read", "moved-on", "ahead", "gone"]}}
        for _ in range(2):
            assert await things.compute(named, {"sent": sent, "pending": pending}) == 3
            assert await things.find({}, sort=[("_id", 1)]) == [
                {"_id": "ahead", "seq": 5, "sent": 5, "pending": 0, "note": "untouched"},
                {"_id": "moved-on", "seq": 4, "sent": 3, "pending": 3},
                rows[3],
                {"_id": "read", "seq": 3, "sent": 3, "pending": 0},
            ]

    # -- indexes -----------------------------------------------------------------------------------------

    async def test_a_unique_index_holds_for_inserts_updates_and_upserts(self, things: Collection) -> None:
        await things.ensure(Index([("city", 1), ("number", 1)], unique=True))
        await _fill(things, {"_id": "a", "city": "x", "number": 1}, {"_id": "b", "city": "x", "number": 2})
        with pytest.raises(DuplicateKey):
            await things.insert({"_id": "c", "city": "x", "number": 1})
        with pytest.raises(DuplicateKey):
            await things.update({"_id": "b"}, {"$set": {"number": 1}})
        with pytest.raises(DuplicateKey):
            await things.update({"_id": "c"}, {"$set": {"city": "x", "number": 1}}, upsert=True)
        await things.insert({"_id": "c", "city": "y", "number": 1})
        assert await things.update({"_id": "a"}, {"$set": {"number": 1, "more": 1}}), "its own value is not in its way"

    async def test_of_many_who_take_one_unique_value_one_succeeds(self, things: Collection) -> None:
        await things.ensure(Index([("number", 1)], unique=True))
        inserts = (things.insert({"_id": f"{n}", "number": 1}) for n in range(8))
        results = await asyncio.gather(*inserts, return_exceptions=True)
        assert sum(result is None for result in results) == 1
        assert sum(isinstance(result, DuplicateKey) for result in results) == 7

    async def test_a_missing_value_is_one_value_to_a_unique_index(self, things: Collection) -> None:
        await things.ensure(Index([("number", 1)], unique=True))
        await things.insert({"_id": "a"})
        with pytest.raises(DuplicateKey):
            await things.insert({"_id": "b", "number": None})

    async def test_a_partial_unique_index_looks_only_at_what_it_holds(self, things: Collection) -> None:
        await things.ensure(Index([("login", 1)], unique=True, partial=OPEN))
        await _fill(things, {"_id": "a", "login": "li.na", "pending": 1}, {"_id": "b", "login": "li.na", "pending": 0})
        await things.insert({"_id": "c", "login": "li.na"})
        with pytest.raises(DuplicateKey):
            await things.insert({"_id": "d", "login": "li.na", "pending": 2})
        with pytest.raises(DuplicateKey):
            await things.update({"_id": "b"}, {"$set": {"pending": 1}})
        assert await things.update({"_id": "a"}, {"$set": {"pending": 0}})
        assert await things.update({"_id": "b"}, {"$set": {"pending": 1}})

    async def test_a_partial_index_serves_what_enters_and_leaves_it(self, things: Collection) -> None:
        await things.ensure(Index([("pending", 1)], partial=OPEN))
        await _fill(things, *({"_id": f"{n}", "pending": n % 3} for n in range(9)))
        assert sorted(await _ids(things, OPEN)) == ["1", "2", "4", "5", "7", "8"]
        await things.update({"_id": "0"}, {"$inc": {"pending": 1}})
        await things.update({"_id": "1"}, {"$set": {"pending": 0}})
        await things.update({"_id": "2"}, {"$unset": {"pending": ""}})
        assert sorted(await _ids(things, OPEN)) == ["0", "4", "5", "7", "8"]

    async def test_an_index_over_a_list_finds_each_of_its_values(self, things: Collection) -> None:
        await things.ensure(Index([("parties", 1), ("_id", 1)]))
        await _fill(things, {"_id": "a", "parties": ["hrss", "police"]}, {"_id": "b", "parties": ["police"]})
        assert await _ids(things, {"parties": "police", "_id": {"$gt": "a"}}, sort=[("_id", 1)]) == ["b"]
        assert await _ids(things, {"parties": "hrss"}) == ["a"]

    async def test_indexes_are_made_once(self, things: Collection) -> None:
        for _ in range(2):
            await things.ensure(Index([("number", 1)], unique=True), Index([("_id", 1), ("v", 1)]))
        await things.insert({"_id": "a", "number": 1})

    async def test_an_index_that_was_dropped_holds_nobody_up(self, things: Collection) -> None:
        old = Index([("login", 1)], unique=True)
        await things.drop(old)  # it was never there, nor is the collection
        await things.ensure(old)
        for _ in range(2):
            await things.drop(old)
        await _fill(things, {"_id": "a", "login": None}, {"_id": "b", "login": None})

    async def test_a_unique_index_over_what_is_filled_in(self, things: Collection) -> None:
        await things.ensure(Index([("hash", 1)], unique=True, partial={"hash": {"$gt": ""}}))
        await _fill(things, {"_id": "a", "hash": "x"}, {"_id": "b", "hash": None}, {"_id": "c", "hash": None})
        with pytest.raises(DuplicateKey):
            await things.insert({"_id": "e", "hash": "x"})
        assert await things.update({"_id": "a"}, {"$set": {"hash": None}})
        assert await things.update({"_id": "b"}, {"$set": {"hash": "x"}}), "it is free"
        assert await _ids(things, {"hash": "x"}) == ["b"]
