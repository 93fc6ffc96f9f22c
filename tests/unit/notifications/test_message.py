"""The state machine of a message."""

from datetime import UTC, datetime, timedelta

import pytest

from services.notifications.messages.domain import Facts, Fenced, Message, NotDue, Pace
from shared.errors import Conflict

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PACE = Pace(lease=timedelta(seconds=60), attempts=3, patience=timedelta(hours=72), contact_patience=timedelta(hours=24))


def message() -> Message:
    return Message(
        id="message-1",
        case="case-1",
        person="person-1",
        template="case-accepted",
        facts=Facts(number="1", item="residence-permit"),
        queued_at=NOW,
        since=NOW,
        wake_at=NOW,
    )


def claimed(fence: str = "a") -> Message:
    found = message()
    found.claim("one", fence, NOW, PACE)
    return found


def test_a_claim_holds_the_message_for_the_lease() -> None:
    found = claimed()
    assert (found.state, found.attempts, found.wake_at) == ("sending", 1, NOW + PACE.lease)
    with pytest.raises(NotDue):
        found.claim("two", "b", NOW + timedelta(seconds=59), PACE)


def test_the_same_claim_again_is_the_same_attempt() -> None:
    found = claimed()
    found.claim("one", "a", NOW, PACE)
    assert (found.attempts, found.repeats) == (1, 0)


def test_a_claim_after_the_lease_counts_that_the_mail_may_have_gone_out() -> None:
    found = claimed()
    found.claim("two", "b", NOW + PACE.lease, PACE)
    assert (found.attempts, found.repeats) == (2, 1)


def test_the_former_attempts_word_no_longer_counts() -> None:
    found = claimed()
    found.claim("two", "b", NOW + PACE.lease, PACE)
    with pytest.raises(Fenced):
        found.handed_over("a", NOW)
    assert found.recorded == []
    found.handed_over("b", NOW)
    assert found.recorded[0]["data"]["repeats"] == 1


def test_an_instance_started_anew_gives_up_its_own_lease_only() -> None:
    found = claimed()
    found.abandon("two", NOW)
    assert found.wake_at == NOW + PACE.lease
    found.abandon("one", NOW)
    assert found.wake_at == NOW


def test_writing_the_end_down_twice_says_it_once() -> None:
    found = claimed()
    found.handed_over("a", NOW)
    found.handed_over("a", NOW)
    assert [entry["type"] for entry in found.recorded] == ["tongban.notifications.message-sent.v1"]
    assert (found.state, found.wake_at, found.holder) == ("sent", None, None)


def test_a_sent_message_is_never_claimed() -> None:
    found = claimed()
    found.handed_over("a", NOW)
    with pytest.raises(NotDue):
        found.claim("one", "b", NOW + timedelta(days=1), PACE)


@pytest.mark.parametrize(("ground", "repeats"), [("deferred", 0), ("server-away", 0), ("no-answer", 1)])
def test_only_an_attempt_of_unknown_end_counts_as_a_repeat(ground: str, repeats: int) -> None:
    found = claimed()
    found.put_off("a", ground, NOW, PACE, 0.5)  # type: ignore[arg-type]  # grounds of this table
    assert found.wake_at is not None
    found.claim("one", "b", found.wake_at, PACE)
    assert found.repeats == repeats


def test_pauses_grow_and_their_jitter_is_full() -> None:
    found, fences = message(), iter("abcdefghijklmnopqrstuvwxyz")
    pauses: list[float] = []
    patient = Pace(PACE.lease, 100, PACE.patience, PACE.contact_patience)
    for _ in range(15):
        fence, at = next(fences), found.wake_at
        assert at is not None
        found.claim("one", fence, at, patient)
        found.put_off(fence, "deferred", NOW, patient, 0.0)
        assert found.wake_at == NOW
        found.wake_at = None
        found.state = "sending"
        found.put_off(fence, "deferred", NOW, patient, 1.0)
        assert found.wake_at is not None
        pauses.append((found.wake_at - NOW).total_seconds())
    assert pauses[:4] == [2, 4, 8, 16]
    assert pauses[-1] == 7200


def test_attempts_are_bounded() -> None:
    found = message()
    for fence in "abc":
        found.claim("one", fence, NOW, PACE)
        found.put_off(fence, "deferred", NOW, PACE, 0.0)
    assert (found.state, found.wake_at) == ("failed", None)
    assert [entry["data"]["ground"] for entry in found.recorded] == ["deferred"]


def test_patience_is_bounded() -> None:
    found = claimed()
    found.put_off("a", "server-away", NOW + PACE.patience, PACE, 0.0)
    assert found.state == "failed"


def test_waiting_for_an_address_costs_no_attempt_and_ends_after_a_day() -> None:
    found = message()
    found.wait("no-contact", NOW, PACE, 0.0)
    assert (found.state, found.attempts) == ("queued", 0)
    found.wait("no-contact", NOW + PACE.contact_patience, PACE, 0.0)
    assert found.recorded[0]["data"] == {
        "message": "message-1",
        "person": "person-1",
        "template": "case-accepted",
        "case": "case-1",
        "channel": "mail",
        "attempts": 0,
        "ground": "no-contact",
    }


def test_waiting_after_an_attempt_of_unknown_end_does_not_forget_it() -> None:
    found = claimed()
    found.wait("no-contact", NOW + PACE.lease, PACE, 0.0)
    found.claim("one", "b", NOW + PACE.lease, PACE)
    assert found.repeats == 1


def test_only_a_failed_message_is_tried_anew_with_all_patience() -> None:
    found = claimed()
    with pytest.raises(Conflict):
        found.retry(NOW)
    found.refuse("a", "recipient-refused", NOW)
    later = NOW + timedelta(days=30)
    found.retry(later)
    assert (found.state, found.wake_at, found.tries, found.attempts) == ("queued", later, 0, 1)
    found.claim("one", "b", later, PACE)
    found.put_off("b", "deferred", later, PACE, 0.0)
    assert found.state == "queued"
