"""What identity publishes and reads."""

from shared.contracts import EventModel, identity

PUBLISHES: tuple[type[EventModel], ...] = (
    identity.DivisionPublished,
    identity.OrganisationPublished,
    identity.ContactPublished,
    identity.KeyPublished,
    identity.RevocationPublished,
    identity.OrganisationAdmitted,
    identity.AccountOpened,
    identity.ActNoted,
    identity.AuditSealed,
)

READS: tuple[type[EventModel], ...] = (identity.RevocationPublished, identity.KeyPublished, identity.ActNoted)
