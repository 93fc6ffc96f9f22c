"""What lies on real topics: tables that follow it, and records that no honest client of ours would write."""

import asyncio
import json
from typing import Any

import pytest

from shared.messaging.table import Table
from shared.testing.waiting import eventually
from tests.city.office import Office
from tests.city.platform import Ground
from tests.petitions import OfficeListed, PetitionAnswered

SOON = 30.0
COMPACTED = {"cleanup.policy": "compact"}
ANSWER = json.dumps({"petition": "p", "text": "yes"}).encode()


def _headers(type_: str, subject: str, sequence: int) -> list[tuple[str, Any]]:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", f"{subject}:{sequence}".encode()),
        ("ce_source", b"/dalian/east"),
        ("ce_type", type_.encode()),
        ("ce_subject", subject.encode()),
        ("ce_sequence", str(sequence).encode()),
    ]


def _list(ground: Ground, topic: str, *floors: tuple[str, int | None], after: int = 0) -> None:
    """Write rows, counted on from `after`; `None` is a tombstone."""
    producer = ground.producer()
    for n, (code, floor) in enumerate(floors, after + 1):
        value = None if floor is None else OfficeListed(code=code, floor=floor).model_dump_json().encode()
        headers = [] if floor is None else _headers(OfficeListed.type, code, n)
        producer.produce(topic, value, key=code.encode(), headers=headers)
    assert producer.flush(20) == 0


async def _shows(offices: Table[OfficeListed], expected: dict[str, int]) -> None:
    async def shown() -> bool:
        return {code: row.floor for code, row in offices.items()} == expected

    await eventually(shown, within=SOON)


async def _caught_up(office: Office) -> bool:
    return await office.runtime.tables_fault() is None


async def _is_young(office: Office, topic: str) -> bool:
    return office.runtime.table_age(topic) < 3


async def _is_old(office: Office, topic: str) -> bool:
    """Longer than a fetch that waits for news, and whatever was under way."""
    return office.runtime.table_age(topic) > 4


# -- tables ------------------------------------------------------------------------------------------------


async def test_a_table_is_ready_when_it_has_read_everything_and_then_follows(ground: Ground) -> None:
    topic = ground.topic("offices", config=COMPACTED)
    _list(ground, topic, *((f"o{n % 500}", n) for n in range(5000)))
    office = ground.office()
    offices = office.list_offices(topic)
    async with ground.running(office):
        assert await office.runtime.tables_fault()
        await eventually(lambda: _caught_up(office), within=SOON, every=0.001)
        assert {row.floor for row in offices.values()} == set(range(4500, 5000)), "ready means all of it"
        _list(ground, topic, *((f"o{n}", None) for n in range(1, 500)), ("o0", 7), after=5000)
        await _shows(offices, {"o0": 7})


async def test_an_empty_table_is_ready_at_once(ground: Ground) -> None:
    topic = ground.topic("offices", config=COMPACTED)
    office = ground.office()
    offices = office.list_offices(topic)
    async with ground.running(office):
        assert office.runtime.table_age(topic) == float("inf")
        await eventually(lambda: _caught_up(office), within=SOON, every=0.001)
        assert office.runtime.table_age(topic) < SOON, "what is ready is of a known age"
        assert not offices


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_table_goes_on_after_an_outage_of_the_broker(ground: Ground, how: str) -> None:
    topic = ground.topic("offices", config=COMPACTED)
    _list(ground, topic, ("east", 1))
    office = ground.office()
    offices = office.list_offices(topic)
    async with ground.running(office):
        await _shows(offices, {"east": 1})
        if how == "killed":
            ground.kill("kafka")
        else:
            await eventually(lambda: _is_young(office, topic), within=SOON)
            async with ground.frozen("kafka"):
                await eventually(lambda: _is_old(office, topic), within=SOON)
            await eventually(lambda: _is_young(office, topic), within=SOON)
        assert offices["east"].floor == 1, "what is known stays known"
        await asyncio.to_thread(_list, ground, topic, ("east", 2), ("west", 3), after=1)
        await _shows(offices, {"east": 2, "west": 3})


async def test_a_table_waits_for_a_broker_that_is_not_there_yet(ground: Ground) -> None:
    topic = ground.topic("offices", config=COMPACTED)
    _list(ground, topic, ("east", 1))
    office = ground.office()
    offices = office.list_offices(topic)
    ground.kill("kafka")
    async with ground.running(office):
        await _shows(offices, {"east": 1})


