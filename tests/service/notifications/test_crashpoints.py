"""Every crash point is on the road that an event takes: a point that nobody reaches would prove nothing."""

from types import SimpleNamespace

import pytest

from shared import crashpoint
from tests.service.notifications.conftest import CASE, Town, accepted


async def test_one_event_passes_every_point_in_their_order(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[str] = []
    monkeypatch.setattr(crashpoint, "reached", passed.append)

    async def ack() -> None:
        passed.append("committed")

    record = await town.say(accepted(), CASE)
    assert town.office.runtime.lane is not None
    await town.office.runtime.lane._consume(SimpleNamespace(raw_message=[record], ack=ack))
    assert passed == ["after-write", "after-effect", "before-commit", "committed"]
    await town.office.runtime.timers.sweep()
    assert passed[4:] == ["after-write", "after-smtp-250", "after-write"], "claimed, taken, written down"
    assert town.office.runtime.relay is not None
    await town.office.runtime.relay.sweep()
    assert passed[7:] == ["after-produce"]
    assert {*passed} - {"committed"} == {*crashpoint.POINTS}
