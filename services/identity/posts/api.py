"""Officers and substitutes over HTTP: for an operator, and for the head of a place."""

from math import inf
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from services.identity import policy
from services.identity.accounts.domain import Person
from services.identity.posts import commands
from services.identity.posts.domain import SUBSTITUTION_PATTERN, Post, Standing, Substitution
from services.identity.web import PersonPath, TheDesk, doing
from shared.audit.actors import Doing
from shared.caller import Caller
from shared.web.authentication import PRIVILEGED_SECONDS, requires
from shared.web.paging import Cursor, Page, Paging
from shared.web.preconditions import IfMatch, tell_kept

router = APIRouter(tags=["posts"])
Looker = Annotated[Caller, Depends(requires(policy.may_keep_substitutes, within=PRIVILEGED_SECONDS))]
Keeper = Annotated[Doing, Depends(doing(requires(policy.may_keep_substitutes, within=PRIVILEGED_SECONDS)))]
# Who only takes away may do so also while nobody knows what was revoked of late.
Taker = Annotated[Doing, Depends(doing(requires(policy.may_keep_substitutes, within=inf)))]
SubstitutionId = Annotated[str, Path(pattern=SUBSTITUTION_PATTERN, max_length=80)]


class OfficerView(BaseModel):
    """An officer with all posts, also those that are over or to come. What else is personal is for operators."""

    id: str
    name: str
    posts: list[Post]
    substitutions: list[Substitution]
    login: str | None = None
    mail: str | None = None
    phone: str | None = None
    language: str | None = None

    @classmethod
    def of(cls, person: Person, *, whole: bool) -> "OfficerView":
        """The view of an officer."""
        shown = {"id", "name", "posts", "substitutions"} | ({"login", "mail", "phone", "language"} if whole else set())
        return cls.model_validate(person.model_dump(include=shown))


@router.get("/officers", summary="The officers, by id; for a head those of the own place and below")
async def list_officers(caller: Looker, desk: TheDesk, window: Paging) -> Page[OfficerView]:
    whole = policy.may_administer(caller)
    rows = await commands.list_officers(desk, caller, window)
    return window.page(rows, lambda row: Cursor(key="", id=row.id), lambda row: OfficerView.of(row, whole=whole))


@router.put(
    "/people/{id}/substitutions/{substitution}",
    summary="Say for whom somebody stands in; the same again changes nothing",
)
async def keep_substitution(
    id: PersonPath,  # noqa: A002 - the name in the address
    substitution: SubstitutionId,
    wish: Standing,
    who: Keeper,
    desk: TheDesk,
    expected: IfMatch,
    response: Response,
) -> Standing:
    tell_kept(response, *await commands.keep_substitution(desk, who, id, substitution, wish, expected))
    return wish


@router.delete(
    "/people/{id}/substitutions/{substitution}", summary="Say that somebody stands in no more", status_code=204
)
async def withdraw_substitution(
    id: PersonPath,  # noqa: A002 - the name in the address
    substitution: SubstitutionId,
    who: Taker,
    desk: TheDesk,
) -> Response:
    await commands.withdraw_substitution(desk, who, id, substitution)
    return Response(status_code=204)
