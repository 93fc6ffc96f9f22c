"""One's mandates: agreed to, declined, ended and offered, without scripts."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from services.identity.desk import Desk
from services.identity.factors.step_up import Sure, prove_first
from services.identity.mandates import commands
from services.identity.mandates.commands import MandateWish, TooManyOffers
from services.identity.mandates.domain import Mandate
from services.identity.mandates.texts import WORDS
from services.identity.sealing import seal, unseal
from services.identity.web import Owner, PersonalPages, TheDesk, TheOwner
from shared.clock import city_date
from shared.day import LAST
from shared.errors import Conflict, Forbidden, IdempotencyKeyReused, Invalid, NotFound
from shared.ids import derived_id, new_id
from shared.web.authentication import public
from shared.web.idempotency import body_digest

HERE = "/account/mandates"
pages = PersonalPages(Path(__file__).parent / "templates", WORDS)
router = APIRouter(tags=["mandates"], dependencies=[Depends(public("a person's own pages, by the browser's session"))])


class Offering(BaseModel):
    """A form to offer a mandate: sent twice, it offers one."""

    model_config = ConfigDict(frozen=True, strict=True)

    key: str


class Answering(BaseModel):
    """A form about one mandate."""

    model_config = ConfigDict(frozen=True, strict=True)

    mandate: str


class Typed(BaseModel):
    """What came from the form, as it was typed."""

    agent: str = ""
    acts: list[str] = []
    until: str = ""


@router.get(HERE, summary="One's mandates", response_class=Response)
async def my_mandates(request: Request, desk: TheDesk, owner: TheOwner) -> Response:
    t, found = pages.words(owner), await commands.mine(desk, owner.person.id)
    rows = [(one.agent == owner.person.id, await _row(desk, owner, t, one)) for one in found]
    shown = {"mine": [row for acts, row in rows if acts], "others": [row for acts, row in rows if not acts]}
    return pages.show(request, owner, "mandates.html", shown)


@router.get(f"{HERE}/new", summary="Whom to let act for oneself?", response_class=Response)
async def new(request: Request, desk: TheDesk, owner: TheOwner, _: Sure) -> Response:
    """Only who has proved of late who they are gets the form; it may be sent as long as any other."""
    return _new(request, desk, owner, Typed(acts=["apply", "see", "supply"]), {}, 200)


@router.post(HERE, summary="Let somebody act for oneself", response_class=Response)
async def offer(
    request: Request,
    desk: TheDesk,
    owner: TheOwner,
    typed: Annotated[Typed, Form()],
    sealed: Annotated[str, Form(alias="request")] = "",
) -> Response:
    offering = unseal(desk, Offering, sealed, owner.kept)
    if offering is None:
        return await _anew(request, desk, owner, typed)
    today = city_date(desk.clock.now()).isoformat()
    terms = {"acts": typed.acts, "since": today, "until": typed.until.strip()}
    try:
        wish = MandateWish.model_validate({"agent": typed.agent.strip(), "terms": terms})
        id_ = derived_id("mandate", owner.person.id, offering.key)
        await commands.offer(desk, owner.by, id_, wish, body_digest(wish))
    except ValidationError as error:
        wrong = {str(part) for fault in error.errors() for part in fault["loc"]}
        fields: set[str] = {"agent", "acts", "until"} & wrong or {"until"}
        return _wrong(request, desk, owner, typed, fields)
    except IdempotencyKeyReused:  # sent again with something else in it, by going back
        return await _anew(request, desk, owner, typed)
    except TooManyOffers as error:
        told = pages.words(owner)["too_many"].format(hours=-(-(error.wait or 0) // 3600))
        page = _new(request, desk, owner, typed, {"agent": told}, error.status)
        page.headers["Retry-After"] = str(error.wait)
        return page
    except Invalid as error:
        return _wrong(request, desk, owner, typed, {fault.pointer.rpartition("/")[2] for fault in error.faults})
    return RedirectResponse(HERE, 303)


@router.post(f"{HERE}/answer", summary="Agree to act for somebody, or end a mandate", response_class=Response)
async def answer(
    request: Request,
    desk: TheDesk,
    owner: TheOwner,
    sealed: Annotated[str, Form(alias="request")] = "",
    answer: Annotated[Literal["accept", "end"], Form()] = "end",
) -> Response:
    """Nothing changes by anybody else's form: the person sees how it stands. Who agrees has proved of late who they
    are: they act in somebody's name from then on, and answer for it. To end it nothing is asked."""
    answering = unseal(desk, Answering, sealed, owner.kept)
    if answer == "accept" and (missing := await prove_first(request, desk, owner, HERE)) is not None:
        raise missing
    if answering is not None:
        act = commands.accept if answer == "accept" else commands.end
        with suppress(Conflict, Forbidden, Invalid, NotFound):  # it has ended meanwhile: the list says so
            await act(desk, owner.by, answering.mandate)
    return RedirectResponse(HERE, 303)


