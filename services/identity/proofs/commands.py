"""Taking what sharing hands over: each answer to whatever asked."""

from services.identity.companies import commands as companies
from services.identity.companies.domain import CLAIM
from services.identity.desk import Desk
from services.identity.proofs.domain import Outcome
from services.identity.proofs.verifiers import outcome_of
from services.identity.registrations import commands as registrations
from shared.contracts.sharing import AnswerDelivered, AnswerRefused
from shared.messaging.envelope import Event


async def take_answer(desk: Desk, event: Event[AnswerDelivered]) -> None:
    """The owner of a register said yes or no."""
    await _take(desk, event, outcome_of(event.data.data, event.data.exchange))


async def take_refusal(desk: Desk, event: Event[AnswerRefused]) -> None:
    """Sharing could not get an answer."""
    await _take(desk, event, Outcome(event.data.ground, event.data.exchange))


async def _take(desk: Desk, event: Event[AnswerDelivered] | Event[AnswerRefused], outcome: Outcome) -> None:
    about, kind = event.data.case, event.data.material
    if about.startswith(f"{CLAIM}-"):
        await companies.take(desk, about, outcome, event)
    else:
        await registrations.take(desk, about, kind, outcome, event)