async def test_a_bad_row_parks_and_the_next_good_one_clears_it(ground: Ground) -> None:
    topic = ground.topic("offices", config=COMPACTED)
    _list(ground, topic, ("east", 1))
    producer = ground.producer()
    producer.produce(topic, b"not json", key=b"east", headers=_headers(OfficeListed.type, "east", 2))
    assert producer.flush(20) == 0
    for _ in range(2):  # a service that starts again parks it once
        office = ground.office()
        offices = office.list_offices(topic)
        async with ground.running(office):
            await _shows(offices, {"east": 1})
            await eventually(lambda office=office: _parked(office, ["wrong-shape"]), within=SOON)  # type: ignore[misc]
    office = ground.office()
    offices = office.list_offices(topic)
    async with ground.running(office):
        _list(ground, topic, ("east", 5), after=2)
        await _shows(offices, {"east": 5})
        await eventually(lambda: _parked(office, []), within=SOON)


async def _parked(office: Office, reasons: list[str]) -> bool:
    found = [record.reason for key in await office.runtime.parked.keys() for record in await _records(office, key)]
    return sorted(found) == sorted(reasons)


async def _records(office: Office, key: Any) -> Any:
    return await office.runtime.parked.show(key.topic, key.key)


# -- records of strangers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_a_strangers_compression_is_understood(ground: Ground, codec: str) -> None:
    topic = ground.topic()
    producer = ground.producer(**{"compression.type": codec, "linger.ms": 50})
    for n in range(1, 21):
        producer.produce(topic, ANSWER, key=b"p", headers=_headers(PetitionAnswered.type, "p", n))
    assert producer.flush(20) == 0
    office = ground.office(reading=(topic,))
    async with ground.running(office):
        await eventually(lambda: _heard(office, 20), within=SOON)


async def _heard(office: Office, count: int) -> bool:
    return await office.effects.count({}) >= count


async def test_poison_of_every_kind_parks_its_key_and_the_neighbours_go_on(ground: Ground) -> None:
    topic = ground.topic(config={"max.message.bytes": "2000000"})
    good = _headers(PetitionAnswered.type, "good", 1)
    poison: dict[str, tuple[bytes | None, list[tuple[str, Any]], str]] = {
        "json": (b"{", _headers(PetitionAnswered.type, "json", 1), "wrong-shape"),
        "shape": (b"[]", _headers(PetitionAnswered.type, "shape", 1), "wrong-shape"),
        "none": (None, _headers(PetitionAnswered.type, "none", 1), "no-value"),
        "bare": (ANSWER, [], "no-envelope"),
        "null": (ANSWER, [*_headers(PetitionAnswered.type, "null", 1), ("ce_type", None)], "no-envelope"),
        "latin": (ANSWER, [*_headers(PetitionAnswered.type, "latin", 1), ("x", b"\xe9\xff")], "bad-header"),
        "version": (ANSWER, _headers(PetitionAnswered.type.replace(".v1", ".v3"), "version", 1), "unknown-version"),
        "large": (b'"' + b"x" * 10_000_000 + b'"', _headers(PetitionAnswered.type, "large", 1), "too-large"),
        "other": (ANSWER, _headers(PetitionAnswered.type, "somebody", 1), "key-differs"),
    }
    producer = ground.producer(**{"compression.type": "gzip", "message.max.bytes": 20_000_000})
    for key, (value, headers, _) in poison.items():
        producer.produce(topic, value, key=key.encode(), headers=headers)
        producer.produce(topic, ANSWER, key=b"good", headers=good)
    producer.produce(topic, ANSWER, key=b"", headers=good)
    producer.produce(topic, ANSWER, headers=good)
    assert producer.flush(30) == 0
    office = ground.office(reading=(topic,))
    async with ground.running(office):
        reasons = sorted([reason for *_, reason in poison.values()] + ["key-differs"] * 2)
        await eventually(lambda: _parked(office, reasons), within=SOON)
        (heard,) = await office.effects.find({})
        assert (heard["_id"], heard["times"]) == ("good:1", len(poison))
        (large,) = await office.runtime.parked.show(topic, "large", values=True)
        assert (large.size, len(large.value or "")) == (10_000_002, 13_333_336)
