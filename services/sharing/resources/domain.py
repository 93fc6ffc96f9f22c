"""A data resource as offered: one aggregate per code, a row on the compacted catalogue per change."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import get_args

from shared.aggregate import Aggregate
from shared.contracts.identity import OrganisationPublished
from shared.contracts.sharing import DataField, ResourcePublished, UpdateCycle
from shared.errors import Fault

CODE = r"[a-z][a-z0-9]{1,15}\.[a-z][a-z0-9-]{0,62}"
"""`<owner>.<name>`."""
FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}")
LONGEST_ANSWER = 30 * 24 * 3600.0
"""Seconds. Longer than the 20 working days that the law gives for delivery (政务数据共享条例, S) nothing may take."""


class Resource(Aggregate):
    """Publishing the same offer again changes nothing."""

    offer: ResourcePublished | None = None

    def publish(self, offer: ResourcePublished, now: datetime) -> None:
        """Put the offer in force; the same one again changes nothing."""
        if offer != self.offer:
            self.offer = offer
            self.record(offer, now)


def resource_id(code: str) -> str:
    """The aggregate's id, which is the row's key."""
    return f"resource-{code}"


def faults_of(offer: ResourcePublished, organisation: OrganisationPublished | None) -> list[Fault]:
    """Everything wrong with an offer, given the row of its owner."""
    return [*_owner_faults(offer, organisation), *_class_faults(offer), *_form_faults(offer)]


def _owner_faults(offer: ResourcePublished, organisation: OrganisationPublished | None) -> list[Fault]:
    """Each resource has exactly one owner in the city, who has it among its duties (一数一源)."""
    faults = []
    if re.fullmatch(CODE, offer.code) is None or not offer.code.startswith(f"{offer.owner}."):
        faults.append(Fault("/code", "format", "A code is <owner>.<name>"))
    if organisation is None:
        faults.append(Fault("/owner", "unknown_organisation", "No such department was admitted"))
    elif offer.code not in organisation.resources:
        faults.append(Fault("/code", "not_its_duty", "The department's duties do not list this resource"))
    return faults


def _class_faults(offer: ResourcePublished) -> list[Fault]:
    """Conditions only where the class has them, refusal only with its law (政务数据共享条例)."""
    faults = []
    for name, value, class_ in (
        ("condition", offer.condition, "conditional"),
        ("refusal_basis", offer.refusal_basis, "none"),
    ):
        if offer.sharing == class_ and not value:
            faults.append(Fault(f"/{name}", "missing", f"Class {class_} needs it"))
        if offer.sharing != class_ and value is not None:
            faults.append(Fault(f"/{name}", "not_allowed", f"Only class {class_} has it"))
    return faults


def _form_faults(offer: ResourcePublished) -> list[Fault]:
    faults = [*_name_faults("fields", offer.fields), *_name_faults("compares", offer.compares)]
    if offer.update_cycle not in get_args(UpdateCycle):
        faults.append(Fault("/update_cycle", "unknown", f"is one of {', '.join(get_args(UpdateCycle))}"))
    if not offer.answer_within <= LONGEST_ANSWER:
        faults.append(Fault("/answer_within", "too_long", f"at most {LONGEST_ANSWER:.0f} seconds"))
    return faults


def _name_faults(list_: str, fields: Sequence[DataField]) -> Iterator[Fault]:
    names = [field.name for field in fields]
    for n, name in enumerate(names):
        if FIELD.fullmatch(name) is None:
            yield Fault(f"/{list_}/{n}/name", "format", "A field's name is lower case, digits and _")
        if name in names[:n]:
            yield Fault(f"/{list_}/{n}/name", "duplicate", "The field is listed twice")
