"""What identity does about each event it hears."""

from functools import partial

from services.identity.audit import commands as audit
from services.identity.desk import Desk
from services.identity.proofs import commands as proofs
from shared.contracts import identity, sharing
from shared.messaging.handling import Handlers


def table(desk: Desk) -> Handlers:
    """Event type → function."""
    return {
        identity.ActNoted: partial(audit.keep, desk),
        sharing.AnswerDelivered: partial(proofs.take_answer, desk),
        sharing.AnswerRefused: partial(proofs.take_refusal, desk),
    }
