"""What notifications publishes and reads."""

from shared.contracts import EventModel, identity, intake, notifications

PUBLISHES: tuple[type[EventModel], ...] = (
    notifications.MessageSent,
    notifications.MessageFailed,
)

READS: tuple[type[EventModel], ...] = (
    identity.KeyPublished,
    identity.RevocationPublished,
    identity.OrganisationPublished,
    identity.ContactPublished,
    identity.CodeIssued,
    identity.CompanyRegistered,
    identity.CredentialChanged,
    identity.MandateOffered,
    identity.MandateGranted,
    identity.MandateEnded,
    identity.ContactForgotten,
    intake.ItemPublished,
    intake.CaseAccepted,
    intake.SupplementRequested,
    intake.CaseDecided,
)
