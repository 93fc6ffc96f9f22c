"""Audit: the records are one chain that a stranger can verify, sealed, and kept as long as they must be."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import ValidationError

from services.identity.app import build_for_tests
from services.identity.audit.domain import EVERY
from services.identity.settings import IdentitySettings
from shared.audit.verify import SIX_MONTHS
from shared.contracts.identity import ActNoted, AuditSealed
from tests.service.identity.acts import hers
from tests.service.identity.conftest import LI_NA, WEB, Identity, settings
from tests.service.identity.records import kept, noted, verified


async def test_a_stranger_can_verify_it(city: Identity) -> None:
    await hers(city)
    report = await verified(city)
    assert report.holds, report.findings
    assert report.records == len(noted(city)) == report.on_topic
    assert (report.seals, report.unsealed) == (0, report.records)
    city.clock.forward(EVERY)
    await city.bus.settle()
    report = await verified(city)
    assert report.holds
    assert (report.seals, report.unsealed) == (1, 1), "what came behind the seal: that somebody looked"


async def test_an_edited_record_is_found(city: Identity) -> None:
    await hers(city)
    await city.bus.settle()
    (one,) = await city.database.collection("audit").find({"record.act": "signed-in"})
    await city.database.collection("audit").update({"_id": one["_id"]}, {"$set": {"record.on": "session-other"}})
    report = await verified(city)
    assert next((finding.kind, finding.where) for finding in report.findings) == ("edited", one["_id"])


async def test_two_replicas_make_one_chain_and_a_new_one_goes_on(city: Identity) -> None:
    """Each gets every record, and the second all that was there before."""
    await hers(city)
    await city.bus.settle()
    before = len(await kept(city))
    _, runtime, desk = build_for_tests(settings(), city.database, city.clock, city.bus, city.kms)
    await city.bus.join(runtime)
    await city.bus.settle()
    both = [event for event in city.bus.records if event.topic == ActNoted.topic]
    assert runtime.lane is not None
    assert city.runtime.lane is not None
    await asyncio.gather(runtime.lane.handle(both), city.runtime.lane.handle(both))
    assert len(await kept(city)) == before + 1, "that somebody looked"
    for n in range(3):
        await city.put("/people/person-li-na", LI_NA | {"phone": f"1390000777{n}"})
        await city.put("/clients/web", WEB | {"name": f"Web {n}"})
    await city.runtime.relay.sweep()  # type: ignore[union-attr]
    fresh = [event for event in city.bus.records if event.topic == ActNoted.topic][len(both) :]
    assert len(fresh) >= 6
    await asyncio.gather(runtime.lane.handle(fresh), city.runtime.lane.handle(fresh[::-1]), runtime.lane.handle(both))
    assert (await verified(city)).holds
    assert await desk.audit.book.head() == await city.desk.audit.book.head()


async def test_a_day_is_sealed_to_its_end_and_the_next_one_follows(city: Identity) -> None:
    await hers(city)
    for _ in range(4):
        city.clock.forward(timedelta(hours=12))
        await hers(city)
        await city.bus.settle()
    city.clock.forward(EVERY)
    await city.bus.settle()
    seals = city.bus.said(AuditSealed)
    closed = {one["day"]: one["count"] for one in seals if one["closed"]}
    days = sorted({link["day"] for link in await kept(city)})
    assert sorted(closed) == days[:-1]
    assert (await verified(city)).holds
    shown = (await city.http.get("/audit/seals", headers=city.operator())).json()
    assert {one["day"]: one["count"] for one in shown if one["closed"]} == closed


async def test_nobody_seals_what_is_not_new(city: Identity) -> None:
    for _ in range(4):
        city.clock.forward(EVERY)
        await city.bus.settle()
    assert len(city.bus.said(AuditSealed)) == 1


async def test_records_are_kept_as_long_as_they_must_and_go_by_whole_days(city: Identity) -> None:
    async def pass_by(days: int, each: int = 1) -> None:
        for _ in range(0, days, each):
            city.clock.forward(timedelta(days=each))
            await city.bus.settle()

    for _ in range(3):
        await hers(city)
        await pass_by(1)
    first = min(link["day"] for link in await kept(city))
    keeps = settings().audit_days
    await pass_by(29 * (keeps // 29), 29)
    await pass_by(keeps % 29 - 3)
    assert min(link["day"] for link in await kept(city)) == first, "its last act may be of its last moment"
    await pass_by(1)
    assert min(link["day"] for link in await kept(city)) > first
    (one,) = noted(city, "audit-dropped")
    assert (one["on"], one["by"]["kind"]) == (first, "service")
    report = await verified(city)
    assert set(report.found) <= {"not-in-chain"}, "the topic is not cleaned in a test"
    assert report.found["not-in-chain"] == one["count"]


async def test_a_shorter_time_than_the_law_allows_is_refused() -> None:
    with pytest.raises(ValidationError, match=f"greater than or equal to {SIX_MONTHS}"):
        IdentitySettings.model_validate(settings().model_dump() | {"audit_days": SIX_MONTHS - 1})
    assert IdentitySettings.model_validate(settings().model_dump() | {"audit_days": SIX_MONTHS}).audit_days == 183
