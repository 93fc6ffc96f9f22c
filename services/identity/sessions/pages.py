"""Signing out: asked by an application (OpenID Connect RP-Initiated Logout) or by the person; and where one is signed
in."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import jwt
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict

from services.identity.accounts.domain import client_id
from services.identity.browser import (
    answering,
    browser_name,
    is_secure,
    language_of,
    leading_to,
    page_templates,
    session_cookie,
)
from services.identity.desk import Desk
from services.identity.oauth import InvalidClient, OAuthError
from services.identity.sealing import seal, unseal
from services.identity.sessions import commands
from services.identity.sessions.texts import WORDS
from services.identity.texts import Language, preferred, words
from services.identity.tokens.issuing import ID_TOKEN_TYPE
from services.identity.web import PersonalPages, TheDesk, TheOwner, Visitor
from shared.clock import CITY_TIME
from shared.contracts.acts import Actor
from shared.errors import NotFound
from shared.web.authentication import public

templates = page_templates(Path(__file__).parent / "templates")
pages = PersonalPages(Path(__file__).parent / "templates", WORDS)
router = APIRouter(tags=["sessions"], dependencies=[Depends(public("people leave here"))])


class Ending(BaseModel):
    """Sign out there; without a session everywhere."""

    model_config = ConfigDict(frozen=True, strict=True)

    session: str = ""


class Leaving(BaseModel):
    """Where a person goes on after signing out: to an address of the application, or nowhere."""

    model_config = ConfigDict(frozen=True, strict=True)

    address: str = ""
    state: str = ""

    @property
    def target(self) -> str:
        """The address with its answer."""
        return answering(self.address, {"state": self.state} if self.state else {})


@router.get("/logout", summary="Sign out (OpenID Connect RP-Initiated Logout)", response_class=Response)
async def logout(request: Request, desk: TheDesk, by: Visitor) -> Response:
    return await _asked(request, desk, by, request.query_params.multi_items())


@router.post("/logout", summary="The same, asked with POST", response_class=Response)
async def logout_by_form(request: Request, desk: TheDesk, by: Visitor) -> Response:
    sent = (await request.form()).multi_items()
    return await _asked(request, desk, by, [(name, value) for name, value in sent if isinstance(value, str)])


@router.post("/logout/confirmed", summary="The answer to the sign-out page", response_class=Response)
async def confirmed(
    request: Request, desk: TheDesk, by: Visitor, sealed: Annotated[str, Form(alias="request")] = ""
) -> Response:
    secret = request.cookies.get(session_cookie(desk), "")
    leaving = unseal(desk, Leaving, sealed, secret) if secret else None
    if leaving is None:  # nothing was signed out by anybody's form: the person is asked again
        return await _ask(request, desk, _language(request, desk, ""), Leaving(), secret)
    await commands.leave(desk, by, secret)
    return _left(request, desk, _language(request, desk, ""), leaving)


@router.get("/account/sessions", summary="Where one is signed in", response_class=Response)
async def my_sessions(request: Request, desk: TheDesk, owner: TheOwner) -> Response:
    t = pages.words(owner)
    shown = [
        {
            "name": browser_name(one.browser) or t["some_browser"],
            "begun": f"{one.begun_at.astimezone(CITY_TIME):%Y-%m-%d %H:%M}",
            "how": t[one.acr],
            "is_here": one.id == owner.session.id,
            "request_token": seal(desk, Ending(session=one.id), owner.kept),
        }
        for one in await commands.mine(desk, owner.person.id)
    ]
    everywhere = seal(desk, Ending(), owner.kept)
    return pages.show(request, owner, "sessions.html", {"sessions": shown, "everywhere": everywhere})


@router.post("/account/sessions/end", summary="Sign out there, or everywhere", response_class=Response)
async def end_sessions(
    request: Request, desk: TheDesk, owner: TheOwner, sealed: Annotated[str, Form(alias="request")] = ""
) -> Response:
    """Nothing ends by anybody else's form: the person sees the list again."""
    ending = unseal(desk, Ending, sealed, owner.kept)
    if ending is not None and not ending.session:
        await commands.end_all(desk, owner.by, owner.person.id)
    elif ending is not None:
        with suppress(NotFound):  # it has gone meanwhile
            await commands.end(desk, owner.by, ending.session)
    if ending is not None and ending.session in ("", owner.session.id):
        return _left(request, desk, owner.language, Leaving())
    return RedirectResponse("/account/sessions", 303)


