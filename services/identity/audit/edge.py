"""Acts that no route of ours does: what operators do with any service, and what a known caller may not."""

from fastapi import Request
from starlette.responses import Response

from services.identity.audit import acts
from services.identity.desk import Desk
from services.identity.web import place_of
from shared.audit.actors import of_caller
from shared.caller import Caller
from shared.web import problems
from shared.web.authentication import CALLER
from shared.web.ops import OpsAct

_OPERATION = {
    "parked-read": acts.parked_read,
    "parked-retried": acts.parked_retried,
    "parked-dropped": acts.parked_dropped,
}


async def note_operation(request: Request, caller: Caller, act: OpsAct, on: str, count: int) -> None:
    """Note what an operator is about to do."""
    desk: Desk = request.app.state.desk
    by = of_caller(caller, place_of(request, desk))
    note = acts.replay_started(by, on) if act == "replay-started" else _OPERATION[act](by, on, count)
    await desk.audit.sheets.note(note)


async def forbidden(request: Request, error: Exception) -> Response:
    """Note who may not do what they tried, and answer as ever."""
    desk: Desk = request.app.state.desk
    caller: Caller | None = request.scope.get("state", {}).get(CALLER)
    if caller is not None:
        by = of_caller(caller, place_of(request, desk))
        route = f"{request.method}:{request.scope['route'].path}"
        act, rest = (acts.act_forbidden(by, on) for on in (route, acts.SEVERAL))
        await desk.audit.sheets.note_some(act, acts.REFUSALS, rest)
    return await problems.domain(request, error)
