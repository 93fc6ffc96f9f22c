"""Publishing data resources."""

from services.sharing import policy
from services.sharing.desk import Desk
from services.sharing.resources.domain import Resource, faults_of, resource_id
from shared.caller import Caller
from shared.contracts.sharing import ResourcePublished
from shared.errors import Forbidden, Invalid
from shared.store import AlreadyThere


async def publish_resource(desk: Desk, caller: Caller, offer: ResourcePublished) -> tuple[Resource, bool]:
    """Put an offer in force; the resource and whether anything changed. Raises `Invalid` with every fault."""
    if not policy.acts_for(caller, offer.owner):
        raise Forbidden("Only the owning department publishes its resources")
    faults = faults_of(offer, desk.organisations.get(offer.owner))
    if faults:
        raise Invalid("The resource cannot be published", faults=tuple(faults))
    resource, now = Resource(id=resource_id(offer.code)), desk.clock.now()
    changed = [resource.publish(offer, now)]
    try:
        await desk.resources.add(resource)
    except AlreadyThere:
        resource = await desk.resources.change(resource.id, lambda r: changed.append(r.publish(offer, now)))
    return resource, changed[-1]
