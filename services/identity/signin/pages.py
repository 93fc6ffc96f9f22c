"""The pages of signing in: password, second factor, passkey. They work without scripts, but for passkeys."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.identity.accounts.domain import client_id
from services.identity.attempts.domain import TooManyAttempts, WrongProof
from services.identity.browser import (
    back_to,
    browser_of,
    keep_secret,
    keep_session,
    language_of,
    leading_to,
    new_secret,
    page_templates,
    secret_of,
)
from services.identity.capacities import pages as choosing
from services.identity.consents import pages as consenting
from services.identity.consents.domain import ConsentRequired
from services.identity.desk import Desk
from services.identity.factors import commands as factors
from services.identity.factors.sites import site_of
from services.identity.oauth import AccessDenied, OAuthError, UnmetAuthentication
from services.identity.sealing import seal, unseal
from services.identity.sessions import commands as sessions
from services.identity.sessions.domain import Session
from services.identity.signin import commands
from services.identity.signin.domain import (
    START,
    AuthorizationRequest,
    Door,
    Halfway,
    Resume,
    Stale,
    Visit,
    Wish,
    WrongCredentials,
    local,
)
from services.identity.signin.texts import WORDS
from services.identity.texts import Language, preferred, words
from services.identity.web import TheDesk, Visitor
from shared.web.authentication import public

LONGEST = 200
"""Characters of a login name and of a password."""
templates = page_templates(Path(__file__).parent / "templates")
router = APIRouter(tags=["sign-in"], dependencies=[Depends(public("people prove here who they are"))])
Field = Annotated[str, Form()]
Sealed = Annotated[str, Form(alias="request")]


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
        return await _begin(request, desk, wish)
    except OAuthError as error:
        return back_to(
            desk, asked["redirect_uri"], asked.get("state", ""), error=error.code, error_description=error.detail
        )


@router.get("/sign-in", summary="Sign in to pages of identity itself", response_class=Response)
async def visit(request: Request, desk: TheDesk) -> Response:
    asked = request.query_params
    age = asked.get("max_age", "")
    wish = Visit(
        language=language_of(request, desk),
        next=local(asked.get("next", "")),
        max_age=int(age) if age.isascii() and age.isdigit() and len(age) < 10 else None,
        acr_values=asked.get("acr_values", "")[:LONGEST],
        prompt="login" if asked.get("prompt") == "login" else "",
    )
    return await _begin(request, desk, wish)


@router.post("/authorize", summary="The answer to the sign-in page", response_class=Response)
async def answer(
    request: Request, desk: TheDesk, by: Visitor, sealed: Sealed = "", login: Field = "", password: Field = ""
) -> Response:
    door = unseal(desk, Door, sealed, secret_of(request, desk))
    if door is None or not await commands.is_known(desk, door.wish):
        return _stale(request, door, is_known=False)
    t = words(door.wish.language, WORDS)
    missing = [field for field, value in (("login", login.strip()), ("password", password)) if not value]
    if missing:
        return await _door(request, desk, door.wish, login, {field: t[f"{field}_missing"] for field in missing}, 422)
    try:
        if max(len(login), len(password)) > LONGEST:  # nobody's, and not worth a hash
            raise WrongCredentials
        arrived = await commands.sign_in(desk, by, door.wish, login, password, browser_of(request, desk))
    except (WrongProof, TooManyAttempts) as error:
        page = await _door(request, desk, door.wish, login, {"login": _told(error, t["wrong"], t)}, error.status)
        return _later(page, error)
    return await _onward(request, desk, door.wish, arrived)


@router.post("/authorize/passkey", summary="The answer to the sign-in page by a passkey", response_class=Response)
async def answer_by_passkey(
    request: Request, desk: TheDesk, by: Visitor, sealed: Sealed = "", credential: Field = ""
) -> Response:
    door = unseal(desk, Door, sealed, secret_of(request, desk))
    if door is None or not await commands.is_known(desk, door.wish):
        return _stale(request, door, is_known=False)
    t = words(door.wish.language, WORDS)
    try:
        arrived = await commands.enter_by_passkey(desk, by, door, credential, browser_of(request, desk))
    except (WrongProof, TooManyAttempts) as error:
        told = _told(error, t["wrong_passkey"], t)
        return _later(await _door(request, desk, door.wish, "", {"passkey": told}, error.status), error)
    return await _onward(request, desk, door.wish, arrived)


@router.post("/authorize/second", summary="The answer to the second-factor page", response_class=Response)
async def answer_second(
    request: Request,
    desk: TheDesk,
    by: Visitor,
    sealed: Sealed = "",
    code: Field = "",
    recovery: Field = "",
    credential: Field = "",
) -> Response:
    half = unseal(desk, Halfway, sealed, secret_of(request, desk))
    if half is None or not await commands.is_known(desk, half.wish):
        return _stale(request, half, is_known=False)
    t = words(half.wish.language, WORDS)
    proof = commands.Proof(code.strip()[:LONGEST], recovery.strip()[:LONGEST], credential)
    if proof == commands.Proof():
        return await _second(request, desk, half, {"code": t["code_missing"]}, 422)
    try:
        arrived = await commands.finish(desk, by, half, proof, browser_of(request, desk))
    except Stale:
        return _stale(request, half)
    except (WrongProof, TooManyAttempts) as error:
        field, wrong = _field(proof)
        page = await _second(request, desk, half, {field: _told(error, t[wrong], t)}, error.status)
        return _later(page, error)
    return await _onward(request, desk, half.wish, arrived)


@router.get("/authorize/resume", summary="On, after setting up a second factor", response_class=Response)
async def resume(request: Request, desk: TheDesk) -> Response:
    """To the application: with a code or, where the person has not set one up, with that."""
    browser = browser_of(request, desk)
    led = unseal(desk, Resume, request.query_params.get("request", ""), secret_of(request, desk))
    found = await sessions.of_browser(desk, browser.kept)
    if led is None or not await commands.is_known(desk, led.wish):
        return _stale(request, led, is_known=False)
    if found is None or found[1].id != led.person:
        return _stale(request, led)
    wish, session = led.wish, found[0]
    is_there = wish.is_sure(session)
    if isinstance(wish, Visit):
        return RedirectResponse(wish.next if is_there else START, 303)
    if not is_there:
        error = UnmetAuthentication()
        return back_to(desk, wish.redirect_uri, wish.state, error=error.code, error_description=error.detail)
    return await _answered(request, desk, wish, session)


async def _begin(request: Request, desk: Desk, wish: Wish) -> Response:
    arrived = await commands.go_on(desk, wish, browser_of(request, desk))
    return await (
        _door(request, desk, wish, wish.login_hint) if arrived is None else _onward(request, desk, wish, arrived)
    )


async def _onward(request: Request, desk: Desk, wish: Wish, arrived: commands.Arrived | Halfway) -> Response:
    """To the second factor; to setting one up, where there is none; or to where the person wanted to go."""
    if isinstance(arrived, Halfway):
        return await _second(request, desk, arrived)
    page: Response
    if not wish.is_sure(arrived.session):
        secret = secret_of(request, desk) or new_secret()
        led = seal(desk, Resume(wish=wish, person=arrived.session.person), secret)
        there = f"/authorize/resume?{urlencode({'request': led})}"
        page = keep_secret(RedirectResponse(f"/account/factors?{urlencode({'next': there})}", 303), desk, secret)
    elif isinstance(wish, Visit):
        page = RedirectResponse(wish.next, 303)
    else:
        page = await _answered(request, desk, wish, arrived.session)
    return keep_session(page, desk, arrived.kept)


async def _answered(request: Request, desk: Desk, wish: AuthorizationRequest, session: Session) -> Response:
    """To the application: with a code or, where the person may not act as it was asked, with that. Where the person has
    not agreed yet to what it asks for, they are asked."""
    if await commands.is_choosing(desk, wish, await desk.people.get(session.person)):
        return await choosing.ask(request, desk, wish, session)
    try:
        code = await commands.answer(desk, wish, session)
    except ConsentRequired as error:
        if wish.may_ask:
            return await consenting.ask(request, desk, wish, session)
        return back_to(desk, wish.redirect_uri, wish.state, error=error.code, error_description=error.detail)
    except AccessDenied as error:
        return back_to(desk, wish.redirect_uri, wish.state, error=error.code, error_description=error.detail)
    return back_to(desk, wish.redirect_uri, wish.state, code=code)


async def _door(
    request: Request,
    desk: Desk,
    wish: Wish,
    login: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    door = Door(wish=wish, challenge=factors.new_challenge())
    site = site_of(desk.issuer)
    options = site.wanted(door.challenge) if site is not None else None
    shown = {"login": login, "options": options, "errors": errors or {}}
    return await _page(request, desk, "sign_in.html", door, shown, status)


async def _second(
    request: Request, desk: Desk, half: Halfway, errors: dict[str, str] | None = None, status: int = 200
) -> Response:
    half = half.model_copy(update={"challenge": factors.new_challenge()})
    known, site = await factors.of(desk, half.person), site_of(desk.issuer)
    usable = known.passkeys if site is not None else []
    options = site.wanted(half.challenge, usable) if site is not None and usable else None
    has_app, errors = known.app is not None, errors or {}
    if not has_app:  # there is no field for its codes
        errors = {"recovery" if field == "code" else field: told for field, told in errors.items()}
    shown = {
        "options": options,
        "has_app": has_app,
        "errors": errors,
        "again_url": half.wish.again(prompt="login"),
    }
    return await _page(request, desk, "second.html", half, shown, status)


async def _page(
    request: Request, desk: Desk, name: str, form: Door | Halfway, shown: Mapping[str, object], status: int
) -> Response:
    wish, secret = form.wish, secret_of(request, desk) or new_secret()
    t = words(wish.language, WORDS)
    client = await desk.applications.find(client_id(wish.client)) if isinstance(wish, AuthorizationRequest) else None
    all_shown = {
        "t": t,
        "client": client.name if client is not None else t["own"],
        "request_token": seal(desk, form, secret),
        "other_url": wish.again(ui_locales="en" if wish.language == "zh" else "zh"),
        **shown,
    }
    page = templates.TemplateResponse(request, name, all_shown, status_code=status)
    if isinstance(wish, AuthorizationRequest):
        page.headers["Content-Security-Policy"] = leading_to(wish.redirect_uri)
    return keep_secret(page, desk, secret)


def _field(proof: commands.Proof) -> tuple[str, str]:
    """Which field of the second-factor page was wrong, and the word for it."""
    if proof.passkey:
        return "passkey", "wrong_passkey"
    return ("recovery", "wrong_recovery") if proof.recovery else ("code", "wrong_code")


def _told(error: WrongProof | TooManyAttempts, wrong: str, t: dict[str, str]) -> str:
    return t["wait"].format(seconds=error.wait) if isinstance(error, TooManyAttempts) else wrong


def _later(page: Response, error: WrongProof | TooManyAttempts) -> Response:
    if isinstance(error, TooManyAttempts):
        page.headers["Retry-After"] = str(error.wait)
    return page


def _stale(request: Request, form: Door | Halfway | Resume | None, is_known: bool = True) -> Response:
    """What was sent is not ours, or is over; or who asked for it is not known any more."""
    if form is None:
        return _refused(request, preferred("", request.headers.get("accept-language", "")), "stale")
    return _refused(request, form.wish.language, "stale" if is_known else "unknown_client")


def _refused(request: Request, language: Language, why: str) -> Response:
    t = words(language, WORDS)
    return templates.TemplateResponse(request, "refused.html", {"t": t, "why": t[why]}, status_code=400)
