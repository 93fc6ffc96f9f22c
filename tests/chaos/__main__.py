"""`python -m tests.chaos`: the round that `make chaos` runs. KILLS, SEED and FAULTS come from the environment."""

import os
import random
import signal
import sys
import time
from types import FrameType

from tests.chaos.city import private_city
from tests.chaos.faults import FAULTS
from tests.chaos.faults.kills import STORM
from tests.chaos.load import Load
from tests.chaos.report import show, write
from tests.chaos.round import Round, Row
from tests.chaos.scene import Fault

RATE, LONG_RATE = 4.0, 15.0
"""Cases a second, in the short round and in the long one."""


def main() -> int:
    """0 when every goal is met, 1 when one is missed."""
    signal.signal(signal.SIGTERM, _interrupt)
    seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(10**8))
    wanted = os.environ.get("FAULTS", "").upper().replace(",", " ").split()
    if unknown := set(wanted) - {fault.number for fault in FAULTS}:
        print(f"There is no {', '.join(sorted(unknown))}; FAULTS are {', '.join(fault.number for fault in FAULTS)}")
        return 2
    kills = int(os.environ.get("KILLS") or 0)
    chosen = [STORM] if kills else [fault for fault in FAULTS if not wanted or fault.number in wanted]
    again = f"make chaos SEED={seed}" + (f" KILLS={kills}" if kills else "")
    again += f" FAULTS={','.join(wanted)}" if wanted else ""
    print(f"Chaos with seed {seed}; the same again: {again}", flush=True)
    rows = run(chosen, seed, kills)
    show(rows, seed)
    if not wanted:
        write(rows, seed, "long" if kills else "short")
    return 0 if rows and all(row.passed for row in rows) else 1


def run(faults: list[Fault], seed: str, kills: int) -> list[Row]:
    """All of them on one city."""
    rows: list[Row] = []
    with private_city() as city:
        print("The city runs.", flush=True)
        load = Load(city)
        try:
            round_ = Round(city, load, seed, LONG_RATE if kills else RATE, _tell)
            for fault in faults:
                began = time.monotonic()
                rows.append(row := round_.attempt(fault, kills=kills))
                told = f"{fault.number} {fault.title}: {'passed' if row.passed else 'MISSED'}"
                print(f"{told} ({row.cases} cases, {time.monotonic() - began:.0f} s)", flush=True)
                for finding in row.findings[:20]:
                    print(f"   {finding}", flush=True)
                for goal in row.goals:
                    print(f"   {'met' if goal.met else 'MISSED'}: {goal.text}", flush=True)
                for note in row.notes:
                    print(f"   {note}", flush=True)
        finally:
            load.end()
    return rows


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _interrupt(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


if __name__ == "__main__":
    sys.exit(main())
