"""Picking what to act as, on the way to an application of the city that asks for it (`prompt=select_account`)."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from services.identity.accounts.domain import Person, client_id
from services.identity.browser import back_to, keep_secret, leading_to, new_secret, page_templates, secret_of
from services.identity.capacities.texts import WORDS
from services.identity.consents.domain import ConsentRequired
from services.identity.desk import Desk
from services.identity.mandates.commands import Acting
from services.identity.oauth import AccessDenied
from services.identity.organisations.domain import division_id, organisation_id
from services.identity.posts.domain import Held
from services.identity.sealing import seal, unseal
from services.identity.sessions.domain import Session
from services.identity.signin import commands as signin
from services.identity.signin.domain import AuthorizationRequest
from services.identity.texts import Language, words
from services.identity.tokens.capacity import ONESELF, choices
from services.identity.web import TheDesk, TheOwner
from shared.web.authentication import public

templates = page_templates(Path(__file__).parent / "templates")
router = APIRouter(tags=["sign-in"], dependencies=[Depends(public("a person's own pages, by the browser's session"))])


class Choosing(BaseModel):
    """The form on which this person picks what to act as, for this request and in this session."""

    model_config = ConfigDict(frozen=True, strict=True)

    wish: AuthorizationRequest
    session: str


async def ask(
    request: Request, desk: Desk, wish: AuthorizationRequest, session: Session, *, is_wrong: bool = False
) -> Response:
    """The page."""
    secret, t = secret_of(request, desk) or new_secret(), words(wish.language, WORDS)
    client, person = await desk.clients.get(client_id(wish.client)), await desk.people.get(session.person)
    shown = {
        "t": t,
        "client": client.name,
        "choices": await _named(desk, t, wish.language, person, await choices(desk, client, person)),
        "errors": {"acting_as": t["missing"]} if is_wrong else {},
        "other_url": wish.again(ui_locales="en" if wish.language == "zh" else "zh"),
        "again_url": wish.again(prompt="login select_account"),
        "request_token": seal(desk, Choosing(wish=wish, session=session.id), secret),
    }
    page = templates.TemplateResponse(request, "choose.html", shown, status_code=422 if is_wrong else 200)
    page.headers["Content-Security-Policy"] = leading_to(wish.redirect_uri)
    return keep_secret(page, desk, secret)


@router.post("/authorize/as", summary="What somebody picked to act as", response_class=Response)
async def answer(
    request: Request,
    desk: TheDesk,
    owner: TheOwner,
    sealed: Annotated[str, Form(alias="request")] = "",
    acting_as: Annotated[str, Form()] = "",
) -> Response:
    """To the application with a code; for what the person does not hold (any more) the page comes again."""
    form = unseal(desk, Choosing, sealed, secret_of(request, desk))
    if form is None or form.session != owner.session.id:
        return _stale(request, owner.language)
    wish = form.wish.model_copy(update={"prompt": "", "acting_as": acting_as})
    if not await signin.is_known(desk, wish) or wish.lacks(owner.session, desk.clock.now()) is not None:
        return _stale(request, wish.language)
    try:
        code = await signin.answer(desk, wish, owner.session)
    except AccessDenied:
        return await ask(request, desk, form.wish, owner.session, is_wrong=True)
    except ConsentRequired:  # the application has become somebody else's meanwhile
        return _stale(request, wish.language)
    return back_to(desk, wish.redirect_uri, wish.state, code=code)


async def _named(
    desk: Desk, t: dict[str, str], language: Language, person: Person, found: list[Acting | Held]
) -> list[tuple[str, str]]:
    named = [(ONESELF, t["oneself"].format(name=person.name))]
    for one in found:
        if isinstance(one, Acting):
            account = one.mandate.principal
            known = await desk.people.find(account) or await desk.companies.find(account)
            named.append((one.mandate.id, t["mandate"].format(name=known.name if known else account)))
            continue
        organisation = await desk.organisations.find(organisation_id(one.organisation))
        division = await desk.divisions.find(division_id(one.division))
        at = {
            "organisation": organisation.row.name.within(language) if organisation else one.organisation,
            "division": division.row.name.within(language) if division else one.division,
        }
        named.append((one.id, t["post"].format(**at)))
    return named


def _stale(request: Request, language: Language) -> Response:
    t = words(language, WORDS)
    return templates.TemplateResponse(request, "refused.html", {"t": t, "why": t["stale"]}, status_code=400)
