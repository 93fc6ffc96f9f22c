"""`GET /me/rights`, the same in each service: what one may do here, and why, from the service's own policy."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from shared.caller import Caller
from shared.contracts import Text
from shared.policy import EVERYBODY, Act, Right, standing
from shared.web.authentication import requires

Standing = Callable[[Caller], Awaitable[Text]]
may_see_rights = Act("rights.own", "查看自己的权限", "see one's own rights", EVERYBODY)


class Rights(BaseModel):
    """What the caller may do in this service. What concerns one thing only (whose case it is, where) comes on top."""

    service: str
    rights: list[Right]


async def by_token(caller: Caller) -> Text:
    """What the caller is, as far as the token says."""
    return standing(caller)


def rights_router(service: str, acts: Sequence[Act], what_they_are: Standing) -> APIRouter:
    """The route. `acts`: those of the service's policy and of the kit."""
    router = APIRouter(tags=["rights"])

    @router.get("/me/rights", summary="What one may do here, and why or why not")
    async def my_rights(caller: Annotated[Caller, Depends(requires(may_see_rights))]) -> Rights:
        told = await what_they_are(caller)
        return Rights(service=service, rights=[act.explained(caller, told) for act in (*acts, may_see_rights)])

    return router
