"""Accounts over HTTP: an operator keeps them, everybody sees their own."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from services.identity import policy
from services.identity.accounts import commands
from services.identity.accounts.domain import CLIENT_PATTERN, PERSON_PATTERN, ClientWish, PersonWish
from services.identity.web import ActingOperator, TheDesk
from shared.caller import Caller, Kind
from shared.web.authentication import requires
from shared.web.preconditions import IfMatch, tell_kept

router = APIRouter(tags=["accounts"])


class Account(BaseModel):
    """An account as an operator gets it back: no personal data, no hashes."""

    id: str
    kind: Kind | Literal["application"]
    organisation: str | None
    division: str | None


class Me(Account):
    """One's own account; the personal fields are for people."""

    client: str
    name: str | None = None
    mail: str | None = None
    phone: str | None = None
    language: Literal["zh", "en"] | None = None


@router.put("/people/{id}", summary="Keep a person's account; the same one again changes nothing")
async def keep_person(
    id: Annotated[str, Path(pattern=PERSON_PATTERN, max_length=64)],  # noqa: A002 - the name in the address
    wish: PersonWish,
    by: ActingOperator,
    desk: TheDesk,
    expected: IfMatch,
    response: Response,
) -> Account:
    person, changed = await commands.keep_person(desk, by, id, wish, expected)
    tell_kept(response, person, changed)
    post = person.post
    return Account(
        id=id,
        kind=person.kind,
        organisation=post.organisation if post else None,
        division=post.division if post else None,
    )


@router.put("/clients/{code}", summary="Keep a program's account; the same one again changes nothing")
async def keep_client(
    code: Annotated[str, Path(pattern=CLIENT_PATTERN)],
    wish: ClientWish,
    by: ActingOperator,
    desk: TheDesk,
    expected: IfMatch,
    response: Response,
) -> Account:
    client, changed = await commands.keep_client(desk, by, code, wish, expected)
    tell_kept(response, client, changed)
    return Account(id=code, kind=client.kind, organisation=client.organisation, division=client.division)


@router.get("/me", summary="One's own account")
async def me(caller: Annotated[Caller, Depends(requires(policy.may_see_oneself))], desk: TheDesk) -> Me:
    mine = Me(id=caller.id, kind=caller.kind, organisation=caller.org, division=caller.division, client=caller.client)
    if caller.kind in ("department", "operator"):
        return mine
    person = await desk.people.get(caller.id)
    return mine.model_copy(update=person.model_dump(include={"name", "mail", "phone", "language"}))
