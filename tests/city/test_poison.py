"""Poison on every topic a service reads: its key stands still with the reason, neighbours go on, retry works."""

import uuid
from functools import partial
from typing import Any

import pytest

from tests.city.poison import JUDGED_BY_ALL, POISON, READ, READERS, headers
from tests.city.running import RunningCity, tongban, until

DECIDED = "tongban.department.case-decided.v1"


def parked(city: RunningCity, service: str, topic: str) -> dict[str, dict[str, Any]]:
    return {one["key"]: one for one in city.operator.get(service, "/ops/parked") if one["topic"] == topic}


@pytest.mark.parametrize(("type_", "topic"), READ)
def test_each_poison_parks_its_key_with_its_reason_and_its_neighbours_go_on(
    city: RunningCity, type_: str, topic: str
) -> None:
    """All on one partition: that a record is parked shows that its reader went on past the ones before it."""
    member, own_readers = READ[type_, topic]
    keys = {name: f"poison-{uuid.uuid4().hex}" for name in POISON}
    for name, (value, changes, _) in POISON.items():
        key = keys[name]
        city.write(member, topic, key.encode(), value, headers(type_, key, changes), partition=0)
    named = {s: [n for n in POISON if s in own_readers or n in JUDGED_BY_ALL] for s in READERS[topic]}
    for service, names in named.items():
        wanted = {keys[name] for name in names}
        found = until(partial(_all_parked, city, service, topic, wanted), what=f"{service} parks {topic}")
        assert {name: found[keys[name]]["reason"] for name in names} == {name: POISON[name][2] for name in names}
        city.operator.ask(service, "POST", "/ops/parked/retry", params={"topic": topic, "key": keys["null header"]})
    for service, names in named.items():
        until(partial(_tried_again, city, service, topic, keys["null header"]), what=f"{service} tries {topic} again")
        for name in names:
            city.operator.ask(service, "POST", "/ops/parked/drop", params={"topic": topic, "key": keys[name]})
        assert not set(parked(city, service, topic)) & set(keys.values())


def _all_parked(city: RunningCity, service: str, topic: str, wanted: set[str]) -> dict[str, dict[str, Any]] | None:
    found = parked(city, service, topic)
    return found if wanted <= set(found) else None


def _tried_again(city: RunningCity, service: str, topic: str, key: str) -> bool:
    (record,) = city.operator.get(service, "/ops/parked/records", topic=topic, key=key)
    return record["attempts"] == 2 and not record["releasing"]


def test_what_was_dropped_is_not_parked_again_when_its_reader_begins_anew(city: RunningCity) -> None:
    """A table reads its topic from the beginning: the poison is still there."""
    topic, key, next_key = "identity.organisations", f"poison-{uuid.uuid4().hex}", f"poison-{uuid.uuid4().hex}"
    city.write("identity", topic, key.encode(), b"{}", [])
    until(partial(_all_parked, city, "notifications", topic, {key}))
    city.operator.ask("notifications", "POST", "/ops/parked/drop", params={"topic": topic, "key": key})
    city.kill("notifications")
    city.write("identity", topic, next_key.encode(), b"{}", [])
    found = until(partial(_all_parked, city, "notifications", topic, {next_key}), what="the reader has read everything")
    assert key not in found
    for service in READERS[topic]:
        city.operator.ask(service, "POST", "/ops/parked/drop", params={"topic": topic, "key": next_key})


def test_neighbours_of_a_parked_key_go_on_and_the_key_itself_waits_in_order(city: RunningCity) -> None:
    """A poisoned case stands still; its own later decision joins it; another case passes; retry finishes in order."""
    with city.frozen("police"):
        stuck, neighbour = city.apply()["case"], city.apply()["case"]
        for case in (stuck, neighbour):
            city.reaches(case, "accepted")
        city.write("police", "police.out", stuck.encode(), b"not JSON", headers(DECIDED, stuck, {}))
        decision = {"case": stuck, "outcome": "approved", "reason": "-", "officer": None}
        city.say("police", "police.out", DECIDED, decision, key=stuck, id_=f"late-{stuck}")
        found = until(lambda: (p := parked(city, "intake", "police.out").get(stuck)) and p["records"] == 2 and p)
        assert found["reason"] == "wrong-shape"
        decision = {"case": neighbour, "outcome": "approved", "reason": "-", "officer": None}
        city.say("police", "police.out", DECIDED, decision, key=neighbour, id_=f"on-time-{neighbour}")
        city.reaches(neighbour, "completed")
        assert city.case(stuck)["state"] == "accepted", "its decision waits behind the poison"
    at = {"topic": "police.out", "key": stuck}
    city.operator.ask("intake", "POST", "/ops/parked/retry", params=at)
    until(lambda: not parked(city, "intake", "police.out")[stuck]["releasing"], what="the retry came to its end")
    assert parked(city, "intake", "police.out")[stuck]["records"] >= 2, "the cause is still there: nothing passes"
    city.operator.ask("intake", "POST", "/ops/parked/drop", params=at)


def test_retry_handles_the_key_once_the_cause_is_gone(city: RunningCity) -> None:
    """An answer for a case that intake does not know yet cannot be handled; when the case is there, it can."""
    key = f"early-{uuid.uuid4().hex}"
    case = city.apply(key)["case"]  # the id derives from the applicant and the key
    city.reaches(case, "completed")
    unknown = "case-" + uuid.uuid4().hex[:26]
    exchange = f"exchange-{uuid.uuid4().hex[:26]}"
    answer = {"exchange": exchange, "case": unknown, "material": "social-insurance", "ground": "no-record"}
    refused = "tongban.sharing.answer-refused.v1"
    city.say("sharing", "sharing.to.intake", refused, answer, key=exchange, id_=f"{exchange}:1", ce_sequence="1")
    found = until(lambda: parked(city, "intake", "sharing.to.intake").get(exchange), what="it is parked")
    assert found["reason"] == "failed"
    assert "NotFound" in found["error"]
    store(city).insert_one(_document_like(city, case, unknown))
    retried = tongban(city.city.settings.state, "parked", "retry", "intake", "sharing.to.intake", exchange)
    assert (retried.returncode, retried.stdout) == (0, "1 record was handled.\n"), retried.stderr
    assert exchange not in parked(city, "intake", "sharing.to.intake")
    store(city).delete_one({"_id": unknown})


def store(city: RunningCity) -> Any:
    """Intake's cases, from outside: the cause is mended as an operator would mend data."""
    from pymongo import MongoClient  # noqa: PLC0415 - a test's own way in, not the project's

    return MongoClient(city.city.platform.store.uri)["tongban_intake"]["cases"]


def _document_like(city: RunningCity, case: str, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = store(city).find_one({"_id": case})
    return found | {"_id": id_, "number": "0" * 21}
