"""How a start or stop tells what it is doing: one line for each step, with the time it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console


class Report(Protocol):
    """Told about each step."""

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Runs the step inside; `text` says what is so once it is done."""
        yield  # pragma: no cover

    def say(self, text: str) -> None: ...


class ConsoleReport:
    """For people: a spinner while it lasts, then a tick and the seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        began = time.monotonic()
        with self._console.status(text):
            yield
        self._console.print(f"[green]✓[/] {text} [dim]{time.monotonic() - began:.1f} s[/]", highlight=False)

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False)


class SilentReport:
    """For tests."""

    @contextmanager
    def step(self, text: str) -> Iterator[None]:  # noqa: ARG002
        yield

    def say(self, text: str) -> None:
        pass
