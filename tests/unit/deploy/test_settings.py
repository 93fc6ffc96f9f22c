"""Where the embedded city lives: every fault at once, in the words of the variables."""

from pathlib import Path

import pytest

from deploy.local.settings import Settings, load
from deploy.local.trouble import Trouble


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"TONGBAN_{name.upper()}", raising=False)


def test_without_a_word_everything_has_its_usual_place() -> None:
    settings = load()
    assert settings.urls["identity"] == "http://127.0.0.1:8101"
    assert settings.ports["kafka"] == 9092
    assert settings.cache_folder == settings.state / "cache"
    assert settings.state.name == ".tongban"


def test_every_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGBAN_KAFKA_PORT", "80")
    monkeypatch.setenv("TONGBAN_STORE_PORT", "many")
    with pytest.raises(Trouble) as raised:
        load()
    assert [line.split(":")[0] for line in raised.value.lines] == ["TONGBAN_KAFKA_PORT", "TONGBAN_STORE_PORT"]
    assert all(given in line for given, line in zip(["'80'", "'many'"], raised.value.lines, strict=True))


def test_two_things_cannot_share_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGBAN_INTAKE_PORT", "8101")
    with pytest.raises(Trouble, match="TONGBAN_IDENTITY_PORT and TONGBAN_INTAKE_PORT are all 8101"):
        load()


def test_a_relative_folder_is_meant_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGBAN_STATE", "somewhere")
    assert load().state == Path.cwd() / "somewhere"


def test_the_address_of_a_client_does_not_make_a_broker_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGBAN_KAFKA_BOOTSTRAP", "10.0.0.1:9092")
    assert not load().outside_broker
    monkeypatch.setenv("TONGBAN_KAFKA_ADMIN_PASSWORD", "secret")
    assert load().outside_broker
    assert "secret" not in repr(load())
