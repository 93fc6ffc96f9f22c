"""Registering on a page: one form, then how each proof stands; without scripts, in Chinese and English.

A page that renews itself takes the words from under a slow reader (WCAG 2.2.1, failure F41): there is a link instead.
"""

import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from services.identity.browser import is_secure, page_templates
from services.identity.desk import Desk
from services.identity.proofs.domain import ID_CARD, KINDS, PHONE
from services.identity.registrations import commands
from services.identity.registrations.domain import Registration
from services.identity.registrations.texts import WORDS, ground_text, wrong_text
from services.identity.registrations.wishes import RegistrationWish
from services.identity.texts import Language, preferred, words
from services.identity.web import Address, TheDesk, Visitor
from shared.contracts.acts import Actor
from shared.errors import Conflict, DomainError, Fault, IdempotencyKeyReused, Invalid
from shared.web.authentication import public

COOKIE = "tongban_registration"
PROGRESS = "/register/progress"
NUMBERED = tuple(kind for kind in KINDS if kind not in (ID_CARD, PHONE))
"""Proofs that have a number to type."""
templates = page_templates(Path(__file__).parent / "templates")
router = APIRouter(tags=["registration"], dependencies=[Depends(public("who registers has no account yet"))])


class Typed(BaseModel):
    """What came from the form, as it was typed. The password is not shown again."""

    model_config = ConfigDict(hide_input_in_errors=True)

    form: str = ""
    ui_locales: str = ""
    name: str = ""
    id_number: str = ""
    social_security_card: str = ""
    bank_card: str = ""
    housing_fund: str = ""
    driving_licence: str = ""
    send_code: str = ""
    mail: str = ""
    phone: str = ""
    login: str = ""
    password: str = ""

    def proofs(self) -> list[dict[str, str]]:
        """The proofs that were chosen: by their number, or by asking for a code."""
        typed = {kind: getattr(self, kind.replace("-", "_")).strip() for kind in NUMBERED}
        chosen = [{"kind": kind, "number": number} for kind, number in typed.items() if number]
        return chosen + [{"kind": PHONE}] * bool(self.send_code)

    def wish(self, language: Language) -> RegistrationWish:
        """What is wished for. Raises pydantic's `ValidationError`."""
        told = self.model_dump(include={"name", "id_number", "login", "password"})
        reach = {"mail": self.mail.strip() or None, "phone": self.phone.strip() or None}
        return RegistrationWish.model_validate(told | reach | {"language": language, "proofs": self.proofs()})


@router.get("/register", summary="The registration form", response_class=Response)
async def form(request: Request, desk: TheDesk, ui_locales: str = "", anew: bool = False) -> Response:
    known = await commands.find(desk, _secret(request, desk))
    if known is not None and not known.is_over and not anew:
        return _to_progress(ui_locales)
    return _form(request, desk, _language(request, ui_locales), Typed(), {}, 200)


@router.post("/register", summary="The answer to the registration form", response_class=Response)
async def answer(
    request: Request, desk: TheDesk, by: Visitor, address: Address, typed: Annotated[Typed, Form()]
) -> Response:
    language, secret = _language(request, typed.ui_locales), _secret(request, desk)
    if not _is_ours(desk, secret, typed.form):
        return _form(request, desk, language, typed, {"form": wrong_text(language, "form", "stale")}, 422)
    try:
        secret = await _begin(desk, by, typed.wish(language), secret, address)
    except ValidationError as exc:
        faults = [Fault(f"/{'/'.join(map(str, e['loc']))}", e["type"], "") for e in exc.errors()]
        return _form(request, desk, language, typed, _errors(language, typed, faults), 422)
    except Invalid as exc:
        return _form(request, desk, language, typed, _errors(language, typed, exc.faults), exc.status)
    except commands.TooOften as exc:
        return _form(request, desk, language, typed, {"form": wrong_text(language, "form", exc.code)}, exc.status)
    page = _to_progress(language)
    _keep(page, desk, secret)
    return page


async def _begin(desk: Desk, by: Actor, wish: RegistrationWish, secret: str, address: str) -> str:
    """Register; the secret by which it is found. What was sent last from a browser counts: one that was under way
    there with other answers is left."""
    try:
        await commands.register(desk, by, wish, secret, address)
    except IdempotencyKeyReused:
        before = await commands.find(desk, secret)
        secret = commands.new_secret()
        await commands.register(desk, by, wish, secret, address)
        if before is not None:
            await commands.leave(desk, by, before.id)
    return secret


@router.get(PROGRESS, summary="How one's registration stands", response_class=Response)
async def progress(request: Request, desk: TheDesk, ui_locales: str = "") -> Response:
    return await _progress(request, desk, _language(request, ui_locales), {})


@router.post("/register/code", summary="The code that was sent", response_class=Response)
async def enter_code(
    request: Request,
    desk: TheDesk,
    by: Visitor,
    code: Annotated[str, Form()] = "",
    form: Annotated[str, Form()] = "",
    ui_locales: Annotated[str, Form()] = "",
) -> Response:
    return await _step(request, desk, by, (form, ui_locales), "code", code)


