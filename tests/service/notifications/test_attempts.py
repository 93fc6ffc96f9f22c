"""What can go wrong between us and the mail server, and that nothing is sent twice without being counted."""

import asyncio
from datetime import timedelta

import pytest

from services.notifications.desk import Desk
from services.notifications.messages import commands
from services.notifications.messages.domain import Message
from shared import timers
from shared.contracts.notifications import MessageFailed, MessageSent
from shared.testing import FakeClock, eventually
from tests.service.notifications.conftest import CASE, LI_NA, Town, accepted, decided

REPEATED = "tongban_mail_maybe_repeated_total"


async def killed_after_the_server_took_it(town: Town) -> str:
    """The process dies between hand-over and status; the message's id."""
    id_ = await town.queued(accepted())
    sending = asyncio.create_task(commands.deliver(town.desk, id_))

    async def kill() -> None:
        sending.cancel()

    town.server.taking = kill
    with pytest.raises(asyncio.CancelledError):
        await sending
    town.server.taking = None
    town.bus.leave(town.office.runtime)
    assert len(town.server.mails) == 1
    return id_


async def test_after_a_crash_a_restarted_instance_takes_over_at_once_and_counts(town: Town) -> None:
    await killed_after_the_server_took_it(town)
    restarted = await town.open("one")
    await town.bus.settle()
    first, second = town.server.mails
    assert first.id == second.id
    assert bytes(first.message) == bytes(second.message)
    assert [(s["attempts"], s["repeats"]) for s in town.bus.said(MessageSent)] == [(2, 1)]
    assert restarted.counted(REPEATED) == 1


async def test_after_a_crash_another_instance_waits_for_the_end_of_the_lease(town: Town) -> None:
    await killed_after_the_server_took_it(town)
    await town.open("two")
    await town.later(timedelta(seconds=59))
    await town.later(timedelta(seconds=2))
    assert len(town.server.mails) == 1, "by the calendar it is over; now it is watched as long as a hand-over may take"
    await town.later(timedelta(seconds=29))
    assert len(town.server.mails) == 1
    await town.later(timedelta(seconds=2))
    assert len(town.server.mails) == 2
    assert len({mail.id for mail in town.server.mails}) == 1
    assert [(s["attempts"], s["repeats"]) for s in town.bus.said(MessageSent)] == [(2, 1)]


async def test_a_crash_before_the_claim_counts_nothing(town: Town) -> None:
    await town.queued(accepted())
    await town.open("one")
    await town.bus.settle()
    assert len(town.server.mails) == 1
    assert [(s["attempts"], s["repeats"]) for s in town.bus.said(MessageSent)] == [(1, 0)]


def held_up(town: Town) -> tuple[asyncio.Event, asyncio.Event]:
    """The mail server ponders over the next letter: the first is set when it has it, the second lets it answer."""
    held, awake = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        town.server.taking = None
        held.set()
        await awake.wait()

    town.server.taking = hold
    return held, awake


async def test_a_zombie_that_wakes_after_its_lease_is_fenced_off(town: Town) -> None:
    id_ = await town.queued(accepted())
    held, awake = held_up(town)
    zombie = asyncio.create_task(commands.deliver(town.desk, id_))
    await held.wait()
    await town.open("two")
    await town.later(timedelta(seconds=61))
    await town.later(timedelta(seconds=31))
    awake.set()
    await zombie
    await town.bus.settle()
    assert len(town.server.mails) == 2
    assert [(s["attempts"], s["repeats"]) for s in town.bus.said(MessageSent)] == [(2, 1)]
    assert town.office.counted("tongban_mail_attempts_total", outcome="message_fenced") == 1


async def test_a_process_whose_clock_is_an_hour_ahead_takes_no_attempt_from_a_living_one(town: Town) -> None:
    id_ = await town.queued(accepted())
    ahead = await town.open("two", clock=FakeClock(town.clock.now() + timedelta(hours=1)))
    held, awake = held_up(town)
    sending = asyncio.create_task(commands.deliver(town.desk, id_))
    await held.wait()
    await commands.deliver(ahead.desk, id_)
    assert len(town.server.mails) == 1
    awake.set()
    await sending
    await town.bus.settle()
    assert len(town.server.mails) == 1
    assert [(s["attempts"], s["repeats"]) for s in town.bus.said(MessageSent)] == [(1, 0)]


