"""Operators' routes, the same in each service: parked keys and replay."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from shared.caller import Caller
from shared.errors import Conflict, NotFound
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

    since: datetime


class _Replay:
    """The one replay of this process: it runs on after the request is answered."""

    def __init__(self, relay: Callable[[], Relay]) -> None:
        self._relay = relay
        self.state: ReplayState | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, since: datetime) -> ReplayState:
        if self.state is not None and self.state.running:
            raise Conflict("A replay is running", code="replay_running")
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


def ops_router(parked: Parked, relay: Callable[[], Relay]) -> APIRouter:
    """The routes under /ops."""
    router = APIRouter(prefix="/ops", tags=["operation"])
    replay = _Replay(relay)

    @router.get("/parked", summary="Keys that stand still")
    async def keys(_: Looker) -> list[ParkedKey]:
        return await parked.keys()

    @router.get("/parked/records", summary="The records of a key, with reason and traceback")
    async def records(caller: Looker, topic: Topic, key: Key, values: bool = False) -> list[ParkedRecord]:
        found = await parked.show(topic, key, values=values)
        if not found:
            raise NotFound("Nothing is parked under this topic and key")
        if values:  # they may be about people
            log.info("ops.parked-values", topic=topic, records=len(found), by=caller.id)
        return found

    @router.post("/parked/retry", summary="Try a key again, in order", status_code=202)
    async def retry(caller: Operator, topic: Topic, key: Key) -> Count:
        return _concerned(await parked.release(topic, key), "retry", topic, caller)

    @router.post("/parked/drop", summary="Give a key's records up for good")
    async def drop(caller: Operator, topic: Topic, key: Key) -> Count:
        return _concerned(await parked.drop(topic, key, by=caller.id), "drop", topic, caller)

    @router.post("/replay", summary="Publish the journals again", status_code=202)
    async def start_replay(caller: Operator, wanted: ReplayWanted) -> ReplayState:
        log.info("ops.replay", by=caller.id, since=wanted.since.isoformat())
        return replay.start(wanted.since)

    @router.get("/replay", summary="How far the replay is")
    async def replay_state(_: Looker) -> ReplayState:
        if replay.state is None:
            raise NotFound("No replay was started in this process")
        return replay.state

    return router


def _concerned(records: int, act: str, topic: str, caller: Caller) -> Count:
    if records == 0:
        raise NotFound("Nothing is parked under this topic and key")
    log.info(f"ops.parked-{act}", topic=topic, records=records, by=caller.id)
    return Count(records=records)
