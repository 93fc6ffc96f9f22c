"""Table: reference data in memory; a bad row changes nothing, and says so."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from aiokafka import TopicPartition

from shared.messaging.envelope import Record
from shared.messaging.parked import Parked
from shared.messaging.table import SILENT_SECONDS, Table, TableReader
from shared.store.memory import MemoryDatabase
from tests.petitions import OfficeListed

TOPIC = "petitions.offices"
Write = Callable[..., Record]


@pytest.fixture
def offices() -> Table[OfficeListed]:
    return Table(OfficeListed, key=lambda office: office.code)


@pytest.fixture
def reader(offices: Table[OfficeListed], parked: Parked) -> TableReader:
    return TableReader([offices], parked)


@pytest.fixture
def row() -> Write:
    offsets = iter(range(1000))

    def write(code: str, floor: int | None = 1, *, subject: str = "", **changed: bytes) -> Record:
        offset, subject = next(offsets), subject or f"office-{code}"
        headers = {
            "ce_specversion": b"1.0",
            "ce_id": f"{subject}:{offset + 1}".encode(),
            "ce_source": b"/dalian/petitions",
            "ce_type": OfficeListed.type.encode(),
            "ce_subject": subject.encode(),
            "ce_sequence": str(offset + 1).encode(),
        } | changed
        body = b"not json" if floor is None else OfficeListed(code=code, floor=floor).model_dump_json().encode()
        return Record(TOPIC, 0, offset, subject.encode(), list(headers.items()), body)

    return write


async def _feed(reader: TableReader, *records: Record) -> None:
    for record in records:
        await reader.feed(record)


def _floors(offices: Table[OfficeListed]) -> dict[str, int]:
    return {code: office.floor for code, office in offices.items()}


async def test_the_last_row_of_each_subject_is_there(
    reader: TableReader, offices: Table[OfficeListed], row: Write
) -> None:
    await _feed(reader, row("east", 1), row("west", 2), row("east", 3))
    assert _floors(offices) == {"east": 3, "west": 2}
    assert len(offices) == 2
    assert offices["east"].floor == 3
    assert "north" not in offices


async def test_a_row_that_comes_late_a_second_time_changes_nothing(
    reader: TableReader, offices: Table[OfficeListed], row: Write
) -> None:
    """Two relays at once, or a replay beside one, may write an older row behind a newer one."""
    await _feed(reader, row("east", 3, ce_sequence=b"7"), row("east", 1, ce_sequence=b"6"))
    assert _floors(offices) == {"east": 3}
    await _feed(reader, row("east", 4, ce_sequence=b"7"), row("east", 5, ce_sequence=b"8"))
    assert _floors(offices) == {"east": 5}


async def test_a_tombstone_takes_the_row_away(reader: TableReader, offices: Table[OfficeListed], row: Write) -> None:
    await _feed(reader, row("east"), row("west"), Record(TOPIC, 0, 8, b"office-east", [], None))
    assert _floors(offices) == {"west": 1}
    typed = row("west")
    await _feed(reader, Record(TOPIC, 0, 9, typed.key, typed.headers, None))
    assert _floors(offices) == {}
    await _feed(reader, Record(TOPIC, 0, 10, b"office-north", [], None), row("east", 4))
    assert _floors(offices) == {"east": 4}


async def test_a_row_that_changes_its_name_is_there_once(
    reader: TableReader, offices: Table[OfficeListed], row: Write
) -> None:
    await _feed(reader, row("east", subject="office-1"), row("orient", subject="office-1"))
    assert _floors(offices) == {"orient": 1}


async def test_who_watches_a_table_is_told_of_each_change(parked: Parked, row: Write) -> None:
    told: list[int] = []
    listed: Table[OfficeListed] = Table(OfficeListed, lambda o: o.code, lambda: told.append(len(listed)))
    await _feed(TableReader([listed], parked), row("east"), row("west"), row("west", None))
    assert told == [1, 2]


async def test_rows_of_other_types_on_the_topic_are_skipped(
    reader: TableReader, offices: Table[OfficeListed], parked: Parked, row: Write
) -> None:
    await _feed(reader, row("east"), row("west", None, ce_type=b"tongban.petitions.holiday-listed.v1"))
    assert (_floors(offices), await parked.count()) == ({"east": 1}, 0)


# -- bad rows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"floor": None}, "wrong-shape"),
        ({"ce_type": OfficeListed.type.replace(".v1", ".v2").encode()}, "unknown-version"),
        ({"ce_sequence": b"9" * 5000}, "bad-sequence"),
        ({"ce_time": b"0001-01-01T00:00:00+14:00"}, "bad-time"),
        ({"ce_subject": b"office-west"}, "key-differs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_bad_row_leaves_the_one_before_it_and_is_parked(
    reader: TableReader,
    offices: Table[OfficeListed],
    parked: Parked,
    row: Write,
    changed: dict[str, bytes],
    reason: str,
) -> None:
    await _feed(reader, row("east", 1), row("east", **{"floor": 2} | changed), row("west", 2))
    assert _floors(offices) == {"east": 1, "west": 2}
    assert [(key.key, key.reason) for key in await parked.keys()] == [("office-east", reason)]


async def test_a_row_that_its_table_cannot_take_does_not_end_the_reader(parked: Parked, row: Write) -> None:
    offices: Table[OfficeListed] = Table(OfficeListed, lambda o: ["ground", "first"][o.floor])
    await _feed(TableReader([offices], parked), row("east", 7), row("west", 1))
    assert list(offices) == ["first"]
    assert [key.error for key in await parked.keys()] == ["IndexError: list index out of range"]


async def test_a_good_row_clears_what_was_parked_before_it(
    reader: TableReader, offices: Table[OfficeListed], parked: Parked, row: Write
) -> None:
    await _feed(reader, row("east", None), row("east", None), row("west", None), row("east", 3))
    assert (_floors(offices), [key.key for key in await parked.keys()]) == ({"east": 3}, ["office-west"])


async def test_a_reader_that_starts_again_clears_nothing_that_is_still_bad(
    reader: TableReader, parked: Parked, row: Write, offices: Table[OfficeListed]
) -> None:
    records = [row("east", 1), row("east", None)]
    await _feed(reader, *records)
    before = await parked.show(TOPIC, "office-east")
    again = TableReader([offices], parked)
    await _feed(again, records[0])
    assert await parked.show(TOPIC, "office-east") == before, "the good row lies before the bad one"
    await _feed(again, records[1], row("east", 5))
    assert await parked.count() == 0


async def test_a_reader_that_starts_after_compaction_clears_what_its_forerunner_parked(
    reader: TableReader, parked: Parked, row: Write, offices: Table[OfficeListed]
) -> None:
    await _feed(reader, row("east", None))
    await _feed(TableReader([offices], parked), row("east", 5))
    assert await parked.count() == 0


async def test_a_store_that_is_away_delays_the_bad_row_and_loses_nothing(
    reader: TableReader,
    offices: Table[OfficeListed],
    parked: Parked,
    database: MemoryDatabase,
    row: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.messaging.table.RETRY_SECONDS", 0.001)
    await _feed(reader, row("west"))
    database.down = True
    feeding = asyncio.create_task(_feed(reader, row("east", None), row("east", 2)))
    await asyncio.sleep(0.01)
    assert not feeding.done()
    database.down = False
    await feeding
    assert (_floors(offices), await parked.count()) == ({"east": 2, "west": 1}, 0)


async def test_good_rows_do_not_trouble_the_store(
    reader: TableReader, offices: Table[OfficeListed], database: MemoryDatabase, row: Write
) -> None:
    await _feed(reader, row("east"))
    database.down = True
    await asyncio.wait_for(_feed(reader, row("east", 2), row("west", 2)), timeout=1)
    assert _floors(offices) == {"east": 2, "west": 2}


async def test_a_released_row_is_tried_again(
    reader: TableReader, offices: Table[OfficeListed], parked: Parked, row: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    floors = ["ground"]
    offices = Table(OfficeListed, lambda o: floors[o.floor])
    reader = TableReader([offices], parked)
    await _feed(reader, row("east", 0), row("west", 1))
    await parked.release(TOPIC, "office-west")
    assert await reader.release_due() == 0
    assert [(r.attempts, r.releasing) for r in await parked.show(TOPIC, "office-west")] == [(2, False)]
    floors.append("first")
    await parked.release(TOPIC, "office-west")
    assert await reader.release_due() == 1
    assert (set(offices), await parked.count()) == ({"ground", "first"}, 0)


async def test_a_row_that_was_given_up_is_not_parked_again_by_a_reader_that_begins_anew(
    reader: TableReader, offices: Table[OfficeListed], parked: Parked, row: Write
) -> None:
    bad, worse = row("east", None), row("east", None)
    await _feed(reader, bad)
    assert await parked.drop(TOPIC, "office-east", by="operator") == 1
    await _feed(TableReader([offices], parked), bad)
    assert (await parked.keys(), await parked.count(), await parked.show(TOPIC, "office-east")) == ([], 0, [])
    await _feed(TableReader([offices], parked), bad, worse)
    assert await parked.count() == 1


# -- readiness ---------------------------------------------------------------------------------------------


async def test_without_kafka_or_without_tables_there_is_nothing_to_wait_for(
    reader: TableReader, parked: Parked
) -> None:
    await reader.run()
    assert reader.ready.is_set()
    none = TableReader([], parked, lambda: {"bootstrap_servers": "127.0.0.1:1"})
    await none.run()
    assert none.ready.is_set()


async def test_a_table_is_relied_on_when_it_is_caught_up(offices: Table[OfficeListed], parked: Parked) -> None:
    reader = TableReader([offices], parked, dict)
    assert reader.fault() == f"{TOPIC}: not caught up yet"
    reader.ready.set()
    _notes(reader, (1, 5, 5, 2), (2, 5, 5, 1))
    assert reader.fault() is None


async def test_a_table_of_which_nothing_is_heard_any_more_is_not_relied_on(following: TableReader) -> None:
    _notes(following, (1, 5, 5, SILENT_SECONDS + 1), (2, 5, 5, 1))
    assert following.fault() == f"{TOPIC}: not heard of for 20 s"
    _notes(following, (3, 5, 5, 0))
    assert following.fault() is None


async def test_an_older_row_that_comes_late_changes_nothing(
    reader: TableReader, offices: Table[OfficeListed], row: Write
) -> None:
    older, newer = row("east", 1), row("east", 2)
    await _feed(reader, newer, older)
    assert offices["east"].floor == 2


# -- how old what is known is ------------------------------------------------------------------------------


@dataclass
class Fetching:
    """As much of a consumer as tells what the broker answered."""

    answered: int | None = None
    end: int | None = None

    def last_poll_timestamp(self, _: TopicPartition) -> int | None:
        return self.answered

    def highwater(self, _: TopicPartition) -> int | None:
        return self.end


PLACE = TopicPartition(TOPIC, 0)


def _notes(reader: TableReader, *rounds: tuple[int, int, int, float]) -> float:
    """Rounds of (answer, end, position, seconds ago); the age then."""
    now = time.monotonic()
    for answered, end, position, ago in rounds:
        reader._note(PLACE, Fetching(answered, end), position, now - ago)
    return round(reader.age(TOPIC))


@pytest.fixture
def following(offices: Table[OfficeListed], parked: Parked) -> TableReader:
    reader = TableReader([offices], parked, dict)
    reader.ready.set()
    return reader


def test_before_the_first_answer_nothing_is_known(following: TableReader) -> None:
    assert following.age(TOPIC) == float("inf")
    following._note(PLACE, Fetching(), 0, time.monotonic())
    assert following.age(TOPIC) == float("inf")


def test_an_answer_tells_what_there_was_when_it_was_asked_for(following: TableReader) -> None:
    assert _notes(following, (1, 5, 5, 90), (2, 5, 5, 60)) == 90, "it was asked for after the answer before"
    assert _notes(following, (3, 6, 6, 30)) == 60


def test_the_same_answer_tells_nothing_new(following: TableReader) -> None:
    assert _notes(following, (1, 5, 5, 90), (2, 5, 5, 60), (2, 5, 5, 30), (2, 5, 5, 1)) == 90


def test_what_was_not_read_yet_is_not_known(following: TableReader) -> None:
    assert _notes(following, (1, 5, 5, 90), (2, 5, 5, 60), (3, 9, 8, 30)) == 90
    assert _notes(following, (4, 9, 9, 10)) == 30


def test_rows_of_no_use_go_with_what_is_known_of_them(offices: Table[OfficeListed]) -> None:
    for code, floor in (("east", 1), ("west", 2)):
        offices.put(code.encode(), OfficeListed(code=code, floor=floor), 7)
    offices.prune(lambda office: office.floor == 1)
    assert _floors(offices) == {"west": 2}
    offices.put(b"east", OfficeListed(code="east", floor=3), 1)
    assert _floors(offices) == {"west": 2, "east": 3}