async def _asked(request: Request, desk: Desk, by: Actor, sent: list[tuple[str, str]]) -> Response:
    asked = dict(sent)
    language = _language(request, desk, asked.get("ui_locales", ""))
    secret = request.cookies.get(session_cookie(desk), "")
    try:
        if len(asked) < len(sent):
            raise OAuthError("a parameter came twice")
        leaving, hinted = await _checked(desk, asked)
    except OAuthError:
        shown = {"t": (t := words(language, WORDS)), "why": t["unknown_client"]}
        return templates.TemplateResponse(request, "refused.html", shown, status_code=400)
    if (live := await commands.of_browser(desk, secret)) is None:
        return _left(request, desk, language, leaving)
    if hinted == live[0].id:  # the application shows that it is one of this very session
        await commands.leave(desk, by, secret)
        return _left(request, desk, language, leaving)
    return await _ask(request, desk, language, leaving, secret)


async def _checked(desk: Desk, asked: dict[str, str]) -> tuple[Leaving, str | None]:
    """Where the person goes on, and the session that the hint names. Raises `OAuthError` where that is nobody's."""
    hint = _hint(desk, asked["id_token_hint"]) if asked.get("id_token_hint") else None
    code = asked.get("client_id") or (hint["aud"] if hint else "")
    if hint and hint["aud"] != code:
        raise InvalidClient("the token is another application's")
    address = asked.get("post_logout_redirect_uri", "")
    if address:
        client = await desk.clients.find(client_id(code)) if code else None
        if client is None or address not in client.post_logout_redirect_uris:
            raise InvalidClient("the application or its address is not known")
    return Leaving(address=address, state=asked.get("state", "") if address else ""), hint["sid"] if hint else None


def _hint(desk: Desk, token: str) -> dict[str, str]:
    """`aud` and `sid` of an ID token of ours, expired or not. Raises `OAuthError`."""
    try:
        claims = desk.keyring.verify(token, ID_TOKEN_TYPE, issuer=desk.issuer)
        return {name: str(claims[name]) for name in ("aud", "sid")}
    except (jwt.PyJWTError, KeyError, TypeError):
        raise OAuthError("id_token_hint is no ID token of ours") from None


def _language(request: Request, desk: Desk, wanted: str) -> Language:
    return preferred(wanted, request.headers.get("accept-language", "")) if wanted else language_of(request, desk)


async def _ask(request: Request, desk: Desk, language: Language, leaving: Leaving, secret: str) -> Response:
    shown = {"t": words(language, WORDS), "request_token": seal(desk, leaving, secret)}
    page = templates.TemplateResponse(request, "sign_out.html", shown)
    if leaving.address:
        page.headers["Content-Security-Policy"] = leading_to(leaving.address)
    return page


def _left(request: Request, desk: Desk, language: Language, leaving: Leaving) -> Response:
    page: Response
    if leaving.address:
        page = RedirectResponse(leaving.target, status_code=303)
    else:
        page = templates.TemplateResponse(request, "signed_out.html", {"t": words(language, WORDS)})
    page.delete_cookie(session_cookie(desk), secure=is_secure(desk), httponly=True, samesite="lax")
    # The pages that "back" would show. Not the cookies: the language stays, and this host's are deleted by name.
    page.headers["Clear-Site-Data"] = '"cache", "storage"'
    return page
