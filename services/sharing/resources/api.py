"""The catalogue of data resources over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from services.sharing import policy
from services.sharing.resources import commands, store
from services.sharing.resources.domain import CODE, resource_id
from services.sharing.web import TheDesk
from shared.caller import Caller
from shared.contracts.sharing import ResourcePublished
from shared.errors import Fault, Invalid, NotFound
from shared.web.authentication import PRIVILEGED_SECONDS, requires
from shared.web.exact import nothing_unknown
from shared.web.paging import Cursor, Page, Paging
from shared.web.preconditions import etag, tell_kept

router = APIRouter(prefix="/resources", tags=["resources"])
Code = Annotated[str, Path(pattern=f"^{CODE}$", max_length=80)]
Reader = Depends(requires(policy.may_read_catalogue))


@router.get("", summary="The catalogue, by code", dependencies=[Reader])
async def list_resources(window: Paging, desk: TheDesk) -> Page[ResourcePublished]:
    rows = await store.offers(desk.resources, after=window.after.id if window.after else "", limit=window.limit + 1)
    return window.page(rows, place=lambda row: Cursor(key=row.code, id=row.code), show=lambda row: row)


@router.get("/{code}", summary="One resource", dependencies=[Reader])
async def show_resource(code: Code, desk: TheDesk, response: Response) -> ResourcePublished:
    resource = await desk.resources.find(resource_id(code))
    if resource is None or resource.offer is None:
        raise NotFound("There is no such resource")
    response.headers["ETag"] = etag(resource.v)
    return resource.offer


@router.put(
    "/{code}",
    summary="Offer a resource; the same offer again changes nothing",
    dependencies=[Depends(nothing_unknown(ResourcePublished))],
)
async def publish_resource(
    code: Code,
    offer: ResourcePublished,
    caller: Annotated[Caller, Depends(requires(policy.may_publish, within=PRIVILEGED_SECONDS))],
    desk: TheDesk,
    response: Response,
) -> ResourcePublished:
    if offer.code != code:
        fault = Fault("/code", "differs", f"the address says {code}")
        raise Invalid("The code differs from the address", faults=(fault,))
    tell_kept(response, *await commands.publish_resource(desk, caller, offer))
    return offer
