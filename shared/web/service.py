"""A service's app over its runtime: readiness, token verification, operators' routes and specs are the same for all."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI

from shared.contracts.identity import KeyPublished, RevocationPublished
from shared.contracts.registry import EventModel
from shared.messaging import asyncapi
from shared.messaging.relay import Relay
from shared.policy import Act
from shared.revocations import Revocations
from shared.runtime import Runtime
from shared.web.admission import Admission
from shared.web.app import create_app
from shared.web.authentication import Verifier
from shared.web.ops import Noting, may_operate, ops_router, unnoted
from shared.web.readiness import Readiness
from shared.web.rights import Standing, by_token, rights_router


@dataclass(frozen=True, slots=True)
class Own:
    """What a service does in its own way on the routes that all have: how it says what callers are, and how it notes
    what operators do, where it keeps records of acts."""

    standing: Standing = by_token
    noting: Noting = unnoted


COMMON = Own()


def service_app(
    runtime: Runtime,
    keys: Mapping[str, KeyPublished],
    version: str,
    publishes: Sequence[type[EventModel]],
    reads: Sequence[type[EventModel]],
    routers: Sequence[APIRouter],
    acts: Sequence[Act],
    own: Own = COMMON,
) -> FastAPI:
    """The app that starts and stops the runtime. Its parts are all named by now: this wires them."""
    verifier = _verifier(runtime, keys)
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
        verifier=verifier,
        admission=Admission(
            runtime.settings.http_in_progress, runtime.behind_seconds, runtime.settings.http_behind_seconds
        ),
        https_only=runtime.settings.issuer.startswith("https:"),
        routers=(*routers, *_kit(runtime, acts, own)),
        asyncapi=events,
    )


def _verifier(runtime: Runtime, keys: Mapping[str, KeyPublished]) -> Verifier:
    """What knows tokens, by the tables of public keys and of what was revoked."""

    def age() -> float:
        # A key that is lost is a row of the keys: it takes tokens away as a revocation does.
        return max(map(runtime.table_age, (KeyPublished.topic, RevocationPublished.topic)))

    revocations = Revocations(runtime.clock, runtime.registry, age)
    runtime.follow(revocations)
    return Verifier(keys, runtime.settings.issuer, runtime.clock, revocations)


def _kit(runtime: Runtime, acts: Sequence[Act], own: Own) -> tuple[APIRouter, APIRouter]:
    """The routes that every service has."""
    rights = rights_router(runtime.settings.service, (*acts, may_operate), own.standing)
    return rights, ops_router(runtime.parked, lambda: _wired(runtime.relay), own.noting)


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
