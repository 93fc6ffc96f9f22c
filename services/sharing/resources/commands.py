"""Publishing data resources."""

from services.sharing import policy
from services.sharing.desk import Desk
from services.sharing.resources.domain import Resource, faults_of, resource_id
from shared.caller import Caller
from shared.contracts.sharing import ResourcePublished
from shared.errors import Forbidden, Invalid


async def publish_resource(desk: Desk, caller: Caller, offer: ResourcePublished) -> tuple[Resource, bool]:
    """Put an offer in force; the resource and whether anything changed. Raises `Invalid` with every fault."""
    if not policy.acts_for(caller, offer.owner):
        raise Forbidden("Only the owning department publishes its resources")
    faults = faults_of(offer, desk.organisations.get(offer.owner))
    if faults:
        raise Invalid("The resource cannot be published", faults=tuple(faults))
    resource, now = Resource(id=resource_id(offer.code)), desk.clock.now()
    resource.publish(offer, now)
    return await desk.resources.put(resource, lambda known: known.publish(offer, now))
