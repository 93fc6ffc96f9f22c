"""A service's app over its runtime: readiness, token verification, operators' routes and specs are the same for all."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any

from fastapi import APIRouter, FastAPI

from shared.contracts.identity import KeyPublished, RevocationPublished
from shared.contracts.registry import EventModel
from shared.messaging import asyncapi
from shared.messaging.relay import Relay
from shared.revocations import Revocations
from shared.runtime import Runtime
from shared.web.admission import Admission
from shared.web.app import create_app
from shared.web.authentication import Verifier
from shared.web.ops import Noting, ops_router, unnoted
from shared.web.readiness import Readiness


def service_app(
    runtime: Runtime,
    keys: Mapping[str, KeyPublished],
    version: str,
    publishes: Sequence[type[EventModel]],
    reads: Sequence[type[EventModel]],
    routers: Sequence[APIRouter],
    noting: Noting = unnoted,
) -> FastAPI:
    """The app that starts and stops the runtime. Its parts are all named by now: this wires them.

    `noting`: how the service notes what operators do with it, where it keeps records of acts.
    """
    revocations = Revocations(runtime.clock, runtime.registry, partial(runtime.table_age, RevocationPublished.topic))
    runtime.follow(revocations)
    runtime.wire()
    name = runtime.settings.service

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with runtime.running():
            yield

    @cache
    def events() -> dict[str, Any]:
        return asyncapi.document(name, version, publishes, reads)

    return create_app(
        f"Tongban {name}",
        version,
        lifespan=lifespan,
        readiness=_readiness(runtime),
        registry=runtime.registry,
        verifier=Verifier(keys, runtime.settings.issuer, runtime.clock, revocations),
        admission=Admission(
            runtime.settings.http_in_progress, runtime.behind_seconds, runtime.settings.http_behind_seconds
        ),
        routers=(*routers, ops_router(runtime.parked, lambda: _wired(runtime.relay), noting)),
        asyncapi=events,
    )


def _wired(relay: Relay | None) -> Relay:
    if relay is None:
        raise RuntimeError("the runtime is not wired")
    return relay


def _readiness(runtime: Runtime) -> Readiness:
    readiness = Readiness()
    readiness.add("store", runtime.store_fault)
    readiness.add("clock", runtime.clock_fault)
    readiness.add("broker", runtime.broker_fault)
    readiness.add("tables", runtime.tables_fault)
    readiness.add("lanes", runtime.lanes_fault)
    readiness.count_parked(runtime.parked.count)
    return readiness
