"""The limit's sharing: wishes become exchanges, answers are cut to the granted fields, both in batches."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import uvloop
from pymongo import IndexModel
from pymongo.errors import BulkWriteError

from tests.bench.limit import wire
from tests.bench.limit.publishing import Publisher
from tests.bench.limit.reading import Heard, consume, table

WISHED, ANSWERED = "tongban.intake.material-wished.v1", "tongban.department.question-answered.v1"
EVENTS = "sharing.events"
CITY_TIME = timezone(timedelta(hours=8))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INDEXES = (
    IndexModel([("_id", 1), ("v", 1)]),
    IndexModel([("pending", 1)], partialFilterExpression={"pending": {"$gt": 0}}),
    IndexModel([("wake_at", 1)], partialFilterExpression={"wake_at": {"$gt": EPOCH}}),
    IndexModel([("forget_at", 1)], partialFilterExpression={"forget_at": {"$gt": EPOCH}}),
    IndexModel([("subject", 1), ("wished_at", -1)]),
    IndexModel([("case", 1), ("wished_at", -1)]),
)


class Sharing:
    """One process of it."""

    def __init__(self) -> None:
        self._db = wire.database("sharing")
        self._publisher = Publisher("sharing")
        self._items: dict[str, dict[str, Any]] = {}

    async def run(self) -> None:
        """Read and publish until cancelled."""
        self._items = {row["code"]: row for row in (await table("intake.items")).values()}
        await self._db.exchanges.create_indexes(list(INDEXES))
        topics = ["intake.events", *(f"{department}.out" for department in wire.DEPARTMENTS)]
        await asyncio.gather(
            self._publisher.run(self._db.exchanges),
            consume("limit.sharing", topics, (WISHED, ANSWERED), self._hear),
        )

    async def _hear(self, events: list[Heard]) -> None:
        if wishes := [event for event in events if event.type == WISHED]:
            await self._ask(wishes)
        if answers := [event for event in events if event.type == ANSWERED]:
            await self._deliver(answers)

    async def _grants(self, filter_: dict[str, Any]) -> list[wire.Document]:
        return await self._db.grants.find(filter_, {"journal": 0}).to_list(1000)  # type: ignore[no-any-return]

    # -- wishes ------------------------------------------------------------------------------------------

    async def _ask(self, wishes: list[Heard]) -> None:
        resources = {f"resource-{event.data['resource']}" for event in wishes}
        found = await self._db.resources.find({"_id": {"$in": list(resources)}}, {"journal": 0}).to_list(1000)
        offers = {one["offer"]["code"]: one["offer"] for one in found}
        asked = {(e.data["consumer"], e.data["resource"], e.data["purpose"]) for e in wishes}
        grants = await self._grants(
            {"$or": [{"consumer": c, "terms.resource": r, "terms.purpose": p} for c, r, p in asked]}
        )
        new = [self._exchange(event, offers[event.data["resource"]], grants) for event in wishes]
        there: set[str] = set()
        try:
            await self._db.exchanges.insert_many(new, ordered=False)
        except BulkWriteError as exc:
            if any(fault["code"] != 11000 for fault in exc.details["writeErrors"]):
                raise
            there = {fault["op"]["_id"] for fault in exc.details["writeErrors"]}
        for one in new:
            if one["_id"] not in there:
                self._publisher.written(self._db.exchanges, one["_id"], one["seq"], list(one["journal"].values()))

    def _exchange(self, event: Heard, offer: dict[str, Any], grants: list[wire.Document]) -> wire.Document:
        wish, now, id_ = event.data, datetime.now(UTC), wire.derived("exchange", event.id)
        material = next(m for m in self._items[wish["item"]]["materials"] if m["code"] == wish["material"])
        if not set(wish["fields"]) <= set(material["shared"]["fields"]):
            raise ValueError("not of the item")
        today = now.astimezone(CITY_TIME).date().isoformat()
        grant = next(
            g
            for g in grants
            if (g["consumer"], g["terms"]["resource"]) == (wish["consumer"], wish["resource"])
            and g["state"] == "granted"
            and g["terms"]["valid_from"] <= today <= g["terms"]["valid_until"]
            and set(wish["fields"]) <= set(g["terms"]["fields"])
        )
        answer_by = now + timedelta(seconds=offer["answer_within"])
        told = {"exchange": id_, "resource": wish["resource"], "fields": wish["fields"], "purpose": wish["purpose"]}
        told |= {"consumer": wish["consumer"], "basis": grant["terms"]["basis"]}
        public = told | {"case": wish["case"], "grant": grant["_id"], "owner": offer["owner"]}
        question = told | {"subject": wish["subject"], "given": {}, "answer_by": wire.stamp(answer_by)}
        to = f"sharing.to.{offer['owner']}"
        entries = [
            wire.entry("tongban.sharing.exchange-asked.v1", EVENTS, public, now, event.trace),
            wire.entry("tongban.sharing.question-asked.v1", to, question, now, event.trace, personal=True),
        ]
        state = {
            **wish,
            "asker": "intake",
            "compared": [],
            "wish": event.id,
            "wished_at": now,
            "state": "asked",
            "ground": None,
        }
        state |= {"resource_name": offer["name"], "owner": offer["owner"], "basis": grant["terms"]["basis"]}
        state |= {"grant": grant["_id"], "grant_version": grant["v"], "asked_at": now, "answer_by": answer_by}
        state |= {"answered_at": None, "closed_at": None, "answer_sha256": None, "delivered_sha256": None}
        state |= {"wake_at": answer_by, "parties": [wish["consumer"], offer["owner"]]}
        return wire.born(id_, state, entries, {event.source: event.sequence})

    # -- answers -----------------------------------------------------------------------------------------

    async def _deliver(self, answers: list[Heard]) -> None:
        by_exchange = {event.data["exchange"]: event for event in answers}
        found = await self._db.exchanges.find({"_id": {"$in": list(by_exchange)}}, {"journal": 0}).to_list(1000)
        grants = {g["_id"]: g for g in await self._grants({"_id": {"$in": list({e["grant"] for e in found})}})}
        changes = []
        for exchange in found:
            event = by_exchange[exchange["_id"]]
            topic = event.topic.removeprefix(wire.PREFIX)
            if f"{topic}/{event.id}" in exchange["seen"] or topic != f"{exchange['owner']}.out":
                continue
            state, entries = _answered(exchange, event, grants[exchange["grant"]])
            changes.append((exchange, wire.changed(exchange, state, entries, {}, [f"{topic}/{event.id}"])))
        if changes and not await self._publisher.change(self._db.exchanges, changes):
            await self._deliver(answers)  # what was applied is seen, and is skipped now


def _answered(exchange: wire.Document, event: Heard, grant: wire.Document) -> tuple[wire.Document, list[wire.Document]]:
    now, id_, answer = datetime.now(UTC), exchange["_id"], event.data
    if grant["state"] not in ("granted", "expired") or not set(exchange["fields"]) <= set(grant["terms"]["fields"]):
        raise ValueError("the grant is gone")
    data = {name: answer["data"][name] for name in exchange["fields"]}
    whole, cut = _digest(answer["data"]), _digest(data)
    about = {"exchange": id_, "case": exchange["case"]}
    told = about | {"material": exchange["material"], "owner": exchange["owner"], "data": data, "sha256": cut}
    told["answered_at"] = wire.stamp(now)
    public = about | {"answer_sha256": whole, "delivered_sha256": cut, "answered_at": wire.stamp(now)}
    entries = [
        wire.entry("tongban.sharing.answer-delivered.v1", "sharing.to.intake", told, now, event.trace, personal=True),
        wire.entry("tongban.sharing.exchange-answered.v1", EVENTS, public, now, event.trace),
    ]
    state = {"state": "answered", "answered_at": now, "closed_at": now, "wake_at": None}
    return state | {"answer_sha256": whole, "delivered_sha256": cut}, entries


def _digest(data: dict[str, Any]) -> str:
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


if __name__ == "__main__":
    uvloop.run(Sharing().run())
