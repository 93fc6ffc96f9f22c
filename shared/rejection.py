"""Rejected statements: what a department said that it may not say, or about nothing that is open.

The service that hears it keeps one record and says so on its own topic; nothing else changes.
"""

import re
from datetime import datetime
from typing import Any, Literal

from shared.aggregate import Aggregate
from shared.contracts import intake, sharing
from shared.ids import derived_id
from shared.messaging.envelope import Event, told_id
from shared.store.repository import AlreadyThere, Repository

Ground = Literal["not-the-owner", "unknown", "not-accepted", "finished"]

OUR_ID = re.compile(r"[a-z]{2,20}-[0-9a-z]{26}")


class Rejection(Aggregate):
    """One rejected statement. `about`: what it spoke of, where that looks like an id of ours; never its payload."""

    member: str
    statement: str
    about: str | None
    ground: Ground
    at: datetime


async def reject(
    rejections: Repository[Rejection],
    event: Event[Any],
    about: str,
    ground: Ground,
    model: type[intake.StatementRejected] | type[sharing.StatementRejected],
    now: datetime,
) -> None:
    """Record that `event` was rejected, once for all its deliveries, and publish it as `model`.

    The id derives from topic and event id, so that one department's ids cannot stand in another's way. `about` is
    the department's own text: kept only where it has the form of our ids, for it may be anything.
    """
    rejection = Rejection(
        id=derived_id("rejection", event.topic, event.id),
        member=event.member,
        statement=told_id(event.id),
        about=about if OUR_ID.fullmatch(about) else None,
        ground=ground,
        at=now,
    )
    rejection.record(
        model(member=rejection.member, statement=rejection.statement, about=rejection.about, ground=rejection.ground),
        now,
    )
    try:
        await rejections.add(rejection, cause=event)
    except AlreadyThere:  # the same statement came before
        return
