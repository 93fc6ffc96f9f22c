"""The faults that lose or repeat something most easily, briefly: kills of every process at random moments, and more.

Each in turn on one private city under load. What is measured of recovery is shown by `make chaos`, not judged here:
a loaded machine is no reason to fail.
"""

import os
import random
from collections.abc import Iterator

import pytest

from tests.chaos.city import private_city
from tests.chaos.faults import FAULTS, SUBSET
from tests.chaos.load import Load
from tests.chaos.round import Round
from tests.chaos.scene import Fault

SEED = os.environ.get("SEED") or str(random.randrange(10**8))
RATE = 3.0
"""Cases a second."""


@pytest.fixture(scope="module")
def round_() -> Iterator[Round]:
    with private_city() as city:
        load = Load(city)
        try:
            yield Round(city, load, SEED, RATE)
        finally:
            load.end()


@pytest.mark.parametrize("fault", [pytest.param(f, id=f.number) for f in FAULTS if f.number in SUBSET])
def test_nothing_is_lost_or_repeated(round_: Round, fault: Fault) -> None:
    row = round_.run(fault, brief=True)
    assert [str(finding) for finding in row.findings] == [], f"SEED={SEED}; {row.notes}"
    assert row.cases > 0
    assert not [goal.text for goal in row.goals if not (goal.met or goal.timed)], f"SEED={SEED}"
