"""Lists in pages: an opaque cursor after the last row, at most 200 rows."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, ValidationError

from shared.errors import Invalid

T = TypeVar("T")
U = TypeVar("U")

EPOCH, MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


class Cursor(BaseModel):
    """A place in a list: the sort key of the last row and its id (which settles rows of equal key)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    key: StrictStr | StrictInt
    id: StrictStr

    def encode(self) -> str:
        """As the opaque text clients send back."""
        raw = json.dumps([self.key, self.id], separators=(",", ":"), ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    @classmethod
    def of(cls, at: datetime, id_: str) -> "Cursor":
        """The place of a row in a list by time, to the millisecond."""
        return cls(key=(at - EPOCH) // MILLISECOND, id=id_)

    def moment(self) -> tuple[datetime, str]:
        """Time and id of the last row of a list by time. Raises `Invalid` for a cursor of another list."""
        try:
            return EPOCH + int(self.key) * MILLISECOND, self.id
        except (ValueError, OverflowError) as exc:
            raise Invalid("The cursor is not one of ours", code="cursor_invalid") from exc

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Raises `Invalid` (`cursor_invalid`) for anything `encode` did not make."""
        try:
            key, id_ = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
            cursor = cls(key=key, id=id_)
        except (ValueError, TypeError, binascii.Error, RecursionError, ValidationError):
            cursor = None
        if cursor is None or cursor.encode() != text:
            raise Invalid("The cursor is not one of ours", code="cursor_invalid")
        return cursor


class Page(BaseModel, Generic[T]):
    """Rows of a list; `next` goes into `after` for the following page and is absent on the last."""

    items: list[T]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The wanted part of a list. A query reads `limit + 1` rows after `after`: the extra one tells of a next page."""

    limit: int
    after: Cursor | None

    def page(self, rows: Sequence[T], place: Callable[[T], Cursor], show: Callable[[T], U]) -> Page[U]:
        """The page of the rows read: each shown, with the cursor of the last one where there are more."""
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        return Page(items=[show(row) for row in shown], next=place(shown[-1]).encode() if more else None)


# A coroutine, though it awaits nothing: FastAPI takes a plain function to a thread, which costs more than its work.
async def _window(
    limit: Annotated[int, Query(ge=1, le=200, description="Rows a page")] = 50,
    after: Annotated[str | None, Query(max_length=1000, description="What the page before says as next")] = None,
) -> Window:
    return Window(limit, None if after is None else Cursor.decode(after))


Paging = Annotated[Window, Depends(_window)]
