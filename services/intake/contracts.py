"""What intake publishes and reads."""

from shared.contracts import EventModel, department, identity, intake, sharing

PUBLISHES: tuple[type[EventModel], ...] = (
    intake.ItemPublished,
    intake.CaseSubmitted,
    intake.MaterialWished,
    intake.MaterialReceived,
    intake.SupplementRequested,
    intake.CaseAccepted,
    intake.CaseAssigned,
    intake.CaseDecided,
    intake.CaseCompleted,
    intake.StatementRejected,
)

READS: tuple[type[EventModel], ...] = (
    identity.KeyPublished,
    identity.RevocationPublished,
    identity.OrganisationPublished,
    identity.DivisionPublished,
    sharing.AnswerDelivered,
    sharing.AnswerRefused,
    department.CaseDecided,
)
