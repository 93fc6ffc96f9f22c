"""The kernel under simulation: any interleaving of steps, deaths, zombies, duplicates, refusals and outages.

The test run takes the same hundred histories each time; `make simulation` takes 10,000 others (`EXAMPLES=…`
for another number). A history that fails is printed step by step, as short as hypothesis can make it.
"""

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.machine import SETTINGS, Kernel, narrowed
from tests.simulation.planted import MISTAKES, Mistake
from tests.simulation.promises import Broken

FIND = settings(SETTINGS, max_examples=1000, phases=[Phase.generate], derandomize=True)


def test_whatever_happens_everything_is_done_once_and_in_order() -> None:
    run_state_machine_as_test(Kernel, settings=settings(SETTINGS, max_examples=100, derandomize=True))


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_planted_mistake_is_found(mistake: Mistake) -> None:
    """The simulation can fail: each of these mistakes breaks a promise in some history."""
    kernel = narrowed(mistake.among) if mistake.among else Kernel
    with mistake.make(), pytest.raises(Broken) as broken:
        run_state_machine_as_test(kernel, settings=FIND)
    assert broken.value.promise in mistake.breaks, str(broken.value)
