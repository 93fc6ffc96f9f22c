"""A service item as published: one aggregate per code, a row on the compacted topic per change."""

from datetime import datetime

from shared.aggregate import Aggregate
from shared.contracts.intake import ItemPublished
from shared.errors import Fault


class Item(Aggregate):
    """Publishing the same guide again changes nothing."""

    guide: ItemPublished | None = None

    def publish(self, guide: ItemPublished, now: datetime) -> None:
        """Put the guide in force; the same one again changes nothing."""
        if guide != self.guide:
            self.guide = guide
            self.record(guide, now)


def item_id(code: str) -> str:
    """The aggregate's id, which is the row's key."""
    return f"item-{code}"


def faults_of(guide: ItemPublished) -> list[Fault]:
    """What is wrong with a guide by itself."""
    faults = []
    codes = [material.code for material in guide.materials]
    for n, code in enumerate(codes):
        if code in codes[:n]:
            faults.append(Fault(f"/materials/{n}/code", "duplicate", "The material is listed twice"))
    if guide.promised_days > guide.legal_days:
        # Order 722 Art. 36: a promise may be shorter than the legal limit, never longer.
        faults.append(Fault("/promised_days", "longer_than_legal", "The promise is longer than the legal limit"))
    for name in ("legal_days", "promised_days"):
        if getattr(guide, name) < 0:
            faults.append(Fault(f"/{name}", "negative", "Days cannot be negative"))
    if guide.form.get("type") != "object":
        faults.append(Fault("/form/type", "not_an_object", "A form's schema is of type object"))
    return faults
