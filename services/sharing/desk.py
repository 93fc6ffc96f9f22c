"""What a command of sharing works with."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.sharing.exchanges.domain import Exchange
from services.sharing.grants.domain import Grant
from services.sharing.resources.domain import Resource
from shared.clock import Clock
from shared.contracts.identity import OrganisationPublished
from shared.contracts.intake import ItemPublished
from shared.rejection import Rejection
from shared.store import Repository


@dataclass(frozen=True)
class Desk:
    """Stores, tables by code, and the clock."""

    clock: Clock
    resources: Repository[Resource]
    grants: Repository[Grant]
    exchanges: Repository[Exchange]
    rejections: Repository[Rejection]
    organisations: Mapping[str, OrganisationPublished]
    items: Mapping[str, ItemPublished]
