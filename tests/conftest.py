"""For all tests."""

import gc


def pytest_collection_finish() -> None:
    """What is loaded by now stays: not to go through it again and again is a tenth of the run's CPU."""
    gc.collect()
    gc.freeze()
