"""Named points at which a test kills this process, to show what a crash exactly there costs.

`TONGBAN_CRASH_AT=after-produce:7` is kill -9 at the seventh passage of the point. Unset, a passage costs one
comparison; set, the service says so loudly at its start. Domain classes do not know of it.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import structlog

log = structlog.get_logger("crashpoint")

Point = Literal["after-write", "after-produce", "after-effect", "before-commit", "after-smtp-250"]
"""In the order in which a case passes them: the aggregate is written (nobody knows yet); the broker confirmed an entry
(not marked yet); a handler is through (others of its batch are not); the batch is through (its offsets are not
committed); the mail server took a mail (not written down yet)."""

POINTS: tuple[Point, ...] = get_args(Point)


@dataclass
class Plan:
    """Die at the passage after `left - 1` others."""

    point: Point
    left: int
    die: Callable[[], None]


def parse(text: str) -> tuple[Point, int]:
    """`<point>:<passage>`; raises `ValueError` that names the points there are."""
    name, _, passage = text.partition(":")
    found = next((point for point in POINTS if point == name), None)
    if found is None:
        raise ValueError(f"there is no such point, there are {', '.join(POINTS)}")
    if not (passage.isascii() and passage.isdecimal() and int(passage) > 0):
        raise ValueError("say at which passage, counted from 1: <point>:<passage>")
    return found, int(passage)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


_plan: Plan | None = None


def arm(text: str, die: Callable[[], None] = _die) -> None:
    """From now on this process dies as `text` says; empty: it does not. Raises `ValueError`."""
    global _plan  # noqa: PLW0603 - one process, one death
    _plan = Plan(*parse(text), die) if text else None
    if _plan is not None:
        log.critical("crashpoint.armed", point=_plan.point, passage=_plan.left)


def reached(point: Point) -> None:
    """The process is at this point."""
    if _plan is None or _plan.point != point:
        return
    _plan.left -= 1
    if _plan.left == 0:
        _plan.die()