@router.post("/register/login", summary="Another login name", response_class=Response)
async def choose_login(
    request: Request,
    desk: TheDesk,
    by: Visitor,
    login: Annotated[str, Form()] = "",
    form: Annotated[str, Form()] = "",
    ui_locales: Annotated[str, Form()] = "",
) -> Response:
    return await _step(request, desk, by, (form, ui_locales), "login", login)


async def _step(
    request: Request, desk: Desk, by: Actor, sent: tuple[str, str], field: Literal["code", "login"], value: str
) -> Response:
    """A field of the progress page was answered. `sent`: what else the form had."""
    form, ui_locales = sent
    language, secret = _language(request, ui_locales), _secret(request, desk)
    known = await commands.find(desk, secret)
    if known is None or not _is_ours(desk, secret, form):
        return _to_form(language)
    try:
        if field == "code":
            await commands.enter_code(desk, by, known.id, re.sub(r"\s", "", value)[:40])
        else:
            await commands.choose_login(desk, by, known.id, value[:200])
    except Conflict:  # sent twice: the page says how it stands now
        return _to_progress(language)
    except DomainError as exc:
        wrong = wrong_text(language, field, exc.code)
        return await _progress(request, desk, language, {field: wrong}, exc.status, value)
    return _to_progress(language)


async def _progress(
    request: Request, desk: Desk, language: Language, errors: Mapping[str, str], status: int = 200, value: str = ""
) -> Response:
    secret = _secret(request, desk)
    known = await commands.find(desk, secret)
    if known is None:
        return _to_form(language)
    holder = await desk.people.find(known.holder) if known.holder is not None else None
    shown = {
        "proofs": [(proof, ground_text(language, proof.ground)) for proof in known.proofs],
        "stage": _stage(known),
        "form": _token(desk, secret),
        "login": holder.login if holder is not None else "",
        "value": value,
    }
    return _page(request, "progress.html", language, errors, status, shown | {"path": PROGRESS})


def _stage(known: Registration) -> str:
    """What the page is about: `waiting`, `code`, `login`, or how it ended."""
    if known.is_over:
        return known.state
    return "code" if known.expects_code else "login" if known.login_taken else "waiting"


def _form(
    request: Request, desk: Desk, language: Language, typed: Typed, errors: Mapping[str, str], status: int
) -> Response:
    secret = _secret(request, desk)
    if status == 200 or not secret:
        secret = commands.new_secret()
    shown = {
        "typed": typed,
        "form": _token(desk, secret),
        "numbered": [(kind, kind.replace("-", "_")) for kind in NUMBERED if kind in desk.verifiers],
        "offers_code": PHONE in desk.verifiers,
        "path": "/register",
    }
    page = _page(request, "register.html", language, errors, status, shown)
    _keep(page, desk, secret)
    return page


def _page(
    request: Request, name: str, language: Language, errors: Mapping[str, str], status: int, shown: dict[str, Any]
) -> Response:
    other = "en" if language == "zh" else "zh"
    context = shown | {"t": words(language, WORDS), "language": language, "errors": errors, "other": other}
    return templates.TemplateResponse(request, name, context, status_code=status)


def _errors(language: Language, typed: Typed, faults: tuple[Fault, ...] | list[Fault]) -> dict[str, str]:
    """One text for each field with a fault, in the order of the form."""
    kinds, found = [one["kind"] for one in typed.proofs()], dict[str, str]()
    for fault in faults:
        field, *rest = fault.pointer.removeprefix("/").split("/")
        if field == "proofs" and rest:
            field = kinds[int(rest[0])].replace("-", "_")
        found.setdefault(field, wrong_text(language, field, fault.code))
    order = list(Typed.model_fields)
    order.insert(order.index("social_security_card"), "proofs")
    return dict(sorted(found.items(), key=lambda one: order.index(one[0])))


def _language(request: Request, wanted: str) -> Language:
    return preferred(wanted, request.headers.get("accept-language", ""))


def _to_progress(language: str) -> Response:
    return RedirectResponse(f"{PROGRESS}?{urlencode({'ui_locales': language})}", status_code=303)


def _to_form(language: str) -> Response:
    return RedirectResponse(f"/register?{urlencode({'ui_locales': language})}", status_code=303)


# -- the secret in the browser -------------------------------------------------------------------------------


def _cookie(desk: Desk) -> str:
    """With the prefix nobody but this host can set it (RFC 6265bis section 4.1.3.2); it needs https."""
    return f"__Host-{COOKIE}" if is_secure(desk) else COOKIE


def _secret(request: Request, desk: Desk) -> str:
    kept = request.cookies.get(_cookie(desk), "")
    return kept if re.fullmatch(r"[A-Za-z0-9_-]{43}", kept) else ""


def _keep(page: Response, desk: Desk, secret: str) -> None:
    page.set_cookie(_cookie(desk), secret, secure=is_secure(desk), httponly=True, samesite="lax")


def _token(desk: Desk, secret: str) -> str:
    """What a form carries, so that no other site can send it: only this page knows it for this browser."""
    return desk.lookup.digest("registration-form", secret)


def _is_ours(desk: Desk, secret: str, token: str) -> bool:
    return bool(secret) and hmac.compare_digest(_token(desk, secret).encode(), token.encode())
