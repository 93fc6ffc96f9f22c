"""The benches' yardstick is honest: for each application the limit pipeline leaves what the city leaves, everywhere."""

import asyncio
import json
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import Any

import httpx
import pytest
from confluent_kafka import Message
from pymongo import MongoClient

from shared.testing.waiting import eventually
from tests.bench.city import BenchCity
from tests.bench.limit import wire
from tests.bench.limit.running import Limit, limit_pipeline
from tests.city.running import RunningCity

TOGETHER = 10


@dataclass(frozen=True)
class Traces:
    """What one application left. Records: topic and type → how many; said: topic, type, headers' names and payload
    of each, without what differs from case to case; `in_order`: whether each aggregate's lie in their sequence."""

    records: Counter[tuple[str, str]]
    said: list[tuple[str, str, frozenset[str], str]]
    in_order: bool
    documents: dict[str, list[dict[str, Any]]]
    mails: list[tuple[str, str, str]]


@pytest.fixture(scope="module")
async def limit(city: RunningCity) -> AsyncIterator[Limit]:
    """The limit pipeline beside the city, on the same broker, store and mailbox."""
    async with limit_pipeline(BenchCity(city.city)) as limit:
        yield limit


@pytest.fixture(scope="module")
async def both(city: RunningCity, limit: Limit) -> tuple[Traces, Traces]:
    """One application through the city, one through the limit pipeline."""
    bench = BenchCity(city.city)
    ours, theirs = city.apply(), await _apply(limit)
    await _is_done(bench, "tongban", ours["case"])
    await _is_done(bench, "limit", theirs["case"])
    return (
        _traces(bench, "tongban", _read(bench, ""), ours),
        _traces(bench, "limit", _read(bench, wire.PREFIX), theirs),
    )


async def _apply(limit: Limit) -> dict[str, Any]:
    target = limit.target()
    headers = {"Authorization": f"Bearer {target.token}", "Idempotency-Key": "once"}
    async with httpx.AsyncClient() as http:
        url = f"{target.url}{target.path}"
        first = await http.post(url, content=target.body.encode(), headers=headers)
        again = await http.post(url, content=target.body.encode(), headers=headers)
        forged = await http.post(url, content=target.body.encode(), headers=headers | {"Authorization": "Bearer x.y.z"})
    assert (first.status_code, again.status_code, forged.status_code) == (201, 200, 422)
    assert first.json()["case"] == again.json()["case"]
    found: dict[str, Any] = first.json()
    return found


async def _is_done(city: BenchCity, owner: str, case: str) -> None:
    """Decided, both mails sent, and everything published."""

    async def done() -> bool:
        documents = _documents(city, owner, case)
        every = [one for found in documents.values() for one in found]
        sent = [message for message in documents["messages"] if message["state"] == "sent"]
        return len(sent) == 2 and all(one["pending"] == 0 for one in every)

    await eventually(done, within=60)


