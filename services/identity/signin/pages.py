"""The sign-in page: one form, without scripts, in Chinese and English."""

import re
import secrets
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.identity.accounts.domain import client_id
from services.identity.browser import answering, is_secure, leading_to, page_templates, session_cookie
from services.identity.desk import Desk
from services.identity.oauth import AccessDenied, OAuthError
from services.identity.sealing import seal, unseal
from services.identity.signin import commands
from services.identity.signin.domain import AuthorizationRequest, TooManyAttempts, WrongCredentials
from services.identity.signin.texts import WORDS
from services.identity.texts import Language, preferred, words
from services.identity.web import TheDesk, Visitor
from shared.web.authentication import public

COOKIE = "tongban_browser"
LONGEST = 200
"""Characters of a login name and of a password."""
templates = page_templates(Path(__file__).parent / "templates")
router = APIRouter(tags=["sign-in"], dependencies=[Depends(public("people prove here who they are"))])


@router.get("/authorize", summary="The sign-in page (RFC 6749 with PKCE)", response_class=Response)
async def authorize(request: Request, desk: TheDesk) -> Response:
    sent = request.query_params.multi_items()
    asked = dict(sent)
    language = preferred(asked.get("ui_locales", ""), request.headers.get("accept-language", ""))
    try:
        if len(asked) < len(sent):
            raise OAuthError("a parameter came twice")
        client = await commands.returning_client(desk, asked)
    except OAuthError:
        return _refused(request, language, "unknown_client")
    try:
        wish = commands.checked(client, asked, language)
        code = await commands.go_on(desk, wish, request.cookies.get(session_cookie(desk), ""))
    except OAuthError as error:
        return _back(
            desk, asked["redirect_uri"], asked.get("state", ""), error=error.code, error_description=error.detail
        )
    if code is not None:
        return _back(desk, wish.redirect_uri, wish.state, code=code)
    return await _form(request, desk, wish, wish.login_hint)


@router.post("/authorize", summary="The answer to the sign-in page", response_class=Response)
async def answer(
    request: Request,
    desk: TheDesk,
    by: Visitor,
    sealed: Annotated[str, Form(alias="request")] = "",
    login: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    wish = unseal(desk, AuthorizationRequest, sealed, request.cookies.get(COOKIE, ""))
    if wish is None:
        return _refused(request, preferred("", request.headers.get("accept-language", "")), "stale")
    missing = [field for field, value in (("login", login.strip()), ("password", password)) if not value]
    if missing:
        errors = {field: words(wish.language, WORDS)[f"{field}_missing"] for field in missing}
        return await _form(request, desk, wish, login, errors, 422)
    try:
        if max(len(login), len(password)) > LONGEST:  # nobody's, and not worth a hash
            raise WrongCredentials
        await commands.returning_client(desk, {"client_id": wish.client, "redirect_uri": wish.redirect_uri})
        name, kept = request.headers.get("user-agent", ""), request.cookies.get(session_cookie(desk), "")
        browser = commands.Browser(name, kept)
        code, secret = await commands.sign_in(desk, by, wish, login, password, browser)
    except OAuthError as error:
        return _turned_away(request, desk, wish, error)
    except WrongCredentials as error:
        return await _form(request, desk, wish, login, {"login": words(wish.language, WORDS)["wrong"]}, error.status)
    except TooManyAttempts as error:
        told = words(wish.language, WORDS)["wait"].format(seconds=error.wait)
        page = await _form(request, desk, wish, login, {"login": told}, error.status)
        page.headers["Retry-After"] = str(error.wait)
        return page
    page = _back(desk, wish.redirect_uri, wish.state, code=code)
    page.set_cookie(session_cookie(desk), secret, secure=is_secure(desk), httponly=True, samesite="lax")
    return page


async def _form(
    request: Request,
    desk: Desk,
    wish: AuthorizationRequest,
    login: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    kept = request.cookies.get(COOKIE, "")
    browser = kept if re.fullmatch(r"[A-Za-z0-9_-]{43}", kept) else secrets.token_urlsafe(32)
    client = await desk.clients.get(client_id(wish.client))
    other = "en" if wish.language == "zh" else "zh"
    shown = {
        "t": words(wish.language, WORDS),
        "client": client.name,
        "request_token": seal(desk, wish, browser),
        "login": login,
        "errors": errors or {},
        "other_url": "/authorize?" + urlencode(wish.as_asked() | {"ui_locales": other}),
    }
    page = templates.TemplateResponse(request, "sign_in.html", shown, status_code=status)
    page.headers["Content-Security-Policy"] = leading_to(wish.redirect_uri)
    page.set_cookie(COOKIE, browser, path="/authorize", secure=is_secure(desk), httponly=True)
    return page


def _turned_away(request: Request, desk: Desk, wish: AuthorizationRequest, error: OAuthError) -> Response:
    """The application hears of it, unless there is no such application any more."""
    if isinstance(error, AccessDenied):
        return _back(desk, wish.redirect_uri, wish.state, error=error.code, error_description=error.detail)
    return _refused(request, wish.language, "unknown_client")


def _refused(request: Request, language: Language, why: str) -> Response:
    t = words(language, WORDS)
    return templates.TemplateResponse(request, "refused.html", {"t": t, "why": t[why]}, status_code=400)


def _back(desk: Desk, redirect_uri: str, state: str, **answer: str) -> Response:
    """To the application, with the issuer's name against mix-ups (RFC 9207)."""
    told = answer | ({"state": state} if state else {}) | {"iss": desk.issuer}
    return RedirectResponse(answering(redirect_uri, told), status_code=303)
