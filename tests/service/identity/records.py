"""Records of acts as the topic and the chain have them, and what a stranger finds who verifies them."""

from datetime import timedelta
from typing import Any

from shared.audit.topic import told
from shared.audit.verify import Report, Verifier
from shared.contracts.acts import ChainSealed
from shared.contracts.identity import ActNoted, AuditSealed
from tests.service.identity.conftest import Identity


def noted(city: Identity, act: str | None = None) -> list[dict[str, Any]]:
    """The acts that were published, all or of a kind."""
    return [one for one in city.bus.said(ActNoted) if act is None or one["act"] == act]


async def kept(city: Identity, **asked: Any) -> list[dict[str, Any]]:
    """The chain as an operator gets it, page by page."""
    await city.bus.settle()
    found: list[dict[str, Any]] = []
    after = None
    while True:
        params = {"limit": 7, **asked, **({"after": after} if after else {})}
        answer = await city.http.get("/audit/records", params=params, headers=city.operator())
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        if (after := page["next"]) is None:
            return found


async def verified(city: Identity, **asked: Any) -> Report:
    """What a stranger finds who has the chain, the seals and the topic."""
    seals = [ChainSealed.model_validate(one) for one in city.bus.said(AuditSealed)]
    verifier = Verifier(seals, begins=city.clock.now() - timedelta(days=1000), **asked)
    for link in await kept(city, **asked):
        verifier.take(link)
    for record in city.bus.records:
        if record.topic == ActNoted.topic:
            act = told(record, ActNoted)
            verifier.told(act.event, act.fingerprint)
    return verifier.report(city.clock.now())
