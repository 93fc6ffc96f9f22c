"""Traces and metrics: a W3C `traceparent` in a context variable, and the registry each service exposes.

A trace id ties together the request, the journal entries it caused, and every event that follows from them.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

_SHAPE = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)
_about: ContextVar[Callable[[], Mapping[str, str]] | None] = ContextVar("about", default=None)


def new() -> str:
    """A traceparent that starts a new trace: `00-<trace id>-<span id>-01`."""
    return f"00-{_nonzero(16)}-{_nonzero(8)}-01"


def current() -> str:
    """The traceparent in force; where there is none, a new trace is begun and stays in force for this task."""
    found = _current.get()
    if found is None:
        found = new()
        _current.set(found)
    return found


def child(parent: str | None = None) -> str:
    """A new span in the trace of `parent` (default: the current one); a bad parent begins a new trace."""
    known = _SHAPE.fullmatch(current() if parent is None else parent)
    return f"00-{known[1]}-{_nonzero(8)}-01" if known else new()


def trace_id(traceparent: str | None = None) -> str:
    """The 32 hex digits that name the trace of `traceparent` (default: the current one)."""
    return (traceparent or current()).split("-")[1]


@contextmanager
def bind(traceparent: str | None) -> Iterator[str]:
    """Put a traceparent in force for the block; `None` or a bad one becomes a new trace."""
    used = traceparent if traceparent and _SHAPE.fullmatch(traceparent) else new()
    token = _current.set(used)
    try:
        yield used
    finally:
        _current.reset(token)


def begin(traceparent: str | None, about: Callable[[], Mapping[str, str]]) -> None:
    """This task works in a trace at something from now on; `about` is asked when a line is logged, and only then."""
    _current.set(traceparent if traceparent and _SHAPE.fullmatch(traceparent) else new())
    _about.set(about)


def leave() -> None:
    """This task works in no trace and at nothing any more."""
    _current.set(None)
    _about.set(None)


def about() -> Mapping[str, str]:
    """What this task works at, for its log lines."""
    return {} if (told := _about.get()) is None else told()


def bound() -> str | None:
    """The traceparent in force, or `None`; begins nothing."""
    return _current.get()


def new_registry() -> CollectorRegistry:
    """A metrics registry of its own (never the global one) with process, platform and garbage collector metrics."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _nonzero(size: int) -> str:
    raw = secrets.token_hex(size)
    return raw if raw.strip("0") else _nonzero(size)