async def test_an_attempt_that_began_since_one_looked_is_not_taken_over_by_a_clock_that_is_ahead(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await town.queued(accepted())
    ahead = await town.open("two", clock=FakeClock(town.clock.now() + timedelta(hours=1)))
    (held, awake), write = held_up(town), commands._write
    sending: list[asyncio.Task[bool]] = []

    async def meanwhile(desk: Desk, message: Message) -> tuple[str, bytes]:
        if desk is ahead.desk:
            sending.append(asyncio.create_task(commands.deliver(town.desk, id_)))
            await held.wait()
        return await write(desk, message)

    monkeypatch.setattr(commands, "_write", meanwhile)
    await commands.deliver(ahead.desk, id_)
    awake.set()
    await asyncio.gather(*sending)
    assert len(town.server.mails) == 1


async def test_two_processes_send_a_message_once(town: Town) -> None:
    other = await town.open("two")
    id_ = await town.queued(accepted())
    await asyncio.gather(*(commands.deliver(office.desk, id_) for office in (town.office, other, town.office)))
    await town.bus.settle()
    assert len(town.server.mails) == 1
    assert len(town.bus.said(MessageSent)) == 1


@pytest.mark.parametrize("stage", ["rcpt", "data"])
async def test_a_temporary_refusal_is_tried_again(town: Town, stage: str) -> None:
    getattr(town.server, stage).extend(["451 later", "452 later"])
    await town.hear(accepted(), CASE)
    await town.later()
    await town.later()
    assert len(town.server.mails) == 1
    assert [(s["attempts"], s["repeats"]) for s in town.bus.said(MessageSent)] == [(3, 0)]


@pytest.mark.parametrize(("stage", "ground"), [("rcpt", "recipient-refused"), ("data", "message-refused")])
async def test_a_refusal_for_good_is_final(town: Town, stage: str, ground: str) -> None:
    getattr(town.server, stage).append("550 no")
    await town.hear(accepted(), CASE)
    await town.later(timedelta(days=5))
    assert town.server.mails == []
    assert [(f["ground"], f["attempts"], f["person"]) for f in town.bus.said(MessageFailed)] == [(ground, 1, LI_NA)]


async def test_one_refused_recipient_does_not_disturb_the_next_mail(town: Town) -> None:
    town.server.rcpt.append("550 no")
    await town.hear(accepted(), CASE, 1)
    await town.hear(decided(), CASE, 2)
    assert [mail.subject for mail in town.server.mails] == ["您的居住证申领申请已办结（20260302-000001）"]


async def test_a_mail_server_that_is_away_is_waited_for(town: Town) -> None:
    await town.server.down()
    await town.hear(accepted(), CASE)
    await town.later(timedelta(hours=1))
    assert town.bus.said(MessageSent) == []
    await town.server.up()
    await town.later()
    assert len(town.server.mails) == 1
    [sent] = town.bus.said(MessageSent)
    assert sent["attempts"] >= 2
    assert sent["repeats"] == 0


async def test_a_mail_server_that_stays_away_is_given_up_after_days(town: Town) -> None:
    await town.server.down()
    await town.hear(accepted(), CASE)
    for _ in range(80):
        await town.later(timedelta(hours=1))
    assert [f["ground"] for f in town.bus.said(MessageFailed)] == ["server-away"]
    await town.server.up()


async def test_a_connection_that_breaks_after_the_letter_went_out_is_counted(town: Town) -> None:
    async def break_off() -> None:
        town.server.taking = None
        town.server.hang_up()

    town.server.taking = break_off
    await town.hear(accepted(), CASE)
    await town.later()
    first, second = town.server.mails
    assert first.id == second.id
    assert [(s["attempts"], s["repeats"]) for s in town.bus.said(MessageSent)] == [(2, 1)]


async def test_a_mail_server_that_says_nothing_is_left_in_time(town: Town) -> None:
    slow = await town.open("slow", mail_lease_seconds=2)
    id_ = await town.queued(accepted())

    async def say_nothing() -> None:
        town.server.taking = None
        await asyncio.sleep(3)

    town.server.taking = say_nothing
    async with asyncio.timeout(2.0):
        await commands.deliver(slow.desk, id_)
    message = await town.desk.messages.get(id_)
    assert (message.state, message.ground, message.unknown) == ("queued", "no-answer", True)
    other = await town.queued(decided(), 2)
    await commands.deliver(slow.desk, other)  # on a line that is in step with the server again
    assert (await town.desk.messages.get(other)).state == "sent"


async def test_an_outage_of_the_store_after_the_hand_over_makes_no_second_mail(town: Town) -> None:
    id_ = await town.queued(accepted())

    async def go_down() -> None:
        town.database.down = True

    town.server.taking = go_down
    sending = asyncio.create_task(commands.deliver(town.desk, id_))

    async def is_down() -> bool:
        return town.database.down

    await eventually(is_down)
    await asyncio.sleep(0)
    assert not sending.done()
    town.database.down = False
    await sending
    await town.later()
    assert len(town.server.mails) == 1
    assert [(s["attempts"], s["repeats"]) for s in town.bus.said(MessageSent)] == [(1, 0)]


async def test_one_connection_serves_many_mails(town: Town) -> None:
    for sequence in range(1, 11):
        await town.hear(accepted(), CASE, sequence)
    assert len(town.server.mails) == 10
    assert town.server.connections == 1


async def test_a_connection_that_the_server_closed_meanwhile_costs_no_attempt(town: Town) -> None:
    await town.hear(accepted(), CASE, 1)
    town.server.hang_up()
    await town.hear(decided(), CASE, 2)
    assert [s["attempts"] for s in town.bus.said(MessageSent)] == [1, 1]
    assert town.server.connections == 2


async def test_a_mail_that_hangs_holds_up_no_other(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "HOLD_UP_SECONDS", 0.05)
    answer = asyncio.Event()

    async def hold() -> None:
        town.server.taking = None
        await answer.wait()

    town.server.taking = hold
    await town.hear(accepted(), CASE, 1)
    await town.hear(decided(), CASE, 2)
    await eventually(lambda: settled(town, 1))
    assert [sent["template"] for sent in town.bus.said(MessageSent)] == ["case-decided"]
    answer.set()
    await eventually(lambda: settled(town, 2))


async def settled(town: Town, mails: int) -> bool:
    await town.bus.settle()
    return len(town.bus.said(MessageSent)) == mails


async def test_leaving_lets_the_attempt_under_way_end(town: Town) -> None:
    id_ = await town.queued(accepted())
    taken, answer = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        taken.set()
        await answer.wait()

    town.server.taking = hold
    sending = asyncio.create_task(commands.deliver(town.desk, id_))
    await taken.wait()
    leaving = asyncio.create_task(town.desk.post.close())
    asyncio.get_running_loop().call_later(0.05, answer.set)
    await leaving
    assert sending.done()
    assert (await town.desk.messages.get(id_)).state == "sent"