def _documents(city: BenchCity, owner: str, case: str) -> dict[str, list[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](city.city.platform.store.uri) as client:
        return {
            "cases": list(client[f"{owner}_intake"]["cases"].find({"_id": case})),
            "exchanges": list(client[f"{owner}_sharing"]["exchanges"].find({"case": case}, sort=[("material", 1)])),
            "messages": list(client[f"{owner}_notifications"]["messages"].find({"case": case}, sort=[("template", 1)])),
        }


def _read(city: BenchCity, prefix: str) -> list[tuple[str, Message]]:
    """All records by topic."""
    return [(topic, record) for topic in wire.TOPICS for record in city.read_all(prefix + topic)]


def _traces(city: BenchCity, owner: str, on_topics: Sequence[tuple[str, Message]], case: dict[str, Any]) -> Traces:
    documents = _documents(city, owner, case["case"])
    about = {case["case"], *(one["_id"] for kind in ("exchanges", "messages") for one in documents[kind])}
    records, said, sequences = Counter[tuple[str, str]](), [], defaultdict[tuple[str, str], list[int]](list)
    for topic, record in on_topics:
        headers, key = dict(record.headers() or []), (record.key() or b"").decode()
        if key not in about:
            continue
        type_ = headers["ce_type"].decode()
        records[topic, type_] += 1
        said.append((topic, type_, frozenset(headers), _plain(record.value() or b"{}")))
        if "ce_sequence" in headers:
            sequences[topic, key].append(int(headers["ce_sequence"]))
    in_order = all(found == sorted(set(found)) for found in sequences.values())
    return Traces(
        records, sorted(said, key=str), in_order, documents, _mails(city, documents["messages"], case["number"])
    )


OWN = re.compile(
    r"(?P<id>\b(?:case|exchange|message|attempt|file|person|grant)-[0-9a-z]{20,})|(?P<number>\b\d{21}\b)"
    r"|(?P<digest>\b[0-9a-f]{64}\b)|(?P<time>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|\+00:00))"
)


def _plain(value: bytes) -> str:
    """A payload with the kinds of ids, numbers, digests and times in their places."""
    text = json.dumps(json.loads(value), ensure_ascii=False, sort_keys=True)
    return OWN.sub(lambda found: (found["id"] or "").partition("-")[0] or str(found.lastgroup), text)


def _mails(city: BenchCity, messages: list[dict[str, Any]], number: str) -> list[tuple[str, str, str]]:
    """To, subject and text of these messages' mails, without the case's number."""
    ids, found = {one["_id"] for one in messages}, []
    for path in (city.city.settings.state / "mail").rglob("*.eml"):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        if str(mail["Message-ID"]).strip("<>").partition("@")[0] in ids:
            body = mail.get_body()
            assert body is not None
            texts = str(mail["To"]), str(mail["Subject"]), str(body.get_content()).strip().replace("\r\n", "\n")
            found.append((texts[0], texts[1].replace(number, "NUMBER"), texts[2].replace(number, "NUMBER")))
    return sorted(found)


def _shape(value: Any) -> Any:
    """A document without what differs from case to case: names of fields, kinds of values, the journal's types."""
    if isinstance(value, dict):
        return {name: _shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_shape(one) for one in value]
    return type(value).__name__


async def test_the_same_records_are_on_the_topics(both: tuple[Traces, Traces]) -> None:
    ours, limit = both
    assert sum(ours.records.values()) > 15
    assert limit.records == ours.records


async def test_the_records_say_the_same_under_the_same_headers(both: tuple[Traces, Traces]) -> None:
    ours, limit = both
    assert limit.said == ours.said
    assert ours.in_order
    assert limit.in_order


async def test_many_applications_at_once_leave_the_same_each(
    both: tuple[Traces, Traces], city: RunningCity, limit: Limit
) -> None:
    """In batches the limit leaves out nothing and mixes nothing up."""
    bench, target = BenchCity(city.city), limit.target()
    async with httpx.AsyncClient() as http:

        async def apply(key: str) -> dict[str, Any]:
            headers = {"Authorization": f"Bearer {target.token}", "Idempotency-Key": key}
            answer = await http.post(f"{target.url}{target.path}", content=target.body.encode(), headers=headers)
            found: dict[str, Any] = answer.json()
            return found

        cases = await asyncio.gather(*(apply(f"many-{n}") for n in range(TOGETHER)))
    for case in cases:
        await _is_done(bench, "limit", case["case"])
    on_topics = _read(bench, wire.PREFIX)
    for case in cases:
        traces = _traces(bench, "limit", on_topics, case)
        assert (traces.said, traces.in_order, len(traces.mails)) == (both[0].said, True, 2)


@pytest.mark.parametrize("kind", ["cases", "exchanges", "messages"])
async def test_the_same_documents_are_stored_with_the_same_journals(both: tuple[Traces, Traces], kind: str) -> None:
    ours, limit = (traces.documents[kind] for traces in both)
    assert [[entry["type"] for entry in one["journal"].values()] for one in limit] == [
        [entry["type"] for entry in one["journal"].values()] for one in ours
    ]
    for mine, theirs in zip(ours, limit, strict=True):
        assert (theirs["state"], theirs["seq"], theirs["sent"]) == (mine["state"], mine["seq"], mine["sent"])
        journal = {name: one | {"heard": None, "seen": None} for name, one in (("ours", mine), ("limit", theirs))}
        assert _shape(journal["limit"]) == _shape(journal["ours"])


async def test_the_same_mails_came(both: tuple[Traces, Traces]) -> None:
    ours, limit = both
    assert len(ours.mails) == 2
    assert limit.mails == ours.mails
