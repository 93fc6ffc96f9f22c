"""Service items over HTTP: the guide is public, publishing is the owner's and the operator's."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from services.intake import policy
from services.intake.items import commands, store
from services.intake.items.domain import item_id
from services.intake.web import TheDesk
from shared.caller import Caller
from shared.contracts.intake import ItemPublished
from shared.errors import Fault, Forbidden, Invalid, NotFound
from shared.web.authentication import PRIVILEGED_SECONDS, public, requires
from shared.web.exact import nothing_unknown
from shared.web.preconditions import tell_kept

router = APIRouter(prefix="/items", tags=["items"])
Code = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{1,63}$")]


@router.get("", summary="All service items", dependencies=[Depends(public("the guide is public, 行政许可法 Art. 30"))])
async def list_items(desk: TheDesk) -> list[ItemPublished]:
    return await store.all_guides(desk.items)


@router.get("/{code}", summary="One guide", dependencies=[Depends(public("the guide is public, 行政许可法 Art. 30"))])
async def show_item(code: Code, desk: TheDesk) -> ItemPublished:
    item = await desk.items.find(item_id(code))
    if item is None or item.guide is None:
        raise NotFound("There is no such service item")
    return item.guide


@router.put(
    "/{code}",
    summary="Publish a guide; the same one again changes nothing",
    dependencies=[Depends(nothing_unknown(ItemPublished))],
)
async def publish_item(
    code: Code,
    guide: ItemPublished,
    caller: Annotated[Caller, Depends(requires(policy.may_publish, within=PRIVILEGED_SECONDS))],
    desk: TheDesk,
    response: Response,
) -> ItemPublished:
    if guide.code != code:
        raise Invalid(
            "The code differs from the address", faults=(Fault("/code", "differs", f"the address says {code}"),)
        )
    if not policy.may_publish_for(caller, guide.department):
        raise Forbidden("Only the owning department publishes its items")
    tell_kept(response, *await commands.publish_item(desk, guide))
    return guide
