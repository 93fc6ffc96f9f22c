"""Keys over HTTP: an operator has data keys closed by another master key, and gives a person a new one."""

import asyncio
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel

from services.identity import policy
from services.identity.audit import acts
from services.identity.datakeys import commands, store
from services.identity.desk import Desk
from services.identity.web import ActingOperator, TheDesk
from shared.accounts import PERSON_PATTERN
from shared.caller import Caller
from shared.errors import Conflict
from shared.web.authentication import requires

Looker = Annotated[Caller, Depends(requires(policy.may_administer))]
log = structlog.get_logger(__name__)


class Run(BaseModel):
    """A run over all data keys. `error`: it broke off; another one goes on where it was."""

    rewrapped: int = 0
    running: bool = True
    error: str | None = None


class MasterKeyState(BaseModel):
    """`current` closes; of `left` data keys another master key is still needed. `run`: the last one of this process."""

    current: str
    left: int
    run: Run | None


class DataKeyState(BaseModel):
    """The version that seals from now on."""

    version: int


class _Rewrapping:
    """The one run of this process: it goes on after the request is answered."""

    def __init__(self) -> None:
        self.state: Run | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, desk: Desk, master: str) -> Run:
        if self.state is not None and self.state.running:
            raise Conflict("The data keys are being rewrapped", code="rewrap_running")
        self.state = Run()
        self._task = asyncio.create_task(self._run(desk, master, self.state))
        return self.state

    async def _run(self, desk: Desk, master: str, state: Run) -> None:
        try:
            async for done in commands.rewrap_all(desk, master):
                state.rewrapped = done
            log.info("masterkey.rewrapped", master=master, data_keys=state.rewrapped)
        except Exception as exc:  # the operator sees it, and may start again
            log.exception("masterkey.broke-off", master=master)
            state.error = type(exc).__name__
        finally:
            state.running = False


def keys_router() -> APIRouter:
    """The routes, with the one run of this process."""
    router = APIRouter(tags=["keys of personal data"])
    rewrapping = _Rewrapping()

    @router.get("/master-keys", summary="Which master key closes, and how many data keys another one closed")
    async def master_keys(_: Looker, desk: TheDesk) -> MasterKeyState:
        master = await commands.current_master(desk)
        left = await store.count_closed_by_others(desk.data_keys, master)
        return MasterKeyState(current=master, left=left, run=rewrapping.state)

    @router.post("/master-keys/rewrap", summary="Have all data keys closed by the current master key", status_code=202)
    async def rewrap(by: ActingOperator, desk: TheDesk) -> Run:
        master = await commands.current_master(desk)
        await desk.audit.sheets.note(acts.data_keys_rewrapped(by, master))
        return rewrapping.start(desk, master)

    @router.post("/people/{id}/data-key", summary="Give a person a new data key")
    async def renew(
        id: Annotated[str, Path(pattern=PERSON_PATTERN, max_length=64)],  # noqa: A002 - the name in the address
        by: ActingOperator,
        desk: TheDesk,
    ) -> DataKeyState:
        await desk.audit.sheets.note(acts.data_key_renewed(by, id))
        return DataKeyState(version=(await commands.renew(desk, id)).current)

    return router
