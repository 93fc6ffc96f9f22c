"""Asking a person for consent on the way to an application, and where they see what they agreed to and take it back."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict

from services.identity.accounts.domain import client_id
from services.identity.browser import (
    back_to,
    keep_secret,
    leading_to,
    new_secret,
    page_templates,
    secret_of,
)
from services.identity.consents import commands
from services.identity.consents.texts import WORDS
from services.identity.desk import Desk
from services.identity.oauth import SCOPES, AccessDenied
from services.identity.sealing import seal, unseal
from services.identity.sessions.domain import Session
from services.identity.signin import commands as signin
from services.identity.signin.domain import AuthorizationRequest
from services.identity.texts import words
from services.identity.web import PersonalPages, TheDesk, TheOwner
from shared.clock import CITY_TIME
from shared.errors import NotFound
from shared.web.authentication import public

HERE = "/account/consents"
pages = PersonalPages(Path(__file__).parent / "templates", WORDS)
templates = page_templates(Path(__file__).parent / "templates")
router = APIRouter(tags=["consents"], dependencies=[Depends(public("a person's own pages, by the browser's session"))])
FIRST = 1
"""The version of a consent that nobody has taken back yet: the form of the first one can be sent twice."""
IN_ORDER = tuple(scope for scope in WORDS if scope in SCOPES)
"""What is asked for, as a reader wants it: how long comes last."""
Sealed = Annotated[str, Form(alias="request")]


class Agreeing(BaseModel):
    """The form by which this person agrees to what this application asks for, in this session."""

    model_config = ConfigDict(frozen=True, strict=True)

    wish: AuthorizationRequest
    session: str
    version: int
    """Of the consent there was: a form from before it was taken back agrees to nothing."""


class Withdrawing(BaseModel):
    """The form by which a person takes back what they agreed to."""

    model_config = ConfigDict(frozen=True, strict=True)

    consent: str


async def ask(request: Request, desk: Desk, wish: AuthorizationRequest, session: Session) -> Response:
    """The page that asks for consent."""
    secret, t = secret_of(request, desk) or new_secret(), words(wish.language, WORDS)
    client, version = await desk.clients.get(client_id(wish.client)), await _version(desk, session.person, wish.client)
    shown = {
        "t": t,
        "asks": t["asks"].format(client=client.name),
        "scopes": [scope for scope in IN_ORDER if scope in wish.scope.split()],
        "other_url": wish.again(ui_locales="en" if wish.language == "zh" else "zh"),
        "request_token": seal(desk, Agreeing(wish=wish, session=session.id, version=version), secret),
    }
    page = templates.TemplateResponse(request, "consent.html", shown)
    page.headers["Content-Security-Policy"] = leading_to(wish.redirect_uri)
    return keep_secret(page, desk, secret)


@router.post("/consent", summary="The answer to the page that asks for consent", response_class=Response)
async def answer(
    request: Request,
    desk: TheDesk,
    owner: TheOwner,
    sealed: Sealed = "",
    answer: Annotated[Literal["agree", "decline"], Form()] = "decline",
) -> Response:
    """To the application: with a code or with `access_denied`. Nobody agrees by anybody else's form."""
    agreeing = unseal(desk, Agreeing, sealed, secret_of(request, desk))
    if agreeing is None or agreeing.session != owner.session.id:
        return _stale(request, owner.language)
    wish = agreeing.wish.model_copy(update={"prompt": ""})
    is_old = agreeing.version != await _version(desk, owner.person.id, wish.client)
    if is_old or not await signin.is_known(desk, wish) or wish.lacks(owner.session, desk.clock.now()) is not None:
        return _stale(request, wish.language)
    try:
        if answer == "decline":
            raise AccessDenied("The person does not agree")
        by = owner.by.model_copy(update={"client": wish.client})
        await commands.give(desk, by, owner.person.id, wish.client, wish.scope)
        code = await signin.answer(desk, wish, owner.session)
    except AccessDenied as error:
        return back_to(desk, wish.redirect_uri, wish.state, error=error.code, error_description=error.detail)
    return back_to(desk, wish.redirect_uri, wish.state, code=code)


@router.get(HERE, summary="Which applications one lets know what", response_class=Response)
async def my_consents(request: Request, desk: TheDesk, owner: TheOwner) -> Response:
    t = pages.words(owner)
    shown = [
        {
            "name": name,
            "scopes": "; ".join(t[scope] for scope in IN_ORDER if scope in consent.scopes),
            "given": t["given"].format(day=f"{consent.given_at.astimezone(CITY_TIME):%Y-%m-%d}"),
            "request_token": seal(desk, Withdrawing(consent=consent.client), owner.kept),
        }
        for consent, name in await commands.mine(desk, owner.person.id)
    ]
    return pages.show(request, owner, "consents.html", {"consents": shown})


@router.post(f"{HERE}/withdraw", summary="Take a consent back", response_class=Response)
async def withdraw(desk: TheDesk, owner: TheOwner, sealed: Sealed = "") -> Response:
    """Nothing ends by anybody else's form: the person sees the list again."""
    withdrawing = unseal(desk, Withdrawing, sealed, owner.kept)
    if withdrawing is not None:
        with suppress(NotFound):  # it has gone meanwhile
            await commands.withdraw(desk, owner.by, withdrawing.consent)
    return RedirectResponse(HERE, 303)


async def _version(desk: Desk, person: str, client: str) -> int:
    known = await desk.consents.find(commands.consent_id(person, client))
    return known.token_version if known is not None else FIRST


def _stale(request: Request, language: Literal["zh", "en"]) -> Response:
    t = words(language, WORDS)
    return templates.TemplateResponse(request, "refused.html", {"t": t, "why": t["stale"]}, status_code=400)
