"""Identity, put together."""

import asyncio
from functools import partial

from fastapi import FastAPI

from services.identity import contracts
from services.identity.accounts import api as accounts_api
from services.identity.accounts import pages as accounts_pages
from services.identity.accounts.commands import keep_client
from services.identity.accounts.domain import Client, ClientWish, Person
from services.identity.accounts.passwords import Passwords
from services.identity.accounts.store import PEOPLE_INDEXES
from services.identity.attempts import commands as attempts
from services.identity.attempts.domain import Attempts
from services.identity.canaries.commands import ensure_canary, tend_canary
from services.identity.canaries.domain import Canary
from services.identity.desk import Desk
from services.identity.factors import api as factors_api
from services.identity.factors import commands as factors
from services.identity.factors import pages as factors_pages
from services.identity.factors.domain import Factors, UsedForm
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
from services.identity.tokens import api as tokens_api
from services.identity.tokens import commands as tokens
from services.identity.tokens.domain import Assertion, Code, Family
from services.identity.vault import Vault
from shared.clock import Clock, SystemClock
from shared.contracts.identity import KeyPublished
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
        tell=teller,
        vault=Vault(settings.key_passphrase.get_secret_value()),
        factors=runtime.repository("factors", Factors),
        used_forms=runtime.repository("used_forms", UsedForm),
        attempts=runtime.repository("attempts", Attempts),
        proxies=settings.trusted_proxies,
    )
    _keep_tidy(runtime, desk)
    changed = asyncio.Event()
    runtime.table(KeyPublished, lambda row: row.kid, changed.set)
    runtime.beside(partial(_reload_keys, desk, changed))
    runtime.at_start(partial(_prepare, desk, settings))
    routers = (
        organisations_api.router, accounts_api.router, accounts_pages.router, sessions_api.router,
        sessions_pages.router, factors_api.router, factors_pages.router, factors_pages.assets, keys_api.router,
        tokens_api.router, signin_pages.router,
    )  # fmt: skip
    app = service_app(runtime, desk.keyring.published, VERSION, contracts.PUBLISHES, contracts.READS, routers)
    app.state.desk = desk
    return app, runtime, desk


def _keep_tidy(runtime: Runtime, desk: Desk) -> None:
    """What has its time, and what becomes of it then."""
    runtime.wake(desk.codes, partial(tokens.forget_code, desk))
    runtime.wake(desk.families, partial(tokens.forget_family, desk))
    runtime.wake(desk.assertions, partial(tokens.forget_assertion, desk))
    runtime.wake(desk.used_forms, partial(factors.forget_form, desk))
    runtime.wake(desk.attempts, partial(attempts.forget_old, desk))
    runtime.wake(desk.sessions, partial(sessions.tend, desk))
    runtime.wake(desk.keys, partial(keys.tend, desk))
    runtime.wake(desk.canaries, partial(tend_canary, desk))


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
    await keep_client(desk, "operator", ClientWish(kind="operator", name="operator", secret=settings.operator_secret))
