"""Crash points: what can be asked for, what dies, and that nothing happens unasked."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from shared import crashpoint
from shared.crashpoint import POINTS

SCRIPT = """
import asyncio, sys
from datetime import datetime, UTC
from shared import crashpoint
from shared.store.memory import MemoryDatabase
from shared.store.repository import Repository
from tests.petitions import Petition

async def main():
    petitions = Repository(MemoryDatabase(), "petitions", Petition)
    await petitions.add(Petition.file("one", datetime.now(UTC)))
    print("added", flush=True)
    await petitions.change("one", lambda petition: petition.answer("yes", datetime.now(UTC)))
    print("changed", flush=True)

crashpoint.arm(sys.argv[1])
asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def unarmed() -> Iterator[None]:
    yield
    crashpoint.arm("")


@pytest.mark.parametrize(("plan", "said"), [("after-write:1", []), ("after-write:2", ["added"])])
def test_the_process_is_killed_at_the_passage_asked_for(plan: str, said: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, plan], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    warning, *words = done.stdout.splitlines()
    assert "crashpoint.armed" in warning
    assert words == said


def test_unarmed_nothing_dies() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, ""], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.split()) == (0, ["added", "changed"])


def test_only_the_point_asked_for_counts_and_it_dies_once() -> None:
    deaths: list[str] = []
    crashpoint.arm("after-effect:2", lambda: deaths.append("died"))
    for point in POINTS:
        crashpoint.reached(point)
    assert deaths == []
    for _ in range(3):
        crashpoint.reached("after-effect")
    assert deaths == ["died"]


@pytest.mark.parametrize("text", ["after-lunch:1", "after-write", "after-write:", "after-write:0", "after-write:-1"])
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"there are after-write|counted from 1"):
        crashpoint.parse(text)
