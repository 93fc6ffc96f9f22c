"""What identity publishes and reads."""

from shared.contracts import EventModel, identity

PUBLISHES: tuple[type[EventModel], ...] = (
    identity.DivisionPublished,
    identity.OrganisationPublished,
    identity.ContactPublished,
    identity.KeyPublished,
    identity.OrganisationAdmitted,
    identity.AccountOpened,
)

READS: tuple[type[EventModel], ...] = ()
