"""Identity, put together."""

import asyncio
from functools import partial

from fastapi import FastAPI

from services.identity import contracts, handlers, policy
from services.identity.accounts import api as accounts_api
from services.identity.accounts import pages as accounts_pages
from services.identity.accounts.commands import keep_client
from services.identity.accounts.domain import Client, ClientWish, Person
from services.identity.accounts.store import PEOPLE_INDEXES, drop_old_indexes
from services.identity.attempts import commands as attempts
from services.identity.attempts.domain import Attempts
from services.identity.audit import api as audit_api
from services.identity.audit import commands as audit
from services.identity.audit import opening as audit_opening
from services.identity.audit.acts import IDENTITY
from services.identity.audit.edge import forbidden, note_operation
from services.identity.canaries.commands import ensure_canary, tend_canary
from services.identity.canaries.domain import Canary
from services.identity.capacities import pages as capacity_pages
from services.identity.companies import api as companies_api
from services.identity.companies import commands as companies
from services.identity.companies.domain import Claim, Company
from services.identity.companies.store import CLAIM_INDEXES, COMPANY_INDEXES
from services.identity.consents import api as consents_api
from services.identity.consents import pages as consent_pages
from services.identity.consents.domain import Consent
from services.identity.consents.store import INDEXES as CONSENT_INDEXES
from services.identity.datakeys import commands as data_keys
from services.identity.datakeys.api import keys_router
from services.identity.datakeys.domain import DataKey
from services.identity.datakeys.masterkeys import MasterKeyFile, MasterKeys
from services.identity.datakeys.opened import OpenedKeys
from services.identity.datakeys.store import INDEXES as DATA_KEY_INDEXES
from services.identity.desk import Desk
from services.identity.factors import api as factors_api
from services.identity.factors import commands as factors
from services.identity.factors import pages as factors_pages
from services.identity.factors.domain import Factors, UsedForm
from services.identity.keys import api as keys_api
from services.identity.keys import commands as keys
from services.identity.keys.domain import SigningKey
from services.identity.keys.keyring import Keyring
from services.identity.lookup import Lookup
from services.identity.mandates import api as mandates_api
from services.identity.mandates import commands as mandates
from services.identity.mandates import pages as mandate_pages
from services.identity.mandates.domain import Mandate
from services.identity.mandates.store import INDEXES as MANDATE_INDEXES
from services.identity.organisations import api as organisations_api
from services.identity.organisations.domain import Division, Organisation
from services.identity.organisations.store import DIVISION_INDEXES, DUTY_INDEXES, Duties
from services.identity.passwords import api as passwords_api
from services.identity.passwords import pages as password_pages
from services.identity.passwords.hashing import Passwords
from services.identity.personal import api as personal_api
from services.identity.personal import commands as personal
from services.identity.personal import pages as personal_pages
from services.identity.posts import api as posts_api
from services.identity.posts.commands import explained
from services.identity.posts.store import OFFICERS
from services.identity.proofs import api as proofs_api
from services.identity.proofs.verifiers import CodeVerifier, of_city
from services.identity.registrations import api as registrations_api
from services.identity.registrations import commands as registrations
from services.identity.registrations import pages as registration_pages
from services.identity.registrations.domain import Registration
from services.identity.registrations.store import TRIES_INDEXES, Tries
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
from shared.contracts.identity import ActNoted, KeyPublished
from shared.errors import Forbidden
from shared.messaging.relay import Outlet
from shared.runtime import Runtime
from shared.store import Database
from shared.store.mongo import MongoDatabase
from shared.timers import UNHURRIED_SECONDS
from shared.web.service import Own, service_app

VERSION = "0.1.0"
ROUTERS = (
    organisations_api.router, accounts_api.router, accounts_pages.router, posts_api.router, sessions_api.router,
    sessions_pages.router, passwords_api.router, password_pages.router, factors_api.router, factors_pages.router,
    factors_pages.assets, keys_api.router, tokens_api.router, mandates_api.router, mandate_pages.router,
    consents_api.router, consent_pages.router, capacity_pages.router, signin_pages.router, proofs_api.router,
    registrations_api.router, registration_pages.router, companies_api.router,
    personal_api.router, personal_pages.router, audit_api.router,
)  # fmt: skip
TO_IDENTITY = "sharing.to.identity"


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
    desk, changed = _desk(runtime, settings, masters), asyncio.Event()
    _wake(runtime, desk)
    runtime.read(lambda: [TO_IDENTITY, ActNoted.topic], handlers.table(desk))
    runtime.table(KeyPublished, lambda row: row.kid, changed.set)
    runtime.beside(partial(_reload_keys, desk, changed))
    runtime.at_start(partial(_prepare, desk, settings))
    said, heard = contracts.PUBLISHES, contracts.READS
    own = Own(partial(explained, desk), note_operation)
    app = service_app(
        runtime, desk.keyring.published, VERSION, said, heard, (*ROUTERS, keys_router()), policy.ACTS, own
    )
    app.add_exception_handler(Forbidden, forbidden)
    app.state.desk = desk
    return app, runtime, desk


