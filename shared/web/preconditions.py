"""`ETag` and `If-Match` carry the version `v` of a document."""

import re
from typing import Annotated

from fastapi import Depends, Header, Response

from shared.aggregate import Aggregate
from shared.errors import PreconditionFailed


def etag(version: int) -> str:
    """The strong validator of a version: `"7"`, quotes included."""
    return f'"{version}"'


def tell_kept(response: Response, aggregate: Aggregate, changed: bool) -> None:
    """The headers of an answer to PUT: `ETag` of what is kept now, `Tongban-Changed` whether this made it so."""
    response.headers["ETag"] = etag(aggregate.v)
    response.headers["Tongban-Changed"] = "true" if changed else "false"


# A coroutine, though it awaits nothing: FastAPI takes a plain function to a thread, which costs more than its work.
async def _expected_version(
    if_match: Annotated[str | None, Header(alias="If-Match", description='The ETag that was read, e.g. "7"')] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = re.fullmatch(r'"(\d{1,18})"', if_match.strip())
    if found is None:
        raise PreconditionFailed("If-Match does not name a version of ours")
    return int(found[1])


# The version a caller insists on (`None`: any); the command gives it to `PreconditionFailed.unless_current(...)`.
IfMatch = Annotated[int | None, Depends(_expected_version)]
