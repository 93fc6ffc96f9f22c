"""Personal data over HTTP: people get theirs, an operator finds and forgets people."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from services.identity import policy
from services.identity.personal import commands
from services.identity.personal.domain import Everything
from services.identity.web import ActingOperator, TheDesk
from shared.accounts import PERSON_PATTERN
from shared.caller import Caller
from shared.web.authentication import requires
from shared.web.paging import Cursor, Page, Paging

router = APIRouter(tags=["personal data"])
Wanted = Annotated[str | None, Query(min_length=1, max_length=254)]


@router.get("/people", summary="Ids of the people with exactly this login name, mail address or phone number")
async def find_people(
    by: ActingOperator, desk: TheDesk, window: Paging, login: Wanted = None, mail: Wanted = None, phone: Wanted = None
) -> Page[str]:
    found = await commands.find_people(desk, by, {"login": login, "mail": mail, "phone": phone}, window)
    return window.page(found, lambda id_: Cursor(key="", id=id_), lambda id_: id_)


@router.get("/me/data", summary="All that is kept about oneself")
async def my_data(caller: Annotated[Caller, Depends(requires(policy.signs_in))], desk: TheDesk) -> Everything:
    return await commands.everything(desk, caller.id)


@router.delete("/people/{id}", summary="Forget a person for good; once more changes nothing", status_code=204)
async def forget_person(
    id: Annotated[str, Path(pattern=PERSON_PATTERN, max_length=64)],  # noqa: A002 - the name in the address
    by: ActingOperator,
    desk: TheDesk,
) -> Response:
    await commands.forget(desk, by, id)
    return Response(status_code=204)
