"""Publishing service items."""

from services.intake.desk import Desk
from services.intake.items.domain import Item, faults_of, item_id
from services.intake.items.forms import schema_faults
from shared.contracts.intake import ItemPublished
from shared.errors import Fault, Invalid


async def publish_item(desk: Desk, guide: ItemPublished) -> tuple[Item, bool]:
    """Put a guide in force; the item and whether anything changed. Raises `Invalid` with every fault."""
    faults = [*faults_of(guide), *schema_faults(guide.form), *_duty_faults(desk, guide)]
    if faults:
        raise Invalid("The service item cannot be published", faults=tuple(faults))
    item, now = Item(id=item_id(guide.code)), desk.clock.now()
    item.publish(guide, now)
    return await desk.items.put(item, lambda known: known.publish(guide, now))


def _duty_faults(desk: Desk, guide: ItemPublished) -> list[Fault]:
    """Each matter has exactly one owner in the city, named in its duties."""
    organisation = desk.organisations.get(guide.department)
    if organisation is None:
        return [Fault("/department", "unknown_organisation", "No such department was admitted")]
    if guide.code not in organisation.matters:
        return [Fault("/code", "not_its_duty", "The department's duties do not list this matter")]
    return []
