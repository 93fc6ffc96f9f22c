"""Divisions and organisations: their rules, pure."""

from datetime import datetime

from services.identity.revocable import Revocable
from shared.aggregate import Aggregate
from shared.contracts.identity import (
    DivisionPublished,
    DutyAssigned,
    DutyKind,
    DutyReleased,
    OrganisationAdmitted,
    OrganisationPublished,
    OrganisationResumed,
    OrganisationSuspended,
)

Duty = tuple[DutyKind, str]
"""What exactly one organisation owns: its kind and its code."""


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


class Organisation(Revocable):
    """A department, where it sits, and which matters, data and systems it owns. While it is suspended nobody acts for
    it: neither its officers nor its programs."""

    row: OrganisationPublished
    suspended_at: datetime | None = None

    def open(self, now: datetime) -> None:
        """The organisation is admitted to the network."""
        self.record(OrganisationAdmitted(code=self.row.code, division=self.row.division), now)
        self.record(self.row, now)
        self._tell_duties(None, now)

    def revise(self, row: OrganisationPublished, now: datetime) -> None:
        """Put another row in force; the same one again changes nothing. Each duty that comes or goes is told."""
        if row != self.row:
            before, self.row = self.row, row
            self.record(row, now)
            self._tell_duties(before, now)

    def suspend(self, now: datetime) -> None:
        """Its officers' and programs' tokens end, and there are no new ones. Once suspended nothing changes."""
        if self.suspended_at is None:
            self.suspended_at = now
            self.revoke(f"org:{self.row.code}", now)
            self.record(OrganisationSuspended(code=self.row.code), now)

    def resume(self, now: datetime) -> None:
        """It goes on."""
        if self.suspended_at is not None:
            self.suspended_at = None
            self.record(OrganisationResumed(code=self.row.code), now)

    def _tell_duties(self, before: OrganisationPublished | None, now: datetime) -> None:
        had, has, code = duties(before), duties(self.row), self.row.code
        for kind, duty in [one for one in had if one not in has]:
            self.record(DutyReleased(kind=kind, code=duty, organisation=code), now)
        for kind, duty in [one for one in has if one not in had]:
            self.record(DutyAssigned(kind=kind, code=duty, organisation=code), now)


def duties(row: OrganisationPublished | None) -> dict[Duty, str]:
    """The duties of a row, with the JSON pointer to where the row names each."""
    if row is None:
        return {}
    found: dict[Duty, str] = {("matter", code): f"/matters/{n}" for n, code in enumerate(row.matters)}
    found |= {("resource", code): f"/resources/{n}" for n, code in enumerate(row.resources)}
    return found | {("system", code): f"/systems/{n}" for n, code in enumerate(row.systems)}
