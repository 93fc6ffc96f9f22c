"""As what a person acts: in their own name, at one of their posts, or for somebody else by a mandate."""

from services.identity.accounts.domain import Client, Person
from services.identity.desk import Desk
from services.identity.mandates import commands as mandates
from services.identity.mandates.commands import Acting
from services.identity.oauth import AccessDenied
from services.identity.organisations.domain import organisation_id
from services.identity.posts.domain import Held, PostNotHeld

ONESELF = "self"
MANDATE_PREFIX = "mandate-"
Capacity = Acting | Held | None


async def capacity(desk: Desk, client: Client, person: Person, wanted: str | None) -> Capacity:
    """`wanted`: `self`, a post's id (`<organisation>.<division>`), or a mandate's. Nothing wanted: the first post, or
    `None`, which is one's own name. Raises `AccessDenied` for what the person may not act as now, there: applications
    of somebody else's are for people in their own name, as it is only about themselves that people can consent."""
    if client.asks_consent:
        if wanted not in (None, ONESELF):
            raise AccessDenied("Applications that ask for consent are for people in their own name")
        return None
    if wanted == ONESELF:
        return None
    if wanted is not None and wanted.startswith(MANDATE_PREFIX):
        if (acting := await mandates.acting(desk, person.id, wanted)) is None:
            raise AccessDenied("The person may not act by this mandate")
        return acting
    try:
        post = person.post_for(wanted, desk.clock.now())
    except PostNotHeld:
        raise AccessDenied("The person does not hold this post") from None
    if post is not None and await standing(desk, post.organisation) is None:
        raise AccessDenied("The organisation is suspended")
    return post


async def choices(desk: Desk, client: Client, person: Person) -> list[Acting | Held]:
    """What a person can act as now beside themselves: posts, then mandates. None at somebody else's applications."""
    if client.asks_consent:
        return []
    posts = [post for post in person.held(desk.clock.now()) if await standing(desk, post.organisation) is not None]
    found = [
        await mandates.acting(desk, person.id, one.id)
        for one in await mandates.mine(desk, person.id)
        if one.agent == person.id and one.state == "live"
    ]
    return [*posts, *(acting for acting in found if acting is not None)]


async def standing(desk: Desk, code: str) -> int | None:
    """The version that tokens of an organisation's officers and programs carry; `None` while it is suspended."""
    organisation = await desk.standing.find(organisation_id(code))
    if organisation is not None and organisation.suspended_at is not None:
        return None
    return organisation.token_version if organisation is not None else 0
