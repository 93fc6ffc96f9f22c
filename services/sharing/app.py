"""Sharing, put together."""

from fastapi import FastAPI

from services.sharing import contracts, handlers, policy
from services.sharing.desk import Desk
from services.sharing.exchanges import api as exchanges_api
from services.sharing.exchanges import store as exchanges
from services.sharing.exchanges.domain import Exchange
from services.sharing.grants import api as grants_api
from services.sharing.grants import store as grants
from services.sharing.grants.domain import Grant
from services.sharing.resources import api as resources_api
from services.sharing.resources.domain import Resource
from services.sharing.settings import SharingSettings
from shared.clock import Clock, SystemClock
from shared.contracts.identity import KeyPublished, OrganisationPublished, ProofWished
from shared.contracts.intake import EVENTS, ItemPublished
from shared.messaging.relay import Outlet
from shared.rejection import Rejection
from shared.runtime import Runtime
from shared.store import Database
from shared.store.mongo import MongoDatabase
from shared.web.service import service_app

VERSION = "0.1.0"


def build_app(settings: SharingSettings) -> FastAPI:
    """The service on its real store and broker."""
    database = MongoDatabase(settings.mongo_uri.get_secret_value(), settings.mongo_database)
    return _wire(settings, database, SystemClock(), None)[0]


def build_for_tests(
    settings: SharingSettings, database: Database, clock: Clock, outlet: Outlet
) -> tuple[FastAPI, Runtime, Desk]:
    """The same service over other outsides."""
    return _wire(settings, database, clock, outlet)


def _wire(
    settings: SharingSettings, database: Database, clock: Clock, outlet: Outlet | None
) -> tuple[FastAPI, Runtime, Desk]:
    runtime = Runtime(settings, database, clock, outlet=outlet)
    keys = runtime.table(KeyPublished, key=lambda row: row.kid)
    organisations = runtime.table(OrganisationPublished, key=lambda row: row.code)
    desk = Desk(
        clock=clock,
        resources=runtime.repository("resources", Resource),
        grants=runtime.repository("grants", Grant, *grants.INDEXES),
        exchanges=runtime.repository("exchanges", Exchange, *exchanges.INDEXES),
        rejections=runtime.repository("rejections", Rejection),
        organisations=organisations,
        items=runtime.table(ItemPublished, key=lambda row: row.code),
    )
    runtime.wake(desk.grants)
    runtime.wake(desk.exchanges)
    topics = (EVENTS, ProofWished.topic)
    runtime.read(lambda: [*topics, *(f"{code}.out" for code in organisations)], handlers.table(desk))
    routers = (resources_api.router, grants_api.router, exchanges_api.router)
    app = service_app(runtime, keys, VERSION, contracts.PUBLISHES, contracts.READS, routers, policy.ACTS)
    app.state.desk = desk
    return app, runtime, desk
