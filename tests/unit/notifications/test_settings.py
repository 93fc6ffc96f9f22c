"""Settings of notifications."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.notifications.settings import NotificationsSettings
from shared.testing.certificates import self_signed

GOOD: dict[str, Any] = {
    "http_port": 8104,
    "issuer": "http://127.0.0.1:8101",
    "kafka_bootstrap": "127.0.0.1:9092",
    "kafka_username": "notifications",
    "kafka_password": "-",
    "mongo_uri": "mongodb://127.0.0.1",
    "smtp_host": "127.0.0.1",
    "smtp_port": 1025,
}


@pytest.mark.parametrize("sender", ["no-reply@example.org", "大连通办 <no-reply@example.org>"])
def test_the_sender_has_an_address(sender: str) -> None:
    assert NotificationsSettings.model_validate(GOOD | {"mail_from": sender}).mail_from == sender


@pytest.mark.parametrize("sender", ["", "nobody", "a@", "@b", "x <a b@c>", "a@b\r\nBcc: c@d"])
def test_a_sender_without_address_is_refused(sender: str) -> None:
    with pytest.raises(ValidationError, match="mail_from"):
        NotificationsSettings.model_validate(GOOD | {"mail_from": sender})


def test_who_may_vouch_for_the_mail_server_is_read_and_used_or_refused(tmp_path: Path) -> None:
    wish = GOOD | {"mail_from": "a@b.org", "smtp_security": "starttls", "smtp_ca_file": self_signed(tmp_path)[0]}
    assert NotificationsSettings.model_validate(wish).server.trusted is not None
    for wrong in ({"smtp_ca_file": tmp_path / "nobody.pem"}, {"smtp_security": "offered"}):
        with pytest.raises(ValidationError, match="smtp_ca_file"):
            NotificationsSettings.model_validate(wish | wrong)
