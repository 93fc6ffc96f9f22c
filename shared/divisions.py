"""The division tree: how codes are built and what fits below what, for whoever keeps it and whoever loads it. Pure."""

from shared.contracts.identity import DivisionPublished
from shared.errors import Fault

LENGTHS = {1: 2, 2: 4, 3: 6, 4: 9, 5: 12}
"""Digits of a division code by level: the 12-digit statistical code (统计用区划代码) cut to the level."""


def and_above(code: str) -> list[str]:
    """The division and all that it lies in, the largest first: codes nest by prefix."""
    return [code[:length] for length in LENGTHS.values() if length <= len(code)]


def division_faults(row: DivisionPublished, parent: DivisionPublished | None) -> list[Fault]:
    """What is wrong with a row, given the row its `parent` names (`None`: there is no such row)."""
    faults = []
    if len(row.code) != LENGTHS[row.level]:
        faults.append(Fault("/code", "length", f"a code of level {row.level} has {LENGTHS[row.level]} digits"))
    if row.parent is None:
        if row.level != 1:
            faults.append(Fault("/parent", "missing", "only a province has no parent"))
        return faults
    if parent is None:
        faults.append(Fault("/parent", "unknown_division", "there is no such division"))
    elif parent.level >= row.level:
        faults.append(Fault("/parent", "level", "the parent is of a lower level or the same"))
    if not row.code.startswith(row.parent):
        faults.append(Fault("/code", "outside_parent", "the code does not begin with the parent's"))
    return faults
