"""The parts of audit, put together over a runtime."""

from datetime import timedelta
from functools import partial

from services.identity.audit import store
from services.identity.audit.domain import Seal
from services.identity.audit.kit import Audit
from services.identity.settings import IdentitySettings
from services.identity.vault import Vault
from shared.audit.actors import Places
from shared.audit.book import INDEXES, Book
from shared.audit.sheets import Sheet, Sheets
from shared.runtime import Runtime


def opened(runtime: Runtime, settings: IdentitySettings, vault: Vault) -> Audit:
    """Its collections, timers and tasks are the runtime's."""
    repository = runtime.repository("sheets", Sheet)
    sheets, seals = Sheets(repository, runtime.clock), runtime.repository("seals", Seal)
    runtime.wake(repository, sheets.forget)
    runtime.beside(sheets.run)
    runtime.at_stop(sheets.close_all)
    book = Book(
        runtime.collection("audit", *INDEXES),
        runtime.clock,
        timedelta(days=settings.audit_days),
        partial(store.sealed, seals, runtime.clock),
    )
    return Audit(Places(vault.key("audit places")), sheets, book, seals, settings.audit_days)
