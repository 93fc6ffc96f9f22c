"""Identity, put together."""

from functools import partial

from fastapi import FastAPI

from services.identity import contracts
from services.identity.accounts import api as accounts_api
from services.identity.accounts.commands import keep_client
from services.identity.accounts.domain import Client, ClientWish, Person
from services.identity.accounts.passwords import Passwords
from services.identity.accounts.store import PEOPLE_INDEXES, drop_old_indexes
from services.identity.canaries.commands import ensure_canary, tend_canary
from services.identity.canaries.domain import Canary
from services.identity.datakeys import commands as data_keys
from services.identity.datakeys.api import keys_router
from services.identity.datakeys.domain import DataKey
from services.identity.datakeys.masterkeys import MasterKeyFile, MasterKeys
from services.identity.datakeys.opened import OpenedKeys
from services.identity.datakeys.store import INDEXES as DATA_KEY_INDEXES
from services.identity.desk import Desk
from services.identity.keys import api as keys_api
from services.identity.keys.commands import ensure_key
from services.identity.keys.domain import SigningKey
from services.identity.keys.keyring import Keyring
from services.identity.organisations import api as organisations_api
from services.identity.organisations.domain import Division, Organisation
from services.identity.organisations.store import Duties
from services.identity.personal import api as personal_api
from services.identity.personal import commands as personal
from services.identity.personal import pages as personal_pages
from services.identity.sessions import api as sessions_api
from services.identity.sessions import commands as sessions
from services.identity.sessions.domain import Session
from services.identity.sessions.store import INDEXES as SESSION_INDEXES
from services.identity.settings import IdentitySettings
from services.identity.signin import api as token_api
from services.identity.signin import pages as signin_pages
from services.identity.signin.commands import forget_grant
from services.identity.signin.domain import Grant
from services.identity.signin.throttle import Throttle
from services.identity.visit import ensure_own_client
from services.identity.visit import router as visit_router
from shared.clock import Clock, SystemClock
from shared.messaging.relay import Outlet
from shared.runtime import Runtime
from shared.store import Database
from shared.store.mongo import MongoDatabase
from shared.web.service import service_app

VERSION = "0.1.0"


def build_app(settings: IdentitySettings) -> FastAPI:
    """The service as it runs."""
    database = MongoDatabase(settings.mongo_uri.get_secret_value(), settings.mongo_database)
    return _wire(settings, database, SystemClock(), None, MasterKeyFile(settings.master_key_file))[0]


def build_for_tests(
    settings: IdentitySettings, database: Database, clock: Clock, outlet: Outlet, masters: MasterKeys | None = None
) -> tuple[FastAPI, Runtime, Desk]:
    """The same service over a store, a clock, an outlet and master keys of the test's own."""
    return _wire(settings, database, clock, outlet, masters or MasterKeyFile(settings.master_key_file))


def _wire(
    settings: IdentitySettings, database: Database, clock: Clock, outlet: Outlet | None, masters: MasterKeys
) -> tuple[FastAPI, Runtime, Desk]:
    runtime = Runtime(settings, database, clock, outlet=outlet)
    keys = runtime.repository("data_keys", DataKey, *DATA_KEY_INDEXES)
    opened = OpenedKeys(keys, masters, settings.lookup_key.get_secret_value())
    desk = Desk(
        issuer=settings.issuer,
        clock=clock,
        divisions=runtime.repository("divisions", Division),
        organisations=runtime.repository("organisations", Organisation),
        duties=Duties(runtime.collection("duties")),
        masters=masters,
        data_keys=keys,
        opened=opened,
        people=runtime.repository("people", Person, *PEOPLE_INDEXES, keys=opened),
        clients=runtime.repository("clients", Client),
        passwords=Passwords(),
        keys=runtime.repository("keys", SigningKey),
        keyring=Keyring(),
        grants=runtime.repository("grants", Grant),
        sessions=runtime.repository("sessions", Session, *SESSION_INDEXES, keys=opened),
        canaries=runtime.repository("canaries", Canary),
        throttle=Throttle(),
    )
    runtime.wake(desk.grants, partial(forget_grant, desk))
    runtime.wake(desk.sessions, partial(sessions.tend, desk))
    runtime.wake(desk.canaries, partial(tend_canary, desk))
    runtime.wake(desk.data_keys, partial(data_keys.tend, desk))
    runtime.wake(desk.people, partial(personal.tend, desk))
    runtime.at_start(partial(_prepare, desk, settings))
    routers = (
        organisations_api.router, accounts_api.router, sessions_api.router, keys_api.router, token_api.router,
        signin_pages.router, visit_router, personal_api.router, personal_pages.router, keys_router(),
    )  # fmt: skip
    app = service_app(runtime, desk.keyring.published, VERSION, contracts.PUBLISHES, contracts.READS, routers)
    app.state.desk = desk
    return app, runtime, desk


async def _prepare(desk: Desk, settings: IdentitySettings) -> None:
    """From the first start there are keys, the operators' program with the secret of the settings, and our own one;
    what an earlier version kept is sealed as now."""
    await ensure_key(desk, settings.key_passphrase.get_secret_value())
    await data_keys.ensure_master(desk)
    await drop_old_indexes(desk.people)
    await data_keys.seal_all(desk)
    await ensure_canary(desk)
    await keep_client(desk, "operator", ClientWish(kind="operator", name="operator", secret=settings.operator_secret))
    await ensure_own_client(desk)
