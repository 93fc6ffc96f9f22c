"""The long run: `make simulation`; EXAMPLES, WORKERS and SEED may be set in the environment.

Prints how far it is, then what was taken in all; a history that fails is printed step by step, with the seed. A run
of ten thousand or more is told in `docs/guarantees.md`.
"""

import logging
import os
import secrets
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from typing import Any

from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from deploy.local.settings import ROOT
from tests.simulation.machine import SETTINGS, Kernel

TOLD_SECONDS = 30.0
LONG = 10_000
PAGE = ROOT / "docs" / "guarantees.md"
BEGIN, END = "<!-- simulation: written by make simulation -->", "<!-- end of simulation -->"
UNITS = ("histories", "steps", "writes", "kills")


def take(number: int, histories: int, told: Any) -> None:
    """Take histories from one seed; puts `(seed, tally so far, failure or None, over)` on `told` now and then."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    tally: Counter[str] = Counter()

    class Told(Kernel):
        """A history of which the parent hears."""

        def __init__(self) -> None:
            super().__init__()
            if tally["histories"] % 20 == 0:
                told.put((number, dict(tally), None, False))

    Told.tally = tally
    try:
        run_state_machine_as_test(seed(number)(Told), settings=settings(SETTINGS, max_examples=histories))
    except BaseException:  # noqa: BLE001 - whatever it is, the parent prints it
        told.put((number, dict(tally), traceback.format_exc(), True))
    else:
        told.put((number, dict(tally), None, True))


def main() -> int:
    """Returns 1 when a history failed."""
    histories, workers = int(os.environ.get("EXAMPLES", "10000")), int(os.environ.get("WORKERS", "2"))
    first = int(os.environ.get("SEED", secrets.randbelow(10**6)))
    print(f"{histories} histories in {workers} processes, seeds from {first} (SEED={first} takes the same ones)")
    context = get_context("spawn")
    told, begun = context.Queue(), time.monotonic()
    seeds = range(first, first + workers)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whoever ends us ends the processes too
    share = -(-histories // workers)
    running = [context.Process(target=take, args=(number, share, told), daemon=True) for number in seeds]
    for process in running:
        process.start()
    tallies, failures = _follow(told, workers, begun, running)
    for process in running:
        process.join()
    lines = [f"{number:,} {name}" for name, number in _counted(sum(tallies.values(), Counter()))]
    print(f"\nTaken in {time.monotonic() - begun:.0f} s:", *lines, sep="\n  ")
    for number, failure in failures:
        print(f"\nSeed {number} found a promise broken:\n{failure}")
    verdict = f"{len(failures)} of {workers} processes found a promise broken" if failures else "Every promise was kept"
    print(f"\n{verdict}")
    if histories >= LONG:
        tell(f"Run on {datetime.now(UTC):%Y-%m-%d}, SEED={first}, WORKERS={workers}. **{verdict}.**", lines)
    return 1 if failures else 0


def _counted(total: Counter[str]) -> list[tuple[str, int]]:
    return [(unit, total.pop(unit, 0)) for unit in UNITS] + sorted(total.items())


def tell(verdict: str, lines: Sequence[str], page: Path = PAGE) -> None:
    """Put a run between its markers on the page."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no place for the simulation")
    page.write_text(f"{before}{begin}\n{verdict} Taken: {', '.join(lines)}.\n{end}{after}", encoding="utf-8")


def _follow(
    told: Any, workers: int, begun: float, running: list[Any]
) -> tuple[dict[int, Counter[str]], list[tuple[int, str]]]:
    """Listen until all are done; their last tallies, and what failed."""
    tallies: dict[int, Counter[str]] = {}
    failures: list[tuple[int, str]] = []
    over, printed = 0, begun
    while over < workers:
        try:
            number, tally, failure, ended = told.get(timeout=5.0)
        except Empty:
            if not any(process.is_alive() for process in running):
                raise RuntimeError("a process ended without a word") from None
            continue
        tallies[number], over = Counter(tally), over + ended
        if failure is not None:
            failures.append((number, failure))
        if time.monotonic() - printed > TOLD_SECONDS:
            printed, total = time.monotonic(), sum(tallies.values(), Counter())
            print(f"{printed - begun:6.0f} s  " + ", ".join(f"{total[unit]:,} {unit}" for unit in UNITS), flush=True)
    return tallies, failures


if __name__ == "__main__":
    sys.exit(main())
