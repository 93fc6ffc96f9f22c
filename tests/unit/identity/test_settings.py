"""What identity is told beyond every service's settings."""

from ipaddress import ip_network

import pytest

from services.identity.settings import IdentitySettings
from shared.settings import SettingsError, load

NEEDED = {
    "HTTP_PORT": "8101",
    "ISSUER": "http://127.0.0.1:8101",
    "KAFKA_BOOTSTRAP": "127.0.0.1:9092",
    "KAFKA_USERNAME": "identity",
    "KAFKA_PASSWORD": "x",
    "MONGO_URI": "mongodb://x",
    "KEY_PASSPHRASE": "a passphrase for tests",
    "OPERATOR_SECRET": "operator-secret-of-tests",
    "LOOKUP_KEY": "a lookup key for tests, long enough",
    "MASTER_KEY_FILE": "master.keys",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NEEDED.items():
        monkeypatch.setenv(f"TONGBAN_{name}", value)


@pytest.mark.parametrize(
    ("told", "known"),
    [
        (None, set()),
        ("", set()),
        ("10.0.0.1", {"10.0.0.1/32"}),
        ("10.0.0.0/8, 2001:db8::/32", {"10.0.0.0/8", "2001:db8::/32"}),
    ],
)
def test_proxies_are_named_by_address_or_network(
    monkeypatch: pytest.MonkeyPatch, told: str | None, known: set[str]
) -> None:
    if told is not None:
        monkeypatch.setenv("TONGBAN_TRUSTED_PROXIES", told)
    assert load(IdentitySettings).trusted_proxies == {ip_network(one) for one in known}


@pytest.mark.parametrize("told", ["proxy.example.org", "10.0.0.1,", "10.0.0.1/8", "*"])
def test_what_names_no_address_stops_the_start(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("TONGBAN_TRUSTED_PROXIES", told)
    with pytest.raises(SettingsError, match="TONGBAN_TRUSTED_PROXIES"):
        load(IdentitySettings)
