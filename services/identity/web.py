"""What the routes of identity take from the app, and who is signed in with the browser that asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, HTTPException, Request
from fastapi.responses import Response

from services.identity import policy
from services.identity.accounts.domain import Person
from services.identity.browser import address_of as _address_of
from services.identity.browser import keep_language, language_of, page_templates, session_cookie
from services.identity.desk import Desk
from services.identity.sessions import commands as sessions
from services.identity.sessions.domain import Session
from services.identity.texts import Language, words
from shared.caller import Caller
from shared.contracts import Text
from shared.web.authentication import PRIVILEGED_SECONDS, requires


# A coroutine, though it awaits nothing: FastAPI takes a plain function to a thread, which costs more than its work.
async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]
Operator = Annotated[Caller, Depends(requires(policy.may_administer, within=PRIVILEGED_SECONDS))]


async def _address(request: Request, desk: TheDesk) -> str:
    return _address_of(request, desk)


Address = Annotated[str, Depends(_address)]
"""Where a request comes from."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who is signed in with the browser that asks. Forms are sealed with `kept`, which only it has."""

    person: Person
    session: Session
    kept: str
    language: Language


def sign_in_first(request: Request, **asked: str) -> HTTPException:
    """What to raise where somebody has to sign in, or to prove more (`max_age`, `acr_values`); then they come back."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    come_back = {"next": here} if request.method == "GET" else {}
    return HTTPException(303, headers={"Location": f"/sign-in?{urlencode(come_back | asked)}"})


async def _visitor(request: Request, desk: TheDesk) -> Visitor:
    kept = request.cookies.get(session_cookie(desk), "")
    if (found := await sessions.of_browser(desk, kept)) is None:
        raise sign_in_first(request)
    return Visitor(found[1], found[0], kept, language_of(request, desk))


TheVisitor = Annotated[Visitor, Depends(_visitor)]
"""For pages of people: who is not signed in is led to that, and comes back."""


class PersonalPages:
    """A feature's pages for the person who is signed in, with the way to all others."""

    def __init__(self, folder: Path, own: Mapping[str, Text]) -> None:
        self._templates, self._words = page_templates(folder), own

    def words(self, visitor: Visitor) -> dict[str, str]:
        """The words of the pages, in the visitor's language."""
        return words(visitor.language, self._words)

    def show(
        self, request: Request, visitor: Visitor, name: str, shown: Mapping[str, object], status: int = 200
    ) -> Response:
        """A page. `shown` is what its template needs beside `t`."""
        other = "en" if visitor.language == "zh" else "zh"
        path = request.url.path if request.method == "GET" else "/account"
        other_url = f"{path}?{urlencode(dict(request.query_params) | {'ui_locales': other})}"
        all_shown = {"t": self.words(visitor), "other_url": other_url, "errors": {}, **shown}
        page = self._templates.TemplateResponse(request, name, all_shown, status_code=status)
        return keep_language(page, request, request.app.state.desk)