def _desk(runtime: Runtime, settings: IdentitySettings, masters: MasterKeys) -> Desk:
    repository, teller = runtime.repository, Teller()
    runtime.at_stop(teller.close)
    lookup_key, passphrase = settings.lookup_key.get_secret_value(), settings.key_passphrase.get_secret_value()
    data_keys_kept = repository("data_keys", DataKey, *DATA_KEY_INDEXES)
    opened = OpenedKeys(data_keys_kept, masters, lookup_key)
    lookup, vault = Lookup(lookup_key), Vault(passphrase)
    codes = CodeVerifier(lookup)
    organisations, clients = repository("organisations", Organisation), repository("clients", Client)
    return Desk(
        issuer=settings.issuer,
        city=settings.city,
        clock=runtime.clock,
        divisions=repository("divisions", Division, *DIVISION_INDEXES),
        organisations=organisations,
        standing=runtime.remembered(organisations),
        duties=Duties(runtime.collection("duties", *DUTY_INDEXES)),
        masters=masters, data_keys=data_keys_kept, opened=opened,
        people=repository("people", Person, *PEOPLE_INDEXES, OFFICERS, keys=opened),
        clients=clients, applications=runtime.remembered(clients),
        passwords=Passwords(),
        keys=repository("signing_keys", SigningKey), keyring=Keyring(runtime.clock, passphrase, vault),
        codes=repository("codes", Code), families=repository("families", Family),
        assertions=repository("assertions", Assertion),
        sessions=repository("sessions", Session, *SESSION_INDEXES, keys=opened),
        canaries=repository("canaries", Canary),
        consents=repository("consents", Consent, *CONSENT_INDEXES),
        mandates=repository("mandates", Mandate, *MANDATE_INDEXES),
        tell=teller, lookup=lookup, verifiers=of_city(codes), code_verifier=codes,
        registrations=repository("registrations", Registration, keys=opened),
        tries=Tries(runtime.collection("tries", *TRIES_INDEXES)),
        companies=repository("companies", Company, *COMPANY_INDEXES),
        claims=repository("claims", Claim, *CLAIM_INDEXES, keys=opened),
        audit=audit_opening.opened(runtime, settings, vault),
        vault=vault,
        factors=repository("factors", Factors, keys=opened),
        used_forms=repository("used_forms", UsedForm), attempts=repository("attempts", Attempts),
        proxies=settings.trusted_proxies,
    )  # fmt: skip


def _wake(runtime: Runtime, desk: Desk) -> None:
    """What has its time, and what becomes of it then."""
    runtime.wake(desk.people, partial(personal.tend, desk))
    runtime.wake(desk.codes, partial(tokens.forget_code, desk), UNHURRIED_SECONDS)
    runtime.wake(desk.families, partial(tokens.forget_family, desk), UNHURRIED_SECONDS)
    runtime.wake(desk.assertions, partial(tokens.forget_assertion, desk), UNHURRIED_SECONDS)
    runtime.wake(desk.used_forms, partial(factors.forget_form, desk), UNHURRIED_SECONDS)
    runtime.wake(desk.attempts, partial(attempts.forget_old, desk), UNHURRIED_SECONDS)
    runtime.wake(desk.sessions, partial(sessions.tend, desk))
    runtime.wake(desk.keys, partial(keys.tend, desk), UNHURRIED_SECONDS)
    runtime.wake(desk.mandates, partial(mandates.tend, desk))
    runtime.wake(desk.canaries, partial(tend_canary, desk))
    runtime.wake(desk.registrations, partial(registrations.tend, desk))
    runtime.wake(desk.claims, partial(companies.tend, desk))
    runtime.wake(desk.data_keys, partial(data_keys.tend, desk), UNHURRIED_SECONDS)
    runtime.wake(desk.audit.seals, partial(audit.tend_seal, desk))


async def _reload_keys(desk: Desk, changed: asyncio.Event) -> None:
    """Another replica made or ended a key: its public half on the topic says so."""
    while True:
        await changed.wait()
        changed.clear()
        await keys.load(desk)


async def _prepare(desk: Desk, settings: IdentitySettings) -> None:
    """From the first start there are keys, the operators' program with the secret of the settings; what an earlier
    version kept is sealed as now."""
    await keys.ensure_keys(desk)
    await data_keys.ensure_master(desk)
    await drop_old_indexes(desk.people)
    await data_keys.seal_all(desk)
    await ensure_canary(desk)
    await audit.ensure_seal(desk)
    wish = ClientWish(kind="operator", name="operator", secret=settings.operator_secret)
    await keep_client(desk, IDENTITY, "operator", wish)
