"""What identity publishes and reads."""

from shared.contracts import EventModel, identity, sharing

PUBLISHES: tuple[type[EventModel], ...] = (
    identity.DivisionPublished,
    identity.OrganisationPublished,
    identity.ContactPublished,
    identity.KeyPublished,
    identity.RevocationPublished,
    identity.OrganisationAdmitted,
    identity.AccountOpened,
    identity.PersonProven,
    identity.ProofWished,
    identity.CodeIssued,
    identity.CompanyRegistered,
)

READS: tuple[type[EventModel], ...] = (
    identity.RevocationPublished,
    sharing.AnswerDelivered,
    sharing.AnswerRefused,
)
