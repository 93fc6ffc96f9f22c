"""Which event leads to which command."""

from functools import partial

from services.sharing.desk import Desk
from services.sharing.exchanges import commands as exchanges
from shared.contracts.department import QuestionAnswered
from shared.contracts.identity import ProofWished
from shared.contracts.intake import MaterialWished
from shared.messaging.handling import Handlers


def table(desk: Desk) -> Handlers:
    """The service's table of contents."""
    return {
        MaterialWished: partial(exchanges.take_wish, desk),
        ProofWished: partial(exchanges.take_wish, desk),
        QuestionAnswered: partial(exchanges.take_answer, desk),
    }
