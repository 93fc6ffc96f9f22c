"""Identity, put together."""

import asyncio
from functools import partial

from fastapi import FastAPI

from services.identity import contracts, handlers
from services.identity.accounts import api as accounts_api
from services.identity.accounts.commands import keep_client
from services.identity.accounts.domain import Client, ClientWish, Person
from services.identity.accounts.passwords import Passwords
from services.identity.accounts.store import PEOPLE_INDEXES
from services.identity.audit import api as audit_api
from services.identity.audit import commands as audit
from services.identity.audit import opening as audit_opening
from services.identity.audit.acts import IDENTITY
from services.identity.audit.edge import forbidden, note_operation
from services.identity.canaries.commands import ensure_canary, tend_canary
from services.identity.canaries.domain import Canary
from services.identity.desk import Desk
from services.identity.keys import api as keys_api
from services.identity.keys import commands as keys
from services.identity.keys.domain import SigningKey
from services.identity.keys.keyring import Keyring
from services.identity.organisations import api as organisations_api
from services.identity.organisations.domain import Division, Organisation
from services.identity.organisations.store import Duties
from services.identity.sessions import api as sessions_api
from services.identity.sessions import commands as sessions
from services.identity.sessions import pages as sessions_pages
from services.identity.sessions.domain import Session
from services.identity.sessions.store import INDEXES as SESSION_INDEXES
from services.identity.sessions.telling import Teller
from services.identity.settings import IdentitySettings
from services.identity.signin import pages as signin_pages
from services.identity.signin.throttle import Throttle
from services.identity.tokens import api as tokens_api
from services.identity.tokens import commands as tokens
from services.identity.tokens.domain import Assertion, Code, Family
from shared.clock import Clock, SystemClock
from shared.contracts.identity import ActNoted, KeyPublished
from shared.errors import Forbidden
from shared.messaging.relay import Outlet
from shared.runtime import Runtime
from shared.store import Database
from shared.store.mongo import MongoDatabase
from shared.web.service import service_app

VERSION = "0.1.0"


def build_app(settings: IdentitySettings) -> FastAPI:
    """The service as it runs."""
    database = MongoDatabase(settings.mongo_uri.get_secret_value(), settings.mongo_database)
    return _wire(settings, database, SystemClock(), None)[0]


def build_for_tests(
    settings: IdentitySettings, database: Database, clock: Clock, outlet: Outlet
) -> tuple[FastAPI, Runtime, Desk]:
    """The same service over a store, a clock and an outlet of the test's own."""
    return _wire(settings, database, clock, outlet)


def _wire(
    settings: IdentitySettings, database: Database, clock: Clock, outlet: Outlet | None
) -> tuple[FastAPI, Runtime, Desk]:
    runtime, teller = Runtime(settings, database, clock, outlet=outlet), Teller()
    runtime.at_stop(teller.close)
    desk = Desk(
        issuer=settings.issuer,
        clock=clock,
        divisions=runtime.repository("divisions", Division),
        organisations=runtime.repository("organisations", Organisation),
        duties=Duties(runtime.collection("duties")),
        people=runtime.repository("people", Person, *PEOPLE_INDEXES),
        clients=runtime.repository("clients", Client),
        passwords=Passwords(),
        keys=runtime.repository("signing_keys", SigningKey),
        keyring=Keyring(clock, settings.key_passphrase.get_secret_value()),
        codes=runtime.repository("codes", Code),
        families=runtime.repository("families", Family),
        assertions=runtime.repository("assertions", Assertion),
        sessions=runtime.repository("sessions", Session, *SESSION_INDEXES),
        canaries=runtime.repository("canaries", Canary),
        throttle=Throttle(),
        tell=teller,
        audit=audit_opening.opened(runtime, settings),
    )
    runtime.read(lambda: [ActNoted.topic], handlers.table(desk))
    runtime.wake(desk.codes, partial(tokens.forget_code, desk))
    runtime.wake(desk.families, partial(tokens.forget_family, desk))
    runtime.wake(desk.assertions, partial(tokens.forget_assertion, desk))
    runtime.wake(desk.sessions, partial(sessions.tend, desk))
    runtime.wake(desk.keys, partial(keys.tend, desk))
    runtime.wake(desk.canaries, partial(tend_canary, desk))
    runtime.wake(desk.audit.seals, partial(audit.tend_seal, desk))
    changed = asyncio.Event()
    runtime.table(KeyPublished, lambda row: row.kid, changed.set)
    runtime.beside(partial(_reload_keys, desk, changed))
    runtime.at_start(partial(_prepare, desk, settings))
    routers = (
        organisations_api.router, accounts_api.router, sessions_api.router, sessions_pages.router, keys_api.router,
        tokens_api.router, signin_pages.router, audit_api.router,
    )  # fmt: skip
    app = service_app(
        runtime, desk.keyring.published, VERSION, contracts.PUBLISHES, contracts.READS, routers, note_operation
    )
    app.add_exception_handler(Forbidden, forbidden)
    app.state.desk = desk
    return app, runtime, desk


async def _reload_keys(desk: Desk, changed: asyncio.Event) -> None:
    """Another replica made or ended a key: its public half on the topic says so."""
    while True:
        await changed.wait()
        changed.clear()
        await keys.load(desk)


async def _prepare(desk: Desk, settings: IdentitySettings) -> None:
    """From the first start there are a signing key and the operators' program, with the secret of the settings."""
    await keys.ensure_keys(desk)
    await ensure_canary(desk)
    await audit.ensure_seal(desk)
    wish = ClientWish(kind="operator", name="operator", secret=settings.operator_secret)
    await keep_client(desk, IDENTITY, "operator", wish)
