"""The page where one changes one's password."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, ValidationError

from services.identity.attempts.domain import TooManyAttempts
from services.identity.browser import keep_session
from services.identity.desk import Desk
from services.identity.factors.step_up import Sure, prove_first
from services.identity.passwords import commands
from services.identity.passwords.commands import PasswordWish
from services.identity.passwords.texts import WORDS
from services.identity.sealing import seal, unseal
from services.identity.web import Address, Owner, PersonalPages, TheDesk, TheOwner
from shared.errors import Conflict, DomainError, Fault
from shared.web.authentication import public

HERE = "/account/password"
pages = PersonalPages(Path(__file__).parent / "templates", WORDS)
router = APIRouter(tags=["passwords"], dependencies=[Depends(public("a person's own pages, by the browser's session"))])


class PasswordForm(BaseModel):
    """The form of this page. It works once: afterwards the browser has another secret."""

    model_config = ConfigDict(frozen=True, strict=True)


class Typed(BaseModel):
    """What came from it. Nothing of it is shown again."""

    model_config = ConfigDict(hide_input_in_errors=True)

    request: str = ""
    current: str = ""
    new: str = ""
    again: str = ""


@router.get(HERE, summary="Change one's password", response_class=Response)
async def form(request: Request, desk: TheDesk, owner: TheOwner, _: Sure, unchanged: str = "") -> Response:
    """`unchanged`: the form was sent too late, and the person proved again who they are."""
    return _form(request, desk, owner, is_late=unchanged != "")


@router.post(HERE, summary="The current password and another one", response_class=Response)
async def change(
    request: Request, desk: TheDesk, owner: TheOwner, address: Address, typed: Annotated[Typed, Form()]
) -> Response:
    if (missing := await prove_first(request, desk, owner, f"{HERE}?unchanged=yes")) is not None:
        raise missing
    t = pages.words(owner)
    if unseal(desk, PasswordForm, typed.request, owner.kept) is None:
        return _form(request, desk, owner, {"current": t["stale"]}, 400)
    faults = [Fault("/again", "differs", "")] if typed.new != typed.again else []
    try:
        wish = PasswordWish.model_validate({"current": typed.current, "new": typed.new})
    except ValidationError as exc:
        faults = [*(Fault(f"/{e['loc'][0]}", e["type"], "") for e in exc.errors()), *faults]
    if faults:
        return _form(request, desk, owner, _errors(t, faults), 422)
    try:
        kept = await commands.change(desk, owner.by, owner.person, owner.session.id, wish, address)
    except TooManyAttempts as error:
        page = _form(request, desk, owner, {"current": t["wait"].format(seconds=error.wait)}, error.status)
        page.headers["Retry-After"] = str(error.wait)
        return page
    except Conflict as error:
        return _form(request, desk, owner, {"current": t["meanwhile"]}, error.status)
    except DomainError as error:
        errors = _errors(t, error.faults) or {"current": t["stale"]}
        return _form(request, desk, owner, errors, error.status)
    return keep_session(pages.show(request, owner, "password_changed.html", {}), desk, kept)


def _form(
    request: Request,
    desk: Desk,
    owner: Owner,
    errors: dict[str, str] | None = None,
    status: int = 200,
    *,
    is_late: bool = False,
) -> Response:
    sealed = seal(desk, PasswordForm(), owner.kept)
    shown = {"errors": errors or {}, "request_token": sealed, "login": owner.person.login, "is_late": is_late}
    return pages.show(request, owner, "password.html", shown, status)


def _errors(t: dict[str, str], faults: Iterable[Fault]) -> dict[str, str]:
    """A text for each field, by the fault's code where there is one for that."""
    fields = [(fault.pointer.removeprefix("/"), fault.code) for fault in faults]
    return {field: t.get(f"{field}_{code}") or t[f"{field}_wrong"] for field, code in fields}
