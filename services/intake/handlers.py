"""What intake does about each event it hears."""

from functools import partial

from services.intake.cases import commands as cases
from services.intake.desk import Desk
from shared.contracts import department, sharing
from shared.messaging.handling import Handlers


def table(desk: Desk) -> Handlers:
    """Event type → function."""
    return {
        sharing.AnswerDelivered: partial(cases.take_answer, desk),
        sharing.AnswerRefused: partial(cases.take_refusal, desk),
        department.CaseDecided: partial(cases.take_decision, desk),
    }
