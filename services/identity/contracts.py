"""What identity publishes and reads."""

from shared.contracts import EventModel, identity

PUBLISHES: tuple[type[EventModel], ...] = (
    identity.DivisionPublished,
    identity.OrganisationPublished,
    identity.ContactPublished,
    identity.ContactForgotten,
    identity.KeyPublished,
    identity.RevocationPublished,
    identity.OrganisationAdmitted,
    identity.AccountOpened,
)

READS: tuple[type[EventModel], ...] = (identity.RevocationPublished,)
