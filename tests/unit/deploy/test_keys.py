"""`tongban keys`: an operator of this machine has data keys closed by another master key."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.local.commands import keys
from deploy.local.trouble import Trouble


@dataclass
class FakeIdentity:
    """Answers as identity does: a run that takes some looks to end."""

    file: Path
    looks: int = 2
    error: str | None = None
    asked: list[str] = field(default_factory=list)
    run: dict[str, Any] | None = None

    def ask(self, _: str, method: str, path: str) -> dict[str, Any]:
        self.asked.append(f"{method} {path}")
        self.run = {"rewrapped": 0, "running": True, "error": None}
        return self.run

    def get(self, *_: str) -> dict[str, Any]:
        if self.run is not None:
            self.looks -= 1
            done = self.looks <= 0
            self.run = {"rewrapped": 3 - self.looks, "running": not done, "error": self.error if done else None}
        left = 0 if self.run is not None and not self.run["running"] and not self.error else 3
        return {"current": self.file.read_text().split()[0], "left": left, "run": self.run}


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeIdentity:
    file = tmp_path / "master.keys"
    file.write_text(f"first {'a' * 64}\n")
    fake = FakeIdentity(file)
    program = SimpleNamespace(name="identity", environment={"TONGBAN_MASTER_KEY_FILE": str(file)})
    monkeypatch.setattr("deploy.local.commands.keys.City.here", lambda: SimpleNamespace(programs=[program]))
    monkeypatch.setattr(keys, "_identity", lambda _: fake)
    monkeypatch.setattr("deploy.local.commands.keys.time.sleep", lambda _: None)
    return fake


@pytest.fixture
def say() -> Callable[..., str]:
    def run(*words: str) -> str:
        result = CliRunner().invoke(keys.commands, ["keys", *words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_the_state_is_told(identity: FakeIdentity, say: Callable[..., str]) -> None:
    assert say("status") == "Master key first closes; 3 data keys need another one.\n"
    assert identity.asked == []


def test_rotating_puts_a_key_on_top_and_has_all_closed_by_it(identity: FakeIdentity, say: Callable[..., str]) -> None:
    told = say("rotate")
    new, old = [line.split()[0] for line in identity.file.read_text().splitlines()]
    assert old == "first"
    assert f"Master key {new} closes; no data key needs another one." in told
    assert identity.asked == ["POST /master-keys/rewrap"]
    assert "a" * 64 not in told


def test_a_run_that_broke_off_is_told(identity: FakeIdentity, say: Callable[..., str]) -> None:
    identity.error = "Unavailable"
    with pytest.raises(Trouble, match="Unavailable"):
        say("rewrap")


def test_a_file_that_cannot_be_understood_is_told_and_left_alone(
    identity: FakeIdentity, say: Callable[..., str]
) -> None:
    identity.file.write_text("a slip of the pen\n")
    with pytest.raises(Trouble, match="line 1"):
        say("rotate")
    assert identity.file.read_text() == "a slip of the pen\n"
    assert identity.asked == []
