"""Logs: one JSON object a line on stderr, with the trace, and without personal data or secrets.

Lines of the standard library's loggers (uvicorn, aiokafka, FastStream) come out in the same shape. Ours do not pass
through it: a line by way of it takes twice as long.
Give FastStream `logging.getLogger("kafka")`.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from enum import Enum
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared import telemetry

REDACTED = "[redacted]"
# A key is redacted when one of its words (snake_case, kebab-case or camelCase) is listed.
_SECRETS = {"password", "passphrase", "passwd", "secret", "token", "tokens", "authorization", "cookie", "verifier"}
_CREDENTIALS = {"credential", "credentials", "assertion"}
_PERSONAL = {"mail", "email", "phone", "mobile", "name", "names", "login", "username", "address", "birthday", "idcard"}
_MAY_HOLD_THEM = {"form", "data", "payload", "body", "materials"}
SENSITIVE = frozenset(_SECRETS | _CREDENTIALS | _PERSONAL | _MAY_HOLD_THEM)
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_NOISY = ("aiokafka", "faststream", "httpx", "httpcore", "asyncio")


def configure(service: str, level: str = "INFO") -> None:
    """Set up structlog and the root logger for this process. Calling again replaces the set-up."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _identify(service),
    ]
    structlog.configure(
        processors=[*shared, _written],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=_Lines,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _written],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def _written(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """The line. One that cannot be written as it is must not stop the work: only that it was is told."""
    try:
        return str(
            _json(logger, method, structlog.processors.format_exc_info(logger, method, redact(logger, method, event)))
        )
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is no reason to fail
        return json.dumps({"event": "logging.unwritable", "of": str(event.get("event")), "error": type(exc).__name__})


class _Lines:
    """Where the lines of a logger of ours go. A disk that is full under them, or nothing at all, must not stop the
    work."""

    _one_by_one = Lock()

    def __init__(self, name: str = "tongban") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError, AttributeError), self._one_by_one:  # full, closed, not there
            sys.stderr.write(f"{line}\n")

    debug = info = warning = error = critical = msg


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of sensitive keys at any depth."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: object, value: Any) -> Any:
    if isinstance(key, str) and _is_sensitive(key):
        return REDACTED
    if isinstance(value, Mapping):
        return {str(inner): _clean(inner, item) for inner, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(None, item) for item in value]
    return value


@lru_cache(maxsize=1024)
def _is_sensitive(key: str) -> bool:
    return any(word.lower() in SENSITIVE for word in _WORDS.findall(key))


def _identify(service: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        event.pop("color_message", None)  # uvicorn's second copy of its message, for terminals
        if (traceparent := telemetry.bound()) is not None:
            event["trace"] = telemetry.trace_id(traceparent)
        for name, value in telemetry.about().items():
            event.setdefault(name, value)
        return event

    return add


def _plain(value: object) -> str:
    """What JSON does not know: times and paths as text; of anything else (models, secrets) only the class name."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (Path, Enum)):
        return str(value)
    if isinstance(value, BaseException):
        return type(value).__name__
    return f"<{type(value).__name__}>"


_json = structlog.processors.JSONRenderer(default=_plain, ensure_ascii=False)
