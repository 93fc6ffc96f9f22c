"""What a command of notifications works with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.notifications.messages.domain import Message, Pace
from services.notifications.messages.metrics import MailMetrics
from services.notifications.messages.post import Post
from services.notifications.templates.domain import Template
from shared.clock import Clock
from shared.contracts.identity import OrganisationPublished
from shared.contracts.intake import ItemPublished
from shared.store import Collection, Repository
from shared.store.lease import Watch
from shared.store.remembered import Remembered


@dataclass(frozen=True)
class Desk:
    """Stores, tables, the post and the clock: everything but the wish itself. `instance` holds the leases.

    `texts` are the templates as they were a moment ago.
    """

    clock: Clock
    instance: str
    sender: str
    pace: Pace
    contacts: Collection
    templates: Repository[Template]
    texts: Remembered[Template]
    messages: Repository[Message]
    items: Mapping[str, ItemPublished]
    organisations: Mapping[str, OrganisationPublished]
    post: Post
    metrics: MailMetrics
    watch: Watch = field(default_factory=Watch)
    """How long the attempts of other processes have stood unended."""
