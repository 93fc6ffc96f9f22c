"""Operators' routes, the same in each service: parked keys and replay."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict

from shared.caller import Caller
from shared.errors import Conflict, NotFound
from shared.messaging.envelope import told_id
from shared.messaging.parked import Parked, ParkedKey, ParkedRecord
from shared.messaging.relay import Relay
from shared.policy import OPERATOR, Act
from shared.web.authentication import PRIVILEGED_SECONDS, requires

log = structlog.get_logger(__name__)


# Operators run the network; they see records that stand still, and no case.
may_operate = Act("network.run", "处理停驻的记录、重放日志", "handle parked records, replay journals", OPERATOR)
Looker = Annotated[Caller, Depends(requires(may_operate))]
Operator = Annotated[Caller, Depends(requires(may_operate, within=PRIVILEGED_SECONDS))]
Topic = Annotated[str, Query(min_length=1, max_length=249)]
Key = Annotated[str, Query(min_length=1, max_length=300)]


class Count(BaseModel):
    """How many records an act concerned."""

    records: int


class ReplayState(BaseModel):
    """How many entries are published again. `error`: it broke off; again repeats nothing that readers applied."""

    since: datetime
    published: int = 0
    running: bool = True
    error: str | None = None


class ReplayWanted(BaseModel):
    """From when on journal entries are published again (RFC 3339)."""

    model_config = ConfigDict(extra="forbid")

    since: datetime


class _Replay:
    """The one replay of this process: it runs on after the request is answered."""

    def __init__(self, relay: Callable[[], Relay]) -> None:
        self._relay = relay
        self.state: ReplayState | None = None
        self._task: asyncio.Task[None] | None = None

    def must_be_free(self) -> None:
        """Raises `Conflict` while one is under way."""
        if self.state is not None and self.state.running:
            raise Conflict("A replay is running", code="replay_running")

    def start(self, since: datetime) -> ReplayState:
        self.state = ReplayState(since=since)
        self._task = asyncio.create_task(self._run(self.state))
        return self.state

    async def _run(self, state: ReplayState) -> None:
        try:
            async for published in self._relay().replay(state.since):
                state.published = published
        except Exception as exc:  # the operator sees it, and may start again
            log.exception("replay.failed")
            state.error = type(exc).__name__
        finally:
            state.running = False


OpsAct = Literal["parked-read", "parked-retried", "parked-dropped", "replay-started"]


Noting = Callable[[Request, Caller, OpsAct, str, int], Awaitable[None]]
"""How a service notes what operators do, on what, with how many records: before it is done, for parked records have no
journal of their own."""


async def unnoted(_request: Request, _caller: Caller, _act: OpsAct, _on: str, _count: int) -> None:
    """For a service that keeps no records of acts yet: the log has them."""


def ops_router(parked: Parked, relay: Callable[[], Relay], noting: Noting = unnoted) -> APIRouter:
    """The routes under /ops."""
    router = APIRouter(prefix="/ops", tags=["operation"])
    _add_parked(router, parked, noting)
    _add_replay(router, relay, noting)
    return router


def _add_parked(router: APIRouter, parked: Parked, noting: Noting) -> None:
    async def note(request: Request, caller: Caller, act: OpsAct, topic: str, key: str) -> None:
        if waiting := len(await parked.show(topic, key)):
            await noting(request, caller, act, f"{topic}/{told_id(key)}", waiting)

    @router.get("/parked", summary="Keys that stand still")
    async def keys(_: Looker) -> list[ParkedKey]:
        return await parked.keys()

    @router.get("/parked/records", summary="The records of a key, with reason and traceback")
    async def records(
        request: Request, caller: Looker, topic: Topic, key: Key, values: bool = False
    ) -> list[ParkedRecord]:
        found = await parked.show(topic, key, values=values)
        if not found:
            raise NotFound("Nothing is parked under this topic and key")
        if values:  # they may be about people
            await note(request, caller, "parked-read", topic, key)
            log.info("ops.parked-values", topic=topic, records=len(found), by=caller.id)
        return found

    @router.post("/parked/retry", summary="Try a key again, in order", status_code=202)
    async def retry(request: Request, caller: Operator, topic: Topic, key: Key) -> Count:
        await note(request, caller, "parked-retried", topic, key)
        return _concerned(await parked.release(topic, key), "retry", topic, caller)

    @router.post("/parked/drop", summary="Give a key's records up for good")
    async def drop(request: Request, caller: Operator, topic: Topic, key: Key) -> Count:
        await note(request, caller, "parked-dropped", topic, key)
        return _concerned(await parked.drop(topic, key, by=caller.id), "drop", topic, caller)


def _add_replay(router: APIRouter, relay: Callable[[], Relay], noting: Noting) -> None:
    replay = _Replay(relay)

    @router.post("/replay", summary="Publish the journals again", status_code=202)
    async def start_replay(request: Request, caller: Operator, wanted: ReplayWanted) -> ReplayState:
        replay.must_be_free()
        await noting(request, caller, "replay-started", wanted.since.isoformat(), 1)
        log.info("ops.replay", by=caller.id, since=wanted.since.isoformat())
        replay.must_be_free()
        return replay.start(wanted.since)

    @router.get("/replay", summary="How far the replay is")
    async def replay_state(_: Looker) -> ReplayState:
        if replay.state is None:
            raise NotFound("No replay was started in this process")
        return replay.state


def _concerned(records: int, act: str, topic: str, caller: Caller) -> Count:
    if records == 0:
        raise NotFound("Nothing is parked under this topic and key")
    log.info(f"ops.parked-{act}", topic=topic, records=records, by=caller.id)
    return Count(records=records)
