"""The watch ends the store of its own city when its engine has given up, and nothing else, and for nothing else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from deploy.local import watch
from deploy.local.processes import MARK
from deploy.local.settings import Settings
from deploy.local.store import has_given_up

PANIC = 'WiredTiger error: WtError { code: -31804, message: "WT_PANIC: WiredTiger library panic" }'
FULL = 'WiredTiger error: WtError { code: 28, message: "No space left on device" }'


class Answering:
    """A store that answers every question in one way."""

    def __init__(self, failure: PyMongoError | None) -> None:
        self._failure = failure

    def __getitem__(self, _: str) -> "Answering":
        return self

    def find_one(self) -> None:
        if self._failure is not None:
            raise self._failure


@pytest.mark.parametrize(
    ("failure", "given_up"),
    [
        (OperationFailure(PANIC, 1), True),
        (OperationFailure(FULL, 1), False),
        (AutoReconnect("connection closed"), False),
        (None, False),
    ],
    ids=repr,
)
def test_only_a_panic_of_the_engine_is_one(failure: PyMongoError | None, given_up: bool) -> None:
    assert has_given_up(cast("MongoClient[dict[str, Any]]", Answering(failure))) is given_up


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """The store and the broker of one city, and the store of another."""
    cities = {"store": (tmp_path, "store"), "kafka": (tmp_path, "kafka"), "another's": (tmp_path / "other", "store")}
    with ExitStack() as running:
        found = {}
        for name, (state, mark) in cities.items():
            marked = os.environ | {MARK: mark, "TONGBAN_STATE": str(state)}
            line = [sys.executable, "-c", "print('runs', flush=True); input()"]
            process = subprocess.Popen(line, env=marked, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            running.callback(process.wait)
            running.callback(process.kill)
            assert process.stdout is not None
            process.stdout.readline()
            found[name] = process
        yield found


def test_the_store_of_this_city_is_ended_and_no_other_process(
    tmp_path: Path, processes: dict[str, subprocess.Popen[bytes]]
) -> None:
    watch.end_store(Settings(state=tmp_path))
    processes["store"].wait(10)
    assert [processes[name].poll() for name in ("kafka", "another's")] == [None, None]