async def _anew(request: Request, desk: Desk, owner: Owner, typed: Typed) -> Response:
    """Another form in place of one that is none: for who has proved of late who they are, as the first one."""
    if (missing := await prove_first(request, desk, owner, f"{HERE}/new")) is not None:
        raise missing
    return _new(request, desk, owner, typed, {"agent": pages.words(owner)["stale"]}, 422)


def _wrong(request: Request, desk: Desk, owner: Owner, typed: Typed, fields: set[str]) -> Response:
    t = pages.words(owner)
    names = {"agent": "agent_wrong", "acts": "acts_wrong", "until": "last_day_wrong"}
    errors = {field: t[word] for field, word in names.items() if field in fields}
    return _new(request, desk, owner, typed, errors, 422)


def _new(request: Request, desk: Desk, owner: Owner, typed: Typed, errors: dict[str, str], status: int) -> Response:
    offering = seal(desk, Offering(key=new_id("offer")), owner.kept)
    shown = {"request_token": offering, "typed": typed, "errors": errors}
    return pages.show(request, owner, "mandate_new.html", shown, status)


async def _row(desk: Desk, owner: Owner, t: dict[str, str], mandate: Mandate) -> dict[str, object]:
    acts = mandate.agent == owner.person.id
    ways: list[tuple[str, str, bool]] = []
    if acts and mandate.state == "offered":
        ways = [("accept", t["accept"], True), ("end", t["decline"], False)]
    elif mandate.state != "ended" and mandate.source == "grant":
        ways = [("end", t["give_up"] if acts else t["take_back"], False)]
    by_register = f" · {t['register']}" if mandate.source == "register" else ""
    return {
        "id": mandate.id,
        "other": await _other(desk, mandate, acts=acts),
        "state": t[mandate.state] + by_register,
        "terms": _terms(t, mandate),
        "waits": mandate.state == "offered" and not acts,
        "ways": ways,
        "request_token": seal(desk, Answering(mandate=mandate.id), owner.kept),
    }


def _terms(t: dict[str, str], mandate: Mandate) -> str:
    terms = mandate.terms
    parts = [t[act] for act in terms.acts]
    parts.append(", ".join(terms.items) if terms.items else t["all_items"])
    if terms.most_cases is not None:
        parts.append(t["most"].format(n=terms.most_cases))
    if terms.may_delegate:
        parts.append(t["handed_on"])
    parts.append(t["no_end"] if terms.until == LAST else t["until"].format(day=terms.until))
    return "; ".join(parts)


async def _other(desk: Desk, mandate: Mandate, *, acts: bool) -> str:
    """How the other side is called. Whoever only offered something gets to know nobody's name by it: the agent's is
    told once they agreed."""
    account = mandate.principal if acts else mandate.agent
    if not acts and mandate.accepted_at is None:
        return account
    if (person := await desk.people.find(account)) is not None:
        return person.name
    company = await desk.companies.find(account)
    return company.name if company is not None else account
