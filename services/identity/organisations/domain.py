"""Divisions and organisations: their rules, pure."""

from datetime import datetime

from shared.aggregate import Aggregate
from shared.contracts.identity import DivisionPublished, OrganisationAdmitted, OrganisationPublished
from shared.errors import Fault

LENGTHS = {1: 2, 2: 4, 3: 6, 4: 9, 5: 12}
"""Digits of a division code by level: the 12-digit statistical code (统计用区划代码) cut to the level."""


def division_id(code: str) -> str:
    """The id of the division with this code."""
    return f"division-{code}"


def organisation_id(code: str) -> str:
    """The id of the organisation with this code."""
    return f"organisation-{code}"


class Division(Aggregate):
    """A row of the division tree."""

    row: DivisionPublished

    def open(self, now: datetime) -> None:
        """The row appears."""
        self.record(self.row, now)

    def revise(self, row: DivisionPublished, now: datetime) -> None:
        """Put another row in force; the same one again changes nothing."""
        if row != self.row:
            self.row = row
            self.record(row, now)


class Organisation(Aggregate):
    """A department, where it sits, and which matters and data it owns."""

    row: OrganisationPublished

    def open(self, now: datetime) -> None:
        """The organisation is admitted to the network."""
        self.record(OrganisationAdmitted(code=self.row.code, division=self.row.division), now)
        self.record(self.row, now)

    def revise(self, row: OrganisationPublished, now: datetime) -> None:
        """Put another row in force; the same one again changes nothing."""
        if row != self.row:
            self.row = row
            self.record(row, now)


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
