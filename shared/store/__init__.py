"""The store seam: motor stays in here, so that its end of life (2027-05-14) is one file's matter."""

from shared.store.collection import Collection, Database, DuplicateKey, Unavailable
from shared.store.projection import BY_SEQUENCE, project
from shared.store.repository import AlreadyThere, Contention, Repository

__all__ = [
    "BY_SEQUENCE",
    "AlreadyThere",
    "Collection",
    "Contention",
    "Database",
    "DuplicateKey",
    "Repository",
    "Unavailable",
    "project",
]
