"""Messages over HTTP: whether somebody was told, without address and text."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from services.notifications import policy
from services.notifications.messages import commands, store
from services.notifications.messages.domain import Message, State
from services.notifications.web import TheDesk
from shared.caller import Caller
from shared.errors import Invalid, NotFound
from shared.web.authentication import PRIVILEGED_SECONDS, requires
from shared.web.paging import Page, Paging
from shared.web.preconditions import etag

router = APIRouter(prefix="/messages", tags=["messages"])
Looker = Annotated[Caller, Depends(requires(policy.may_look))]
Retrier = Annotated[Caller, Depends(requires(policy.may_retry, within=PRIVILEGED_SECONDS))]


class MessageView(BaseModel):
    """`repeats`: how often it may have been handed over before; `next_at`: when it is tried again."""

    id: str
    case: str
    person: str
    template: str
    channel: Literal["mail"] = "mail"
    state: State
    queued_at: datetime
    sent_at: datetime | None
    next_at: datetime | None
    attempts: int
    repeats: int
    ground: str | None

    @classmethod
    def of(cls, message: Message) -> "MessageView":
        shown = message.model_dump(include=set(cls.model_fields))
        return cls(**shown, next_at=message.wake_at)


@router.get("", summary="Messages of a case, or one's own; the newest first")
async def list_messages(
    caller: Looker,
    desk: TheDesk,
    window: Paging,
    case: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    person: Annotated[Literal["me"] | None, Query()] = None,
) -> Page[MessageView]:
    own = caller.id if person == "me" or not policy.sees_all(caller) else None
    if case is None and own is None:
        raise Invalid("Name a case, or person=me", code="filter_missing")
    rows = await store.page(desk.messages, window, case=case, person=own)
    return window.page(rows, store.place, MessageView.of)


@router.get("/{id}", summary="One message")
async def show_message(id: str, caller: Looker, desk: TheDesk, response: Response) -> MessageView:  # noqa: A002 - the address's word
    message = await desk.messages.find(id)
    if message is None or not policy.sees(caller, message):
        raise NotFound("There is no such message")
    response.headers["ETag"] = etag(message.v)
    return MessageView.of(message)


@router.post("/{id}/retry", summary="Try a message anew that was given up", status_code=202)
async def retry_message(id: str, _: Retrier, desk: TheDesk) -> MessageView:  # noqa: A002 - the address's word
    return MessageView.of(await commands.retry(desk, id))
