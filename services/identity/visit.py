"""Who is signed in with this browser: what the pages for people stand on, and how they have somebody sign in first."""

import re
import secrets
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse

from services.identity.accounts.commands import keep_client
from services.identity.accounts.domain import ClientWish, Person, is_redirect
from services.identity.audit.acts import IDENTITY
from services.identity.browser import session_cookie
from services.identity.desk import Desk
from services.identity.sessions import commands as sessions
from services.identity.sessions.domain import Session
from services.identity.web import TheDesk
from shared.web.authentication import Guard, public

OWN_CLIENT = "tongban-account"
OWN_PAGES = re.compile(r"/me/[a-z0-9./-]{1,200}")
router = APIRouter(tags=["sign-in"], dependencies=[Depends(public("the way back from the sign-in page to our own"))])
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """A person at a page of ours, and the session it rests on."""

    person: Person
    session: Session


@dataclass(frozen=True, slots=True)
class SignedInHere(Guard):
    """The dependency of a page for people: the cookie of a session that is live in our own store, not a token. Who has
    none signs in first and comes back."""

    async def __call__(self, request: Request) -> Visit:
        """The visit."""
        desk: Desk = request.app.state.desk
        secret = request.cookies.get(session_cookie(desk), "")
        found = await sessions.live(desk, sessions.session_id(secret)) if secret else None
        if found is None:
            raise HTTPException(303, headers={"Location": _sign_in(desk, request.url.path)})
        session, person = found
        return Visit(person, session)


TheVisit = Annotated[Visit, Depends(SignedInHere())]


async def ensure_own_client(desk: Desk) -> None:
    """Our own pages are an application like others: it has the person sign in, and does nothing with the code."""
    back = f"{desk.issuer}/signed-in"
    if not is_redirect(back):  # plain http beyond this machine: nobody should sign in there
        log.error("pages.no-sign-in", issuer=desk.issuer)
        return
    wish = ClientWish(kind="application", name="通办 Tongban", redirect_uris=[back])
    await keep_client(desk, IDENTITY, OWN_CLIENT, wish)


def _sign_in(desk: Desk, page: str) -> str:
    """Nobody redeems the code: that the browser has a session by then is all that the page needs."""
    asked = {
        "response_type": "code",
        "client_id": OWN_CLIENT,
        "redirect_uri": f"{desk.issuer}/signed-in",
        "state": page,
        "code_challenge": secrets.token_urlsafe(32),
        "code_challenge_method": "S256",
    }
    return f"/authorize?{urlencode(asked)}"


@router.get("/signed-in", summary="Back to the page of ours that somebody signed in for", status_code=303)
async def signed_in(desk: TheDesk, state: str = "") -> RedirectResponse:
    page = state if OWN_PAGES.fullmatch(state) and "//" not in state and ".." not in state else "/me/data.html"
    return RedirectResponse(f"{desk.issuer}{page}", status_code=303)
