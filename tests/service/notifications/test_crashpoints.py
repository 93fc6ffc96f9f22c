"""Every crash point is on the road that an event takes: a point that nobody reaches would prove nothing."""

from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition

from shared import crashpoint
from shared.testing.waiting import eventually
from tests.service.notifications.conftest import CASE, Town, accepted


async def _came(passed: list[str], point: str) -> bool:
    return point in passed


async def test_one_event_passes_every_point_in_their_order(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[str] = []
    monkeypatch.setattr(crashpoint, "reached", passed.append)

    record = await town.say(accepted(), CASE)
    partition = TopicPartition(record.topic, record.partition)

    async def commit(offsets: dict[TopicPartition, int]) -> None:
        assert offsets == {partition: record.offset + 1}
        passed.append("committed")

    consumer = SimpleNamespace(assignment=lambda: {partition}, commit=commit)
    assert town.office.runtime.lane is not None
    await town.office.runtime.lane._consume(SimpleNamespace(raw_message=[record], consumer=consumer))
    await eventually(lambda: _came(passed, "committed"), every=0.001)
    assert passed == ["after-write", "after-effect", "before-commit", "committed"]
    await town.office.runtime.timers.sweep()
    assert passed[4:] == ["after-write", "after-smtp-250", "after-write"], "claimed, taken, written down"
    assert town.office.runtime.relay is not None
    await town.office.runtime.relay.sweep()
    assert passed[7:] == ["after-produce"]
    assert {*passed} - {"committed"} == {*crashpoint.POINTS}
