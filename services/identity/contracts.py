"""What identity publishes and reads."""

from shared.contracts import EventModel, identity, sharing

PUBLISHES: tuple[type[EventModel], ...] = (
    identity.DivisionPublished,
    identity.OrganisationPublished,
    identity.ContactPublished,
    identity.ContactForgotten,
    identity.KeyPublished,
    identity.RevocationPublished,
    identity.OrganisationAdmitted,
    identity.OrganisationSuspended,
    identity.OrganisationResumed,
    identity.AccountOpened,
    identity.CredentialChanged,
    identity.MandateOffered,
    identity.MandateGranted,
    identity.MandateEnded,
    identity.DutyAssigned,
    identity.DutyReleased,
    identity.SubstitutionArranged,
    identity.SubstitutionEnded,
    identity.PersonProven,
    identity.ProofWished,
    identity.CodeIssued,
    identity.CompanyRegistered,
    identity.ActNoted,
    identity.AuditSealed,
)

READS: tuple[type[EventModel], ...] = (
    identity.RevocationPublished,
    identity.KeyPublished,
    identity.ActNoted,
    sharing.AnswerDelivered,
    sharing.AnswerRefused,
)
