"""What the driver's failures mean to us."""

import pytest
from pymongo import errors

from shared.store.collection import DuplicateKey, Unavailable
from shared.store.mongo import _each, _ours

FULL = 'WiredTiger error: WtError { code: 28, message: "No space left on device" }'
PANIC = 'WiredTiger error: WtError { code: -31804, message: "WT_PANIC: WiredTiger library panic" }'


def bulk(*faults: tuple[int, int, str]) -> errors.BulkWriteError:
    return errors.BulkWriteError(
        {"writeErrors": [{"index": n, "code": code, "errmsg": text} for n, code, text in faults]}
    )


@pytest.mark.parametrize("text", [FULL, PANIC])
def test_a_full_disk_of_the_store_is_no_fault_of_who_asked(text: str) -> None:
    """Else a full disk would park every event that comes, and answer people with 500."""
    assert isinstance(_ours(errors.OperationFailure(text, 1)), Unavailable)
    assert isinstance(_ours(bulk((0, 1, text))), Unavailable)
    outcomes = _each(bulk((1, 1, text), (2, 11000, "E11000")), 3)
    assert outcomes[0] is None
    assert isinstance(outcomes[1], Unavailable)
    assert isinstance(outcomes[2], DuplicateKey)


def test_another_internal_error_stays_what_it_is() -> None:
    failure = errors.OperationFailure("a stage that nobody knows", 1)
    assert _ours(failure) is failure
