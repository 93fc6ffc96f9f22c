"""Logs as a service writes them, put back afterwards."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from shared import logging as our_logging


@pytest.fixture(autouse=True)
def configured_logs() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    our_logging.configure("waterworks")
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
