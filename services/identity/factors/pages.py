"""One's factors: what there is, adding, taking away.

Whoever changes them has proved of late who they are, with a factor where there is one: a stolen session, or a stolen
password, is not enough.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from services.identity.attempts.domain import WrongProof
from services.identity.browser import keep_session
from services.identity.desk import Desk
from services.identity.factors import commands
from services.identity.factors.codes import address, grouped, picture, spelled
from services.identity.factors.commands import AppWish, Here, PasskeyWish, Removal, Renewal
from services.identity.factors.domain import Factors
from services.identity.factors.sites import site_of
from services.identity.factors.step_up import Sure
from services.identity.factors.texts import WORDS
from services.identity.sealing import seal, unseal
from services.identity.signin.domain import local
from services.identity.web import Owner, PersonalPages, TheDesk, TheOwner
from shared.clock import city_date
from shared.errors import Conflict, DomainError
from shared.web.authentication import public

HERE = "/account/factors"
LONGEST_NAME = 50
pages = PersonalPages(Path(__file__).parent / "templates", WORDS)
assets = APIRouter(include_in_schema=False, dependencies=[Depends(public("looks of the pages"))])
router = APIRouter(tags=["factors"], dependencies=[Depends(public("a person's own pages, by the browser's session"))])
Field = Annotated[str, Form()]
Sealed = Annotated[str, Form(alias="request")]


@assets.get("/assets/passkeys.js")
async def script() -> FileResponse:
    """The only script of the pages."""
    script = Path(__file__).parent / "assets" / "passkeys.js"
    return FileResponse(script, media_type="text/javascript", headers={"Cache-Control": "max-age=300"})


@router.get(HERE, summary="One's second factors", response_class=Response)
async def overview(request: Request, desk: TheDesk, owner: TheOwner, next: str = "") -> Response:  # noqa: A002
    factors = await commands.of(desk, owner.person.id)
    led = f"?{urlencode({'next': local(next)})}" if next and not factors.are_there else ""
    shown = {
        "factors": factors,
        "site": site_of(desk.issuer),
        "led": led,
        "next": local(next) if led else "",
        "day": _day,
    }
    return pages.show(request, owner, "factors.html", shown)


# -- the app ----------------------------------------------------------------------------------------------


@router.get(f"{HERE}/app", summary="Add an authenticator app", response_class=Response)
async def new_app(request: Request, desk: TheDesk, owner: TheOwner, _: Sure, next: str = "") -> Response:  # noqa: A002
    wish = commands.wish_for_app().model_copy(update={"next": local(next) if next else ""})
    return _app(request, desk, owner, wish)


@router.post(f"{HERE}/app", summary="The app's first code", response_class=Response)
async def add_app(request: Request, desk: TheDesk, owner: TheOwner, sealed: Sealed = "", code: Field = "") -> Response:
    wish, t = unseal(desk, AppWish, sealed, owner.kept), pages.words(owner)
    if wish is None:
        return _again(request, owner, t["stale"])
    if not code.strip():
        return _app(request, desk, owner, wish, {"code": t["code_missing"]}, 422)
    try:
        added = await commands.add_app(desk, owner.by, Here(owner.person, owner.session), wish, code)
    except WrongProof as error:
        return _app(request, desk, owner, wish, {"code": t["wrong_code"]}, error.status)
    except Conflict as error:
        return _again(request, owner, t[error.code], error.status)
    return _added(request, desk, owner, added, wish.next)


def _app(
    request: Request,
    desk: Desk,
    owner: Owner,
    wish: AppWish,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    shown = {
        "errors": errors or {},
        "request_token": seal(desk, wish, owner.kept),
        "picture": picture(address(wish.plain, owner.person.login)),
        "secret": spelled(wish.plain),
    }
    return pages.show(request, owner, "app.html", shown, status)


# -- passkeys ---------------------------------------------------------------------------------------------


@router.get(f"{HERE}/passkeys/new", summary="Add a passkey", response_class=Response)
async def new_passkey(
    request: Request,
    desk: TheDesk,
    owner: TheOwner,
    factors: Sure,
    next: str = "",  # noqa: A002
) -> Response:
    return _passkey(request, desk, owner, factors, local(next) if next else "")


@router.post(f"{HERE}/passkeys", summary="The passkey that was made", response_class=Response)
async def add_passkey(
    request: Request,
    desk: TheDesk,
    owner: TheOwner,
    sealed: Sealed = "",
    name: Field = "",
    credential: Field = "",
) -> Response:
    wish, t, name = unseal(desk, PasskeyWish, sealed, owner.kept), pages.words(owner), name.strip()
    if wish is None:
        return _again(request, owner, t["stale"])
    errors = {}
    try:
        if not 1 <= len(name) <= LONGEST_NAME:
            errors = {"name": t["name_missing"]}
        else:
            here = Here(owner.person, owner.session)
            added = await commands.add_passkey(desk, owner.by, here, wish, name, credential)
            return _added(request, desk, owner, added, wish.next)
    except WrongProof:
        errors = {"passkey": t["wrong_passkey"]}
    except Conflict as error:
        errors = {"passkey": t[error.code]}
    factors = await commands.of(desk, owner.person.id)
    return _passkey(request, desk, owner, factors, wish.next, name, errors)


def _passkey(
    request: Request,
    desk: Desk,
    owner: Owner,
    factors: Factors,
    next_: str,
    name: str = "",
    errors: dict[str, str] | None = None,
) -> Response:
    if (site := site_of(desk.issuer)) is None:
        return _again(request, owner, pages.words(owner)["passkeys_nowhere"])
    wish = PasskeyWish(once=commands.new_challenge(), next=next_)
    shown = {
        "errors": errors or {},
        "name": name,
        "request_token": seal(desk, wish, owner.kept),
        "options": site.to_make(wish.once, factors.handle, owner.person.login, factors.passkeys),
    }
    return pages.show(request, owner, "passkey_new.html", shown, 422 if errors else 200)


# -- recovery codes, and taking away ----------------------------------------------------------------------


@router.get(f"{HERE}/recovery", summary="Make new recovery codes?", response_class=Response)
async def ask_renewal(request: Request, desk: TheDesk, owner: TheOwner, factors: Sure) -> Response:
    if not factors.are_there:
        return RedirectResponse(HERE, 303)
    t = pages.words(owner)
    asked = {"ask": t["recovery_ask"], "explain": t["recovery_explain"], "submit": t["recovery_renew"]}
    return _confirm(request, desk, owner, Renewal(once=commands.new_challenge()), "recovery", asked)


@router.post(f"{HERE}/recovery", summary="Make new recovery codes", response_class=Response)
async def renew(request: Request, desk: TheDesk, owner: TheOwner, _: Sure, sealed: Sealed = "") -> Response:
    wish, t = unseal(desk, Renewal, sealed, owner.kept), pages.words(owner)
    if wish is None:
        return _again(request, owner, t["stale"])
    try:
        codes = await commands.renew_recovery(desk, owner.by, Here(owner.person, owner.session), wish)
    except Conflict as error:
        return _again(request, owner, t[error.code], error.status)
    return _codes(request, owner, codes, "")


@router.get(f"{HERE}/remove", summary="Take a factor away?", response_class=Response)
async def ask_removal(request: Request, desk: TheDesk, owner: TheOwner, factors: Sure, passkey: str = "") -> Response:
    t = pages.words(owner)
    known = next((one for one in factors.passkeys if one.id == passkey), None)
    if known is None and (passkey or factors.app is None):
        return RedirectResponse(HERE, 303)
    explain = t["remove_passkey_explain"].format(name=known.name) if known else t["remove_app_explain"]
    wish = Removal(passkey=known.id if known else None)
    asked = {"ask": t["remove_ask"], "explain": explain, "submit": t["remove_submit"]}
    return _confirm(request, desk, owner, wish, "remove", asked)


@router.post(f"{HERE}/remove", summary="Take a factor away", response_class=Response)
async def remove(request: Request, desk: TheDesk, owner: TheOwner, _: Sure, sealed: Sealed = "") -> Response:
    wish = unseal(desk, Removal, sealed, owner.kept)
    if wish is None:
        return _again(request, owner, pages.words(owner)["stale"])
    try:
        await commands.remove(desk, owner.by, owner.person.id, owner.session.id, wish.passkey)
    except DomainError as error:
        return _again(request, owner, pages.words(owner)["stale"], error.status)
    return RedirectResponse(HERE, 303)


def _confirm(
    request: Request, desk: Desk, owner: Owner, wish: Renewal | Removal, action: str, asked: dict[str, str]
) -> Response:
    shown = {"action": f"{HERE}/{action}", "request_token": seal(desk, wish, owner.kept), **asked}
    return pages.show(request, owner, "confirm.html", shown)


def _added(request: Request, desk: Desk, owner: Owner, added: commands.Added, next_: str) -> Response:
    """With the first factor come the recovery codes, which are shown this once; else it goes on."""
    if added.codes:
        return keep_session(_codes(request, owner, added.codes, next_), desk, added.kept)
    return keep_session(RedirectResponse(HERE, 303), desk, added.kept)


def _codes(request: Request, owner: Owner, codes: list[str], next_: str) -> Response:
    shown = {"codes": [grouped(code) for code in codes], "next": next_ or HERE}
    return pages.show(request, owner, "codes.html", shown)


def _again(request: Request, owner: Owner, why: str, status: int = 400) -> Response:
    return pages.show(request, owner, "again.html", {"why": why}, status)


def _day(moment: datetime) -> str:
    return f"{city_date(moment):%Y-%m-%d}"
