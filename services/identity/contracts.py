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
    identity.MandateOffered,
    identity.MandateGranted,
    identity.MandateEnded,
    identity.DutyAssigned,
    identity.DutyReleased,
    identity.SubstitutionArranged,
    identity.SubstitutionEnded,
)

READS: tuple[type[EventModel], ...] = (identity.RevocationPublished, identity.KeyPublished)
