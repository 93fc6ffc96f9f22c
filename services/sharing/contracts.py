"""What sharing publishes and reads."""

from shared.contracts import EventModel, department, identity, intake, sharing

PUBLISHES: tuple[type[EventModel], ...] = (
    sharing.ResourcePublished,
    sharing.GrantRequested,
    sharing.GrantGiven,
    sharing.GrantRefused,
    sharing.GrantRevoked,
    sharing.GrantExpired,
    sharing.ExchangeAsked,
    sharing.ExchangeAnswered,
    sharing.ExchangeRefused,
    sharing.StatementRejected,
    sharing.QuestionAsked,
    sharing.AnswerDelivered,
    sharing.AnswerRefused,
)

READS: tuple[type[EventModel], ...] = (
    identity.KeyPublished,
    identity.RevocationPublished,
    identity.OrganisationPublished,
    identity.ProofWished,
    intake.ItemPublished,
    intake.MaterialWished,
    department.QuestionAnswered,
)
