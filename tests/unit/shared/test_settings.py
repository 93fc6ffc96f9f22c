"""Settings from the environment."""

from typing import ClassVar

import pytest

from shared.settings import ServiceSettings, SettingsError, load


class WaterworksSettings(ServiceSettings):
    """Settings of an imagined service."""

    service: ClassVar[str] = "waterworks"
    reservoir_url: str


GOOD = {
    "HTTP_PORT": "8109",
    "ISSUER": "http://127.0.0.1:8101",
    "KAFKA_BOOTSTRAP": "127.0.0.1:9092",
    "KAFKA_USERNAME": "waterworks",
    "KAFKA_PASSWORD": "canary-kafka",
    "MONGO_URI": "mongodb://user:canary-mongo@127.0.0.1:27017",
    "RESERVOIR_URL": "file:///water",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(f"TONGBAN_{name}", value)
    return monkeypatch


def test_a_complete_environment_loads_with_its_defaults(environment: pytest.MonkeyPatch) -> None:
    settings = load(WaterworksSettings)
    assert settings.mongo_database == "tongban_waterworks"
    assert settings.instance.endswith(":8109")
    assert settings.http_host == "127.0.0.1"
    assert settings.reservoir_url == "file:///water"


def test_every_missing_and_wrong_setting_is_named_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("TONGBAN_KAFKA_PASSWORD")
    environment.delenv("TONGBAN_RESERVOIR_URL")
    environment.setenv("TONGBAN_MONGO_URI", "")
    environment.setenv("TONGBAN_HTTP_PORT", "many")
    environment.setenv("TONGBAN_ISSUER", "identity")
    with pytest.raises(SettingsError) as caught:
        load(WaterworksSettings)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "TONGBAN_HTTP_PORT",
        "TONGBAN_ISSUER",
        "TONGBAN_KAFKA_PASSWORD",
        "TONGBAN_MONGO_URI",
        "TONGBAN_RESERVOIR_URL",
    ]
    assert "TONGBAN_KAFKA_PASSWORD: is missing" in lines


@pytest.mark.parametrize("issuer", ["http://a/", "http://a?x=1", "http://a#x", "ftp//a"])
def test_an_issuer_that_cannot_be_compared_is_refused(environment: pytest.MonkeyPatch, issuer: str) -> None:
    environment.setenv("TONGBAN_ISSUER", issuer)
    with pytest.raises(SettingsError, match="TONGBAN_ISSUER"):
        load(WaterworksSettings)


def test_no_secret_shows_in_errors_or_in_the_settings(environment: pytest.MonkeyPatch) -> None:
    assert "canary" not in repr(load(WaterworksSettings))
    environment.setenv("TONGBAN_LOG_LEVEL", "canary-level")
    with pytest.raises(SettingsError) as caught:
        load(WaterworksSettings)
    assert "canary" not in str(caught.value)


def test_a_crash_point_that_does_not_exist_is_named_at_the_start(environment: pytest.MonkeyPatch) -> None:
    assert load(WaterworksSettings).crash_at == ""
    environment.setenv("TONGBAN_CRASH_AT", "after-lunch:1")
    with pytest.raises(SettingsError, match=r"TONGBAN_CRASH_AT: .*there are after-write, after-produce"):
        load(WaterworksSettings)
