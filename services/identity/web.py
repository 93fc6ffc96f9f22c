"""What the routes of identity take from the app, and who is signed in with the browser that asks."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, HTTPException, Request
from fastapi import Path as InPath
from fastapi.responses import Response

from services.identity import policy
from services.identity.accounts.domain import Person
from services.identity.browser import address_of, keep_language, language_of, page_templates, session_cookie
from services.identity.desk import Desk
from services.identity.sessions import commands as sessions
from services.identity.sessions.domain import Session
from services.identity.texts import Language, words
from shared.accounts import PERSON_PATTERN
from shared.audit.actors import Doing, of_caller, visitor
from shared.caller import Caller
from shared.contracts import Text
from shared.contracts.acts import Actor
from shared.web.authentication import PRIVILEGED_SECONDS, requires


# A coroutine, though it awaits nothing: FastAPI takes a plain function to a thread, which costs more than its work.
async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]


async def _address(request: Request, desk: TheDesk) -> str:
    return address_of(request, desk)


PersonPath = Annotated[str, InPath(pattern=PERSON_PATTERN, max_length=64)]
Address = Annotated[str, Depends(_address)]
"""Where a request comes from."""


def place_of(request: Request, desk: Desk) -> str:
    """Where a request comes from, as records may say it."""
    return desk.audit.places.of(address_of(request, desk).removesuffix("/64"))


async def _place(request: Request, desk: TheDesk) -> str:
    return place_of(request, desk)


async def _visitor(place: Annotated[str, Depends(_place)]) -> Actor:
    return visitor(place)


def acting(rule: Callable[..., Awaitable[Caller]]) -> Callable[..., Awaitable[Actor]]:
    """Who acts, as a record says it, where `rule` lets the caller in: `Depends(acting(requires(policy.may_…)))`."""

    async def actor(caller: Annotated[Caller, Depends(rule)], place: Annotated[str, Depends(_place)]) -> Actor:
        return of_caller(caller, place)

    return actor


def doing(rule: Callable[..., Awaitable[Caller]]) -> Callable[..., Awaitable[Doing]]:
    """`acting`, for commands that look at the caller as well."""

    async def both(caller: Annotated[Caller, Depends(rule)], place: Annotated[str, Depends(_place)]) -> Doing:
        return Doing(caller, of_caller(caller, place))

    return both


Visitor = Annotated[Actor, Depends(_visitor)]
"""Whoever it is: on pages where people prove who they are."""
Operator = Annotated[Caller, Depends(requires(policy.may_administer, within=PRIVILEGED_SECONDS))]
ActingOperator = Annotated[Actor, Depends(acting(requires(policy.may_administer, within=PRIVILEGED_SECONDS)))]


@dataclass(frozen=True, slots=True)
class Owner:
    """A person who is signed in with the browser that asks, at the pages of their account; as records say it, `by`.
    Forms are sealed with `kept`, which only it has."""

    person: Person
    session: Session
    kept: str
    language: Language
    by: Actor


def sign_in_first(request: Request, **asked: str) -> HTTPException:
    """What to raise where somebody has to sign in, or to prove more (`max_age`, `acr_values`); then they come back."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    come_back = {"next": here} if request.method == "GET" else {}
    return HTTPException(303, headers={"Location": f"/sign-in?{urlencode(come_back | asked)}"})


async def _owner(request: Request, desk: TheDesk) -> Owner:
    kept = request.cookies.get(session_cookie(desk), "")
    if (found := await sessions.of_browser(desk, kept)) is None:
        raise sign_in_first(request)
    session, person = found
    kind, place = person.kind(desk.clock.now()), place_of(request, desk)
    by = Actor(kind=kind, account=person.id, session=session.id, place=place)
    return Owner(person, session, kept, language_of(request, desk), by)


TheOwner = Annotated[Owner, Depends(_owner)]
"""For pages of people: who is not signed in is led to that, and comes back."""


class PersonalPages:
    """A feature's pages for the person who is signed in, with the way to all others."""

    def __init__(self, folder: Path, own: Mapping[str, Text]) -> None:
        self._templates, self._words = page_templates(folder), own

    def words(self, owner: Owner) -> dict[str, str]:
        """The words of the pages, in the person's language."""
        return words(owner.language, self._words)

    def show(
        self, request: Request, owner: Owner, name: str, shown: Mapping[str, object], status: int = 200
    ) -> Response:
        """A page. `shown` is what its template needs beside `t`."""
        other = "en" if owner.language == "zh" else "zh"
        path = request.url.path if request.method == "GET" else "/account"
        other_url = f"{path}?{urlencode(dict(request.query_params) | {'ui_locales': other})}"
        all_shown = {"t": self.words(owner), "other_url": other_url, "errors": {}, **shown}
        page = self._templates.TemplateResponse(request, name, all_shown, status_code=status)
        return keep_language(page, request, request.app.state.desk)
