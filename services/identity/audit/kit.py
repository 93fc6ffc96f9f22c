"""What the commands of identity need for noting acts."""

from dataclasses import dataclass

from services.identity.audit.domain import Seal
from shared.audit.actors import Places
from shared.audit.book import Book
from shared.audit.sheets import Sheets
from shared.store import Repository


@dataclass(frozen=True)
class Audit:
    """`keeps_days`: for how long records are kept."""

    places: Places
    sheets: Sheets
    book: Book
    seals: Repository[Seal]
    keeps_days: int
