"""Accounts over HTTP: an operator keeps them, everybody sees their own."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from services.identity import policy
from services.identity.accounts import commands
from services.identity.accounts.domain import CLIENT_PATTERN, ClientWish, Person, PersonWish
from services.identity.desk import Desk
from services.identity.posts.domain import Held
from services.identity.web import ActingOperator, Operator, PersonPath, TheDesk
from shared.caller import Caller, Kind
from shared.errors import NotFound
from shared.web.authentication import requires
from shared.web.preconditions import IfMatch, etag, tell_kept

router = APIRouter(tags=["accounts"])


class Account(BaseModel):
    """An account as an operator gets it back: no personal data, no hashes."""

    id: str
    kind: Kind | Literal["application"]
    organisation: str | None
    division: str | None


class Me(Account):
    """One's own account. `organisation`, `division` and `roles`: of the post that one came with, `posts`: all that one
    could come with now. The personal fields are for people."""

    client: str
    roles: list[str] = []
    posts: list[Held] = []
    name: str | None = None
    mail: str | None = None
    phone: str | None = None
    language: Literal["zh", "en"] | None = None
    ial: int | None = None
    """How sure it is who they are: 1 to 3 (NIST SP 800-63A)."""


@router.put("/people/{id}", summary="Keep a person's account; the same one again changes nothing")
async def keep_person(
    id: PersonPath,  # noqa: A002 - the name in the address
    wish: PersonWish,
    by: ActingOperator,
    desk: TheDesk,
    expected: IfMatch,
    response: Response,
) -> Account:
    person, changed = await commands.keep_person(desk, by, id, wish, expected)
    tell_kept(response, person, changed)
    return _account(person, desk)


@router.get("/people/{id}", summary="Somebody's account, without anything personal")
async def show_person(id: PersonPath, _: Operator, desk: TheDesk, response: Response) -> Account:  # noqa: A002 - the name in the address
    person = await desk.people.find(id)
    if person is None:
        raise NotFound("There is no such person")
    response.headers["ETag"] = etag(person.v)
    return _account(person, desk)


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
    mine = Me(
        id=caller.id,
        kind=caller.kind,
        organisation=caller.org,
        division=caller.division,
        client=caller.client,
        roles=sorted(caller.roles),
    )
    if not policy.signs_in(caller):
        return mine
    person = await desk.people.get(caller.id)
    personal = person.model_dump(include={"name", "mail", "phone", "language", "ial"})
    return mine.model_copy(update=personal | {"posts": person.held(desk.clock.now())})


def _account(person: Person, desk: Desk) -> Account:
    now = desk.clock.now()
    post = person.post_for(None, now)
    organisation, division = (post.organisation, post.division) if post else (None, None)
    return Account(id=person.id, kind=person.kind(now), organisation=organisation, division=division)
