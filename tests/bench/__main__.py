"""`make bench`: all benches one after the other, or those named in ONLY; results go to docs/performance.md."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from importlib import import_module

import uvloop
from rich.console import Console

from deploy.local.settings import ROOT
from shared.web.server import freeze_loaded
from tests.bench import page
from tests.bench.meter import machine
from tests.bench.result import Result

Bench = Callable[[Console], Awaitable[Result]]
BENCHES = {
    "B1": "posting",
    "B2": "journey",
    "B3": "relaying",
    "B4": "consuming",
    "B5": "repeating",
    "B6": "hot_key",
    "B7": "overload",
    "B8": "soak",
    "B9": "volume",
    "B10": "startup",
    "B11": "issuing",
    "B12": "checking",
    "B13": "revoking",
    "B14": "registering",
}
"""Bench → module of this package whose `measure(console)` gives the result."""

LONG = ("B8",)
"""Only where they are asked for."""


def main() -> int:
    """Run what was asked for; 2 where a bench is not known, 1 where one broke. A goal missed is no failure."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    wanted = [name for name in os.environ.get("ONLY", "").replace(",", " ").split() if name]
    wanted = wanted or [name for name in BENCHES if name not in LONG]
    if unknown := [name for name in wanted if name not in BENCHES]:
        console.print(f"There is no {', '.join(unknown)}: one of {', '.join(BENCHES)}")
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us, the cities are stopped
    results, broken = [], False
    for name in wanted:
        began = time.monotonic()
        told = import_module(f"tests.bench.{BENCHES[name]}").__doc__ or ""
        console.print(f"[bold]{name}[/] {told.splitlines()[0]}")
        try:
            result = uvloop.run(_measure(name, console))
            result.machine |= machine() | {"commit": _commit()}
            result.keep()
            page.write()
        except Exception:  # noqa: BLE001 - shown, and the other benches still run
            console.print_exception()
            broken = True
            continue
        results.append(result)
        console.print(f"  {time.monotonic() - began:.0f} s", highlight=False)
    page.tell(results, console)
    return 1 if broken else 0


async def _measure(name: str, console: Console) -> Result:
    bench: Bench = import_module(f"tests.bench.{BENCHES[name]}").measure
    freeze_loaded()  # B3 to B6 read and publish in this process, ours and by hand, and stand for services
    return await bench(console)


def _commit() -> str:
    line = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(line, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
