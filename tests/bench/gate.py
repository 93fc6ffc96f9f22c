"""A service that does nothing but let people in, for B12: two routes that differ in who may call them, and in nothing
else. A process of its own; reads which port it has and whose tokens it takes from stdin, as JSON."""

import gc
import json
import sys
from typing import Annotated, Any

import uvicorn
from fastapi import APIRouter, Depends
from prometheus_client import CollectorRegistry

from shared import logging
from shared.caller import Caller
from shared.clock import SystemClock
from shared.contracts.identity import KeyPublished
from shared.revocations import Revocations
from shared.web.admission import Admission
from shared.web.app import create_app
from shared.web.authentication import Verifier, public, requires
from shared.web.readiness import Readiness

OPEN, CLOSED = "/open", "/closed"
router = APIRouter()


@router.get(OPEN, dependencies=[Depends(public("the yardstick"))])
async def everybody() -> dict[str, str]:
    """Anybody."""
    return {"hello": "world"}


@router.get(CLOSED)
async def somebody(_: Annotated[Caller, Depends(requires(lambda _: True))]) -> dict[str, str]:
    """Whoever has a token."""
    return {"hello": "world"}


def main(told: dict[str, Any]) -> None:
    """Serve until SIGTERM."""
    logging.configure("gate", "INFO")
    clock, registry = SystemClock(), CollectorRegistry()
    key = KeyPublished.model_validate(told["key"])
    app = create_app(
        "Gate",
        "1",
        lifespan=None,
        readiness=Readiness(),
        registry=registry,
        verifier=Verifier({key.kid: key}, told["issuer"], clock, Revocations(clock, registry, lambda: 0.0)),
        admission=Admission(10_000),
        routers=[router],
    )
    gc.collect()
    gc.freeze()  # as every service does
    uvicorn.run(app, host="127.0.0.1", port=told["port"], log_config=None, access_log=False, server_header=False)


if __name__ == "__main__":
    main(json.load(sys.stdin))
