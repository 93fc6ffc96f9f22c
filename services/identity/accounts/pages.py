"""One's account: the way to all that a person sees and changes of it."""

from pathlib import Path

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.identity.accounts.texts import WORDS
from services.identity.web import PersonalPages, TheOwner
from shared.web.authentication import public

pages = PersonalPages(Path(__file__).parent / "templates", WORDS)
router = APIRouter(tags=["accounts"], dependencies=[Depends(public("a person's own pages, by the browser's session"))])


@router.get("/account", summary="One's account", response_class=Response)
async def account(request: Request, owner: TheOwner) -> Response:
    return pages.show(request, owner, "account.html", {"person": owner.person})
