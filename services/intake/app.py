"""Intake, put together."""

from functools import partial

from fastapi import FastAPI

from services.intake import contracts, handlers, policy
from services.intake.cases import api as cases_api
from services.intake.cases import commands as cases
from services.intake.cases.domain import Case
from services.intake.cases.store import INDEXES, Numbers, Uses
from services.intake.desk import Desk
from services.intake.files import api as files_api
from services.intake.files.domain import File
from services.intake.files.store import Objects
from services.intake.items import api as items_api
from services.intake.items.domain import Item
from services.intake.rules import api as rules_api
from services.intake.rules.domain import RulePack, WorkingDays
from services.intake.settings import IntakeSettings
from shared.clock import Clock, SystemClock
from shared.contracts.identity import DivisionPublished, KeyPublished, OrganisationPublished
from shared.messaging.relay import Outlet
from shared.rejection import Rejection
from shared.runtime import Runtime
from shared.store import Database
from shared.store.mongo import MongoDatabase
from shared.web.service import service_app

VERSION = "0.1.0"


def build_app(settings: IntakeSettings) -> FastAPI:
    """The service as it runs."""
    database = MongoDatabase(settings.mongo_uri.get_secret_value(), settings.mongo_database)
    return _wire(settings, database, SystemClock(), None)[0]


def build_for_tests(
    settings: IntakeSettings, database: Database, clock: Clock, outlet: Outlet
) -> tuple[FastAPI, Runtime, Desk]:
    """The same service over a store, a clock and an outlet of the test's own."""
    return _wire(settings, database, clock, outlet)


def _wire(
    settings: IntakeSettings, database: Database, clock: Clock, outlet: Outlet | None
) -> tuple[FastAPI, Runtime, Desk]:
    runtime = Runtime(settings, database, clock, outlet=outlet)
    keys = runtime.table(KeyPublished, key=lambda row: row.kid)
    items = runtime.repository("items", Item)
    rules, calendars = runtime.repository("rules", RulePack), runtime.repository("calendars", WorkingDays)
    desk = Desk(
        clock=clock,
        items=items,
        rules=rules,
        calendars=calendars,
        guides=runtime.remembered(items),
        law=runtime.remembered(rules),
        days=runtime.remembered(calendars),
        files=runtime.repository("files", File),
        objects=Objects(settings.files_url),
        file_limit=settings.file_limit,
        cases=runtime.repository("cases", Case, *INDEXES),
        numbers=Numbers(runtime.collection("counters")),
        uses=Uses(runtime.collection("mandate_uses", Uses.INDEX)),
        rejections=runtime.repository("rejections", Rejection),
        organisations=runtime.table(OrganisationPublished, key=lambda row: row.code),
        divisions=runtime.table(DivisionPublished, key=lambda row: row.code),
    )
    runtime.read(lambda: ["sharing.to.intake", *(f"{code}.out" for code in desk.organisations)], handlers.table(desk))
    runtime.wake(desk.cases, partial(cases.deem_accepted, desk))
    routers = (items_api.router, rules_api.router, files_api.router, cases_api.router)
    app = service_app(runtime, keys, VERSION, contracts.PUBLISHES, contracts.READS, routers, policy.ACTS)
    app.state.desk = desk
    return app, runtime, desk
