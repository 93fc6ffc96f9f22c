"""Settings from the environment."""

from pathlib import Path
from typing import ClassVar

import pytest

from shared.settings import ServiceSettings, SettingsError, load
from shared.testing.certificates import self_signed


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


@pytest.mark.parametrize("issuer", ["http://identity.example.org", "http://10.0.0.7:8101", "http://127.0.0.1.nip.io"])
def test_beyond_this_machine_an_issuer_is_https(environment: pytest.MonkeyPatch, issuer: str) -> None:
    environment.setenv("TONGBAN_ISSUER", issuer)
    with pytest.raises(SettingsError, match=r"TONGBAN_ISSUER: .*https"):
        load(WaterworksSettings)
    environment.setenv("TONGBAN_ISSUER", issuer.replace("http:", "https:"))
    assert load(WaterworksSettings).issuer.startswith("https:")


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:8101", "http://[::1]:8101", "http://localhost:8101"])
def test_on_this_machine_it_need_not_be(environment: pytest.MonkeyPatch, issuer: str) -> None:
    environment.setenv("TONGBAN_ISSUER", issuer)
    assert load(WaterworksSettings).issuer == issuer


def test_what_is_secret_may_come_from_files(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As orchestrators mount them: one file each, named as the variable. The environment goes first."""
    environment.delenv("TONGBAN_KAFKA_PASSWORD")
    (tmp_path / "TONGBAN_KAFKA_PASSWORD").write_text("canary-of-a-file\n")
    (tmp_path / "TONGBAN_MONGO_URI").write_text("mongodb://of-a-file")
    environment.setenv("TONGBAN_SECRETS", str(tmp_path))
    settings = load(WaterworksSettings)
    assert settings.kafka_password.get_secret_value() == "canary-of-a-file"
    assert settings.mongo_uri.get_secret_value() == GOOD["MONGO_URI"]


def test_a_folder_of_secrets_that_is_not_there_is_told(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("TONGBAN_SECRETS", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="TONGBAN_SECRETS: "):
        load(WaterworksSettings)


def test_no_secret_shows_in_errors_or_in_the_settings(environment: pytest.MonkeyPatch) -> None:
    assert "canary" not in repr(load(WaterworksSettings))
    environment.setenv("TONGBAN_LOG_LEVEL", "canary-level")
    with pytest.raises(SettingsError) as caught:
        load(WaterworksSettings)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("protocol", "written"), [("SASL_SSL", None), ("SASL_SSL", "no certificate"), ("SASL_PLAINTEXT", "")]
)
def test_who_may_vouch_for_the_broker_is_read_at_the_start(
    environment: pytest.MonkeyPatch, tmp_path: Path, protocol: str, written: str | None
) -> None:
    """And not when it is first spoken to; nor is it passed over in silence."""
    file = tmp_path / "ca.pem"
    if written is not None:
        file.write_text(written or self_signed(tmp_path)[0].read_text())
    environment.setenv("TONGBAN_KAFKA_SECURITY_PROTOCOL", protocol)
    environment.setenv("TONGBAN_KAFKA_CA_FILE", str(file))
    with pytest.raises(SettingsError, match=r"^TONGBAN_KAFKA_CA_FILE: "):
        load(WaterworksSettings)
    file.write_text(self_signed(tmp_path)[0].read_text())
    environment.setenv("TONGBAN_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    assert load(WaterworksSettings).kafka_ca_file == file


def test_a_crash_point_that_does_not_exist_is_named_at_the_start(environment: pytest.MonkeyPatch) -> None:
    assert load(WaterworksSettings).crash_at == ""
    environment.setenv("TONGBAN_CRASH_AT", "after-lunch:1")
    with pytest.raises(SettingsError, match=r"TONGBAN_CRASH_AT: .*there are after-write, after-produce"):
        load(WaterworksSettings)


def test_where_others_come_in_no_process_is_told_to_kill_itself(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TONGBAN_CRASH_AT", "after-write:1")
    assert load(WaterworksSettings).crash_at
    environment.setenv("TONGBAN_ISSUER", "https://identity.example.org")
    with pytest.raises(SettingsError, match=r"TONGBAN_CRASH_AT: .*tests"):
        load(WaterworksSettings)
