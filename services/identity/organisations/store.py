"""Where divisions, organisations and the ownership of duties are kept, and how they are listed."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar, get_args

from services.identity.organisations.domain import Division, Duty, Organisation
from shared.contracts.identity import DutyKind
from shared.store import Collection, DuplicateKey, Repository
from shared.store.collection import Document, Index
from shared.web.paging import Window

Row = TypeVar("Row", Division, Organisation)
DIVISION_INDEXES = (Index([("row.level", 1)]),)
DUTY_INDEXES = (Index([("organisation", 1), ("_id", 1)]),)
KINDS: tuple[DutyKind, ...] = get_args(DutyKind)
LOST = timedelta(minutes=1)
"""No publication takes as long: an older claim that is not in its organisation's row was left by one that died."""


class Duties:
    """The duty list (职责清单): who owns which matter, resource or system. One small document each, so that two owners
    cannot both succeed."""

    def __init__(self, collection: Collection) -> None:
        self._duties = collection

    async def claim(self, duty: Duty, organisation: str, now: datetime) -> bool | None:
        """True: claimed now. None: it was this organisation's before. False: it is somebody else's."""
        claim = {"_id": claim_id(duty), "organisation": organisation}
        try:
            await self._duties.insert(claim | {"at": now})
        except DuplicateKey:
            return None if await self._duties.update(claim, {"$set": {"at": now}}) else False
        return True

    async def release(self, duty: Duty, organisation: str) -> None:
        """Give a duty up, if it is this organisation's."""
        await self._duties.delete({"_id": claim_id(duty), "organisation": organisation})

    async def release_lost(self, organisation: str, owned: Iterable[Duty], now: datetime) -> None:
        """Give up what an organisation claimed and does not own: a process died between the claim and the row, or
        between the row and the release."""
        known = {claim_id(duty) for duty in owned}
        async for claim in self._duties.scan({"organisation": organisation}):
            at = claim.get("at")
            if claim["_id"] not in known and (at is None or at <= now - LOST):
                await self._duties.delete({"_id": claim["_id"], "organisation": organisation, "at": at})

    async def listed(
        self, window: Window, kind: DutyKind | None, code: str | None, owner: str | None
    ) -> list[tuple[Duty, str]]:
        """Duties with their owners, by kind and code, one more than the window shows."""
        id_: dict[str, Any] = {"$gt": window.after.id if window.after is not None else ""}
        if code is not None:
            id_["$in"] = [claim_id((one, code)) for one in ([kind] if kind else KINDS)]
        elif kind is not None:
            id_ |= {"$gt": max(f"{kind}:", str(id_["$gt"])), "$lt": f"{kind};"}  # ; comes after :
        filter_ = {"_id": id_} if owner is None else {"_id": id_, "organisation": owner}
        found = await self._duties.find(filter_, sort=[("_id", 1)], limit=window.limit + 1)
        return [(_duty(claim), claim["organisation"]) for claim in found]


def claim_id(duty: Duty) -> str:
    """The id of a claim, and the duty's place in lists."""
    return f"{duty[0]}:{duty[1]}"


def _duty(claim: Document) -> Duty:
    kind, _, code = str(claim["_id"]).partition(":")
    return next(one for one in KINDS if one == kind), code


async def listed(repository: Repository[Row], window: Window) -> list[Row]:
    """Rows by id, one more than the window shows."""
    after = {} if window.after is None else {"_id": {"$gt": window.after.id}}
    found = await repository.collection.find(after, sort=[("_id", 1)], limit=window.limit + 1)
    return [repository.load(document) for document in found]
