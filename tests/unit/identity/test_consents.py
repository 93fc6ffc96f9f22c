"""Consents: what was agreed to, and only as long as it was not taken back."""

from datetime import UTC, datetime

from services.identity.consents.domain import Consent
from shared.contracts.identity import RevocationPublished

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def consent() -> Consent:
    return Consent(id="consent-1", person="person-li", client="bank", scopes=["openid"], given_at=NOW)


def test_it_covers_what_was_agreed_to_and_grows() -> None:
    one = consent()
    assert one.covers("openid")
    assert not one.covers("openid profile")
    one.give(["profile"], NOW)
    assert one.covers("openid profile")


def test_taken_back_it_covers_nothing_and_its_tokens_end_once() -> None:
    one = consent()
    one.give(["profile"], NOW)
    one.withdraw(NOW)
    one.withdraw(NOW)
    assert not one.covers("openid")
    revoked = [entry["data"]["scope"] for entry in one.recorded if entry["type"] == RevocationPublished.type]
    assert (revoked, one.token_version) == (["consent:consent-1"], 2)
    one.give(["openid"], NOW)
    assert one.covers("openid")
    assert not one.covers("profile"), "what was agreed to before is not agreed to again"
