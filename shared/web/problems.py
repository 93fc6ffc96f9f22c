"""Every error as `application/problem+json` (RFC 9457) with a stable `code`, and every fault named at once."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException

from shared import telemetry
from shared.caller import Caller
from shared.errors import DomainError, Fault, Forbidden, InsufficientAuthentication
from shared.ids import new_id
from shared.store import Contention, Unavailable
from shared.web.authentication import CALLER

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
log = structlog.get_logger(__name__)


class ProblemFault(BaseModel):
    """One thing wrong. `pointer` is a JSON pointer (RFC 6901) into what `where` names."""

    where: str
    pointer: str
    code: str
    detail: str


class Problem(BaseModel):
    """A problem (RFC 9457). Rely on `code`; `trace` finds the request in the logs, `incident` an unexpected error."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    faults: list[ProblemFault] = []
    trace: str
    incident: str | None = None


# For `FastAPI(responses=…)`: the answers of every operation that does not succeed.
_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {"description": "A problem (RFC 9457)", "content": _CONTENT},
    503: {
        "description": "Not now: too much comes at once (`overloaded`), the store is away (`unavailable`), or the bus, "
        "so that nobody knows here what was revoked of late (`revocations_stale`)",
        "headers": {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}},
        "content": _CONTENT,
    },
}
SCHEMAS: Mapping[str, Any] = models_json_schema(
    [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
)[1]["$defs"]


def install(app: FastAPI) -> None:
    """Register the handlers for every kind of error."""
    app.add_exception_handler(DomainError, domain)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(Contention, _unavailable)
    app.add_exception_handler(Exception, _unexpected)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    faults: Sequence[ProblemFault] = (),
    incident: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response for a problem."""
    content = Problem(
        type=f"urn:tongban:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        code=code,
        detail=detail,
        faults=list(faults),
        trace=telemetry.trace_id(),
        incident=incident,
    )
    body = content.model_dump(mode="json", exclude_none=True)
    return JSONResponse(body, status, dict(headers or {}), MEDIA_TYPE)


async def domain(request: Request, error: Exception) -> Response:
    """The answer where a rule said no."""
    assert isinstance(error, DomainError)  # noqa: S101 - registered for this class only
    _note(request, error)
    headers = {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = _challenge(error)
    if error.wait is not None or error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(error.wait or RETRY_AFTER_S)
    faults = [_in_body(fault) for fault in error.faults]
    return problem(error.status, error.code, error.detail, faults=faults, headers=headers)


def _note(request: Request, error: DomainError) -> None:
    """One line about a caller who may not, or whose token proves nothing: who, through what, and never the token."""
    if not isinstance(error, (Forbidden, InsufficientAuthentication)) and not error.code.startswith("token_"):
        return
    caller: Caller | None = request.scope.get("state", {}).get(CALLER)
    by, client = (caller.actor or caller.id, caller.client) if caller is not None else (None, None)
    route = getattr(request.scope.get("route"), "path_format", "unmatched")
    log.warning("request.refused", code=error.code, method=request.method, route=route, by=by, client=client)


def _challenge(error: DomainError) -> str:
    """What would be accepted (RFC 6750 section 3.1: no error code where no token came at all; RFC 9470 section 3)."""
    if isinstance(error, InsufficientAuthentication):
        age = f', max_age="{error.max_age}"' if error.max_age is not None else ""
        return f'Bearer error="{error.code}", error_description="{error.detail}", acr_values="{error.acr}"{age}'
    return 'Bearer error="invalid_token"' if error.code.startswith("token_") else "Bearer"


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    faults = [_fault(found["loc"], found["type"], found["msg"]) for found in error.errors()]
    return problem(422, "invalid", "The request does not fit its schema", faults=faults)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    phrase = HTTPStatus(error.status_code).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    return problem(error.status_code, code, str(error.detail), headers=error.headers)


async def _unavailable(_request: Request, error: Exception) -> Response:
    log.warning("store.unavailable", error=type(error).__name__)
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    told = "Too many want to change this at once" if isinstance(error, Contention) else "The store does not answer"
    return problem(503, "unavailable", f"{told}: try again", headers=headers)


async def _unexpected(_request: Request, error: Exception) -> Response:
    incident = new_id("incident")
    log.error("request.failed", incident=incident, exc_info=error)
    return problem(500, "unexpected", "Something went wrong on our side", incident=incident)


def _in_body(fault: Fault) -> ProblemFault:
    return ProblemFault(where="body", pointer=fault.pointer, code=fault.code, detail=fault.detail)


def _fault(location: Sequence[str | int], kind: str, message: str) -> ProblemFault:
    """A fault of pydantic, without the value that was sent: it may be personal."""
    where, *path = location
    if kind == "json_invalid":
        path = []
    pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return ProblemFault(where=str(where), pointer=pointer, code=kind, detail=message)
