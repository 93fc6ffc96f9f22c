"""How a start or stop tells what it is doing: one line for each step, with the time it took."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from rich.console import Console


class Report(Protocol):
    """Told about each step."""

    def step(self, text: str) -> AbstractContextManager[None]:
        """The step runs inside; `text` says what is so once it is done."""


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


class SilentReport:
    """For tests."""

    def step(self, text: str) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()
